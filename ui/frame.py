"""What frames every page: the app's name, and the margins."""

from pathlib import Path

import streamlit as st

ICON = Path(__file__).parent / "icon.svg"

_STYLE = """
<style>
.stMainBlockContainer { padding: 1.9rem clamp(0.75rem, 2vw, 2rem) 0.75rem; }
.stAppHeader { background: transparent; min-height: 0; height: 1.9rem; }
@media (max-width: 640px) { .stMainBlockContainer { padding-top: 2.4rem; } .stAppHeader { height: 2.4rem; } }
</style>
"""


def dress() -> None:
    """Put the app's name above the navigation and give the charts the width of the window."""
    st.html(_STYLE)
    st.sidebar.header("RNN playground", anchor=False)
