"""RNN playground: see toy recurrent networks learn. Run with `streamlit run app.py`."""

import streamlit as st

from ui.frame import ICON, dress, open_door
from ui.navigation import LESSONS, PLAYGROUND

st.set_page_config(page_title="RNN playground", page_icon=str(ICON), layout="wide")
playground = st.Page(
    PLAYGROUND,
    title="Playground",
    icon=":material/science:",
    default=True,
    help="Train RNN, GRU and LSTM side by side and look inside while they learn.",
)
lessons = [st.Page(each.file, title=each.title, icon=each.icon, help=each.idea) for each in LESSONS]
page = st.navigation([playground, *lessons], position="top")
dress()
open_door()
page.run()
