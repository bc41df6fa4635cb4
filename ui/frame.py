"""What frames every page: the app's name, the margins, and the way in."""

from pathlib import Path

import streamlit as st

from ui import session

ICON = Path(__file__).parent / "icon.svg"

_STYLE = """
<style>
.stAppHeader { min-height: 0; height: 2.9rem; }
[data-testid="stTopNavLink"] { padding-inline: 0.4rem; gap: 0.3rem; font-size: 0.85rem; }
.stMainBlockContainer { padding: 3.3rem clamp(0.75rem, 2vw, 2rem) 0.75rem; }
</style>
"""


def dress() -> None:
    """Give the charts the width of the window, and all pages their place in the line at the top."""
    st.html(_STYLE)


def open_door() -> None:
    """Let pages in, and go to the one that was asked for before there was a door; called by the router."""
    wanted = session.remembered("wanted page")
    session.remember("door", True)
    if wanted:
        session.remember("wanted page", None)
        st.switch_page(wanted)


def enter(file: str) -> None:
    """Begin the page of `file`: make sure that the router has run.

    Streamlit takes a folder called `pages` for its older kind of navigation until `st.navigation` has been called
    for the first time. A visitor who opens the link of a page on a server that has just started comes in past the
    router; they are sent round by it.
    """
    if not session.remembered("door"):
        session.remember("wanted page", file)
        st.switch_page("app.py")
