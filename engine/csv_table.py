"""A reader's CSV file, as forgiving as can be: any usual separator, decimal comma, encoding or gap.

The standard library's csv module does the parsing; pandas would do it too, but adds 60 MB to the page
process for this alone.
"""

from __future__ import annotations

import csv
import itertools
import re
from collections import Counter
from dataclasses import dataclass

import numpy as np

from engine.errors import SeriesError

LARGEST = 20_000_000  # bytes
SEPARATORS = ";\t,|"
MISSING = {"", "na", "n/a", "nan", "null", "none", "-", "--", ".", "?", "#n/a", "missing"}
LOOKALIKES = str.maketrans({"\u00a0": " ", "\u2009": " ", "\u202f": " ", "’": "'", "\u2212": "-"})
GROUPED = {  # thousands set apart, by decimal mark
    ".": re.compile(r"[+-]?\d{1,3}([, '])\d{3}(?:\1\d{3})*(?:\.\d*)?"),
    ",": re.compile(r"[+-]?\d{1,3}([. '])\d{3}(?:\1\d{3})*(?:,\d*)?"),
}


@dataclass(frozen=True)
class Table:
    """Columns of text, all of one length.

    Attributes:
        columns: heading → cells, top to bottom.
        decimal: the decimal mark, "." or ",".
    """

    columns: dict[str, tuple[str, ...]]
    decimal: str

    def numeric_columns(self) -> list[str]:
        """Headings of the columns in which most cells that are not empty are numbers."""
        return [name for name in self.columns if _share_of_numbers(self, name) > 0.5]


def is_counter(numbers: np.ndarray) -> bool:
    """Whether a column (n,) only counts its rows, in equal steps: a number, a year, a time."""
    steps = np.diff(numbers)
    return bool(len(steps) and steps[0] and np.allclose(steps, steps[0], rtol=1e-6, atol=0))


def read_table(data: bytes) -> Table:
    """Parse a CSV file.

    Raises:
        SeriesError: empty, too large, not text, or without rows; the message says which.
    """
    if len(data) > LARGEST:
        raise SeriesError(f"The file has {len(data) / 1e6:.0f} MB: upload one of at most {LARGEST / 1e6:.0f} MB.")
    text = _decode(data)
    lines = [line for line in text.splitlines() if line.strip() and not line.lstrip().startswith("#")]
    if not lines:
        raise SeriesError("The file is empty: upload a CSV file with one value a row.")
    try:
        separator = _separator(lines[:50])
        rows = [[cell.strip() for cell in row] for row in csv.reader(lines, delimiter=separator)]
    except csv.Error:
        raise SeriesError("The file can't be read as CSV: save it as comma-separated text and try again.") from None
    rows = [row for row in rows if any(row)]
    if not rows:
        raise SeriesError("The file has separators but nothing between them: upload one with a value in each row.")
    decimal = _decimal_mark(rows[1:1000] or rows, separator)
    width = Counter(len(row) for row in rows).most_common(1)[0][0]
    heading = rows[0]
    if any(_is_number(cell, decimal) for cell in heading):
        heading = [f"column {number}" for number in range(1, width + 1)]
    else:
        rows = rows[1:]
    if not rows:
        raise SeriesError("The file has a heading but no rows: upload one with a value in each row.")
    columns: dict[str, tuple[str, ...]] = {}
    for number, cells in enumerate(itertools.zip_longest(*(row[:width] for row in rows), fillvalue="")):
        name = heading[number] if number < len(heading) and heading[number] else f"column {number + 1}"
        while name in columns:
            name += f" ({number + 1})"
        columns[name] = cells
    return Table(columns, decimal)


def column_numbers(table: Table, name: str) -> np.ndarray:
    """Column `name` as (n,) float64, NaN where a cell is empty or no number.

    Raises:
        SeriesError: no such column, or no number in it.
    """
    if name not in table.columns:
        raise SeriesError(f"The file has no column “{name[:40]}”: choose one of {', '.join(table.columns)[:80]}.")
    values = np.array([_number(cell, table.decimal) for cell in table.columns[name]])
    if not np.isfinite(values).any():
        raise SeriesError(f"Column “{name[:40]}” holds no numbers: choose a column of numbers.")
    return values


def _decode(data: bytes) -> str:
    if data.startswith((b"\xff\xfe", b"\xfe\xff")):
        encodings = ["utf-16"]
    elif b"\x00" in data[:10_000]:
        encodings = []
    else:
        encodings = ["utf-8-sig", "cp1252"]
    for encoding in encodings:
        try:
            text = data.decode(encoding)
        except UnicodeDecodeError:
            continue
        sample = text[:10_000]
        if sum(character.isprintable() or character.isspace() for character in sample) >= 0.95 * len(sample):
            return text
    raise SeriesError("The file is not text: upload a CSV file (from a spreadsheet: “save as CSV”).")


def _separator(lines: list[str]) -> str:
    """The character that cuts most lines into the same number of cells, more than one."""

    def agreement(separator: str) -> tuple[int, int]:
        widths = Counter(len(row) for row in csv.reader(lines, delimiter=separator))
        width, count = widths.most_common(1)[0]
        return (count if width > 1 else 0, -SEPARATORS.index(separator))

    best = max(SEPARATORS, key=agreement)
    if agreement(best)[0] == 0:  # one column; quoted if it has commas inside, and then they tell how it was written
        return "," if any("," in cell for row in csv.reader(lines) for cell in row) else ";"
    return ";" if best == "," and _all_decimal_commas(lines) else best


def _all_decimal_commas(lines: list[str]) -> bool:
    """Whether each line is a single number with a decimal comma ("3,14") or holds no comma: a file of one column."""
    cells = [line.strip().strip('"') for line in lines]
    return not any("," in cell and not (cell.count(",") == 1 and _is_number(cell, ",")) for cell in cells)


def _decimal_mark(rows: list[list[str]], separator: str) -> str:
    """The mark with which more cells are numbers; "1,234" is one with both, and told from the separator."""
    cells = [cell for row in rows for cell in row if "," in cell or "." in cell]
    with_comma, with_point = (sum(_is_number(cell, mark) for cell in cells) for mark in ",.")
    if with_comma == with_point:
        return "," if separator != "," and any("," in cell and _is_number(cell, ",") for cell in cells) else "."
    return "," if with_comma > with_point else "."


def _number(cell: str, decimal: str) -> float:
    cell = cell.translate(LOOKALIKES).strip(' "')
    if cell.lower() in MISSING:
        return np.nan
    cell = cell.rstrip("%€$£ ").lstrip("€$£ ")
    if grouped := GROUPED[decimal].fullmatch(cell):
        cell = cell.replace(grouped[1], "")
    if "_" in cell or (decimal == "," and "." in cell):
        return np.nan
    try:
        return float(cell.replace(",", ".") if decimal == "," else cell)
    except ValueError:
        return np.nan


def _is_number(cell: str, decimal: str) -> bool:
    return bool(np.isfinite(_number(cell, decimal)))


def _share_of_numbers(table: Table, name: str) -> float:
    cells = [cell for cell in table.columns[name][:5000] if cell.lower() not in MISSING]
    return sum(_is_number(cell, table.decimal) for cell in cells) / len(cells) if cells else 0.0
