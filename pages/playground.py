"""The playground: networks side by side on one task, retrained at every move of a slider."""

import streamlit as st

from ui import session
from ui.controls import setup_in_sidebar
from ui.frame import enter
from ui.navigation import PLAYGROUND
from ui.playground import live_run

enter(PLAYGROUND)
setup = setup_in_sidebar()
if session.notice():
    st.warning(session.notice() or "", icon=":material/link_off:")
live_run(setup)
session.keep_setup(setup)
