"""What frames every page: the app's name, and the margins."""

from pathlib import Path

import streamlit as st

ICON = Path(__file__).parent / "icon.svg"

_STYLE = """
<style>
[data-testid="stMainBlockContainer"] { padding-left: clamp(0.75rem, 2vw, 2rem); padding-right: clamp(0.75rem, 2vw, 2rem); }
</style>
"""


def dress() -> None:
    """Put the app's name above the navigation and give the charts the width of the window."""
    st.html(_STYLE)
    st.sidebar.header("RNN playground", anchor=False)
