"""The playground: networks side by side on one task, retrained at every move of a slider."""

import streamlit as st

from ui import session
from ui.controls import setup_in_sidebar
from ui.live import live_run

setup = setup_in_sidebar()
if session.notice():
    st.warning(session.notice() or "", icon=":material/link_off:")
live_run(setup)
session.keep_setup(setup)
