"""Which measured series is forecast: one that comes with the app, or the viewer's own."""

from __future__ import annotations

import streamlit as st

from engine import series as library
from engine.csv_table import Table, column_numbers, is_counter, read_table
from engine.errors import SeriesError
from ui import session

OWN = "own"
SERIES_LABELS = {"el_nino": "El Niño", "co2": "CO₂", "sunspots": "Sunspots", OWN: "Your CSV"}


def series_controls() -> str:
    """Choose a measured series or upload one; its name."""
    chosen = st.segmented_control(
        "Series", list(SERIES_LABELS), format_func=SERIES_LABELS.__getitem__, key="series", required=True
    )
    if chosen != OWN:
        about = library.find(str(chosen))
        st.caption(f"{about.title}, by {about.interval}, in {about.unit}. Source: {about.source}; {about.licence}.")
        return str(chosen)
    file = st.file_uploader("A CSV file with a column of numbers, oldest first", key="upload")
    if file is not None:
        try:
            table = session.kept("table", file.file_id, lambda: read_table(file.getvalue()))
            columns, first = session.kept("columns", file.file_id, lambda: _columns_of(table))
            column = st.selectbox("Column", columns, first, key=f"column {file.file_id}")
            series = session.kept("series", (file.file_id, column), lambda: _series_of(table, column))
            session.set_own_series(library.register(series))
        except SeriesError as problem:
            st.error(str(problem), icon=":material/error:")
    own = session.own_series()
    if own is None or not library.is_here(own):
        st.caption("Until a file is here, the El Niño series is used.")
        return library.SHIPPED[0]
    about = library.find(own)
    count = f"{len(about.values):,} values, the last fifth kept back to judge by."
    st.caption(f"“{about.title}”: {count} {' '.join(about.notes)}")
    return own


def _columns_of(table: Table) -> tuple[list[str], int]:
    """The columns of numbers, and the place of the first that does more than count the rows."""
    columns = table.numeric_columns()
    if not columns:
        raise SeriesError("The file has no column of numbers: upload one with a value in each row.")
    measured = (place for place, name in enumerate(columns) if not is_counter(column_numbers(table, name)))
    return columns, next(measured, 0)


def _series_of(table: Table, column: str) -> library.Series:
    return library.series_from_values(column, column_numbers(table, column))
