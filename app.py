"""RNN playground: see toy recurrent networks learn. Run with `streamlit run app.py`."""

import streamlit as st

from ui.frame import ICON, dress

st.set_page_config(page_title="RNN playground", page_icon=str(ICON), layout="wide")
dress()
page = st.navigation(
    [
        st.Page(
            "pages/playground.py",
            title="Playground",
            icon=":material/science:",
            default=True,
            help="Train RNN, GRU and LSTM side by side and look inside while they learn.",
        )
    ]
)
page.run()
