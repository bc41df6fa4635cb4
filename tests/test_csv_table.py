"""A reader's file gives the right numbers or one clear sentence, never another error and never wrong numbers.

Each kind of file that people upload is here by name; then come 300 files of random bytes and 300 sound files
with damage, of which is asked only that nothing but SeriesError comes out.
"""

from __future__ import annotations

import csv
import io
import random

import numpy as np
import pytest

from engine import Experiment, SeriesError, initial_state, record, task_of
from engine import series as library
from engine.csv_table import LARGEST, column_numbers, is_counter, read_table
from engine.series import series_from_values

NAN = float("nan")


def numbers(text: str | bytes, column: str) -> list[float]:
    """Column `column` of the file."""
    data = text.encode() if isinstance(text, str) else text
    return [float(number) for number in column_numbers(read_table(data), column)]


def refusal(data: bytes) -> str:
    """The sentence with which a file, or the best column in it, is turned down."""
    with pytest.raises(SeriesError) as refused:
        accept(data)
    return str(refused.value)


def accept(data: bytes) -> None:
    """All that happens to an upload, up to the first look at an untrained network."""
    table = read_table(data)
    names = table.numeric_columns() or list(table.columns)
    series = series_from_values(names[0], column_numbers(table, names[0]))
    assert np.isfinite(series.values).all()
    name = library.register(series)
    task = task_of(Experiment(task="series", series=name, length=4))
    experiment = Experiment(task="series", series=name, length=task.default_length)
    recording = record(experiment, initial_state(experiment))
    assert np.isfinite(recording.outputs).all() and np.isfinite(task.chance(experiment.length).metric)
    assert np.isfinite(task.sample(np.random.default_rng(0), experiment.length, 8).inputs).all()


def column_of(values: list[object], heading: str = "value") -> bytes:
    """A file of one column."""
    return "\n".join([heading, *map(str, values)]).encode()


# --- what is read ---


@pytest.mark.parametrize(
    ("text", "column", "expected"),
    [
        pytest.param("day,level\n1,2.5\n2,-3\n3,1e3\n", "level", [2.5, -3, 1000], id="plain"),
        pytest.param("2.5\n3.5\n", "column 1", [2.5, 3.5], id="no heading"),
        pytest.param("1,2.5\n2,3.5\n", "column 2", [2.5, 3.5], id="two columns without heading"),
        pytest.param("day;level\n1;2.5\n2;3.5\n", "level", [2.5, 3.5], id="semicolons"),
        pytest.param("day\tlevel\n1\t2.5\n2\t3.5\n", "level", [2.5, 3.5], id="tabs"),
        pytest.param("day|level\n1|2.5\n2|3.5\n", "level", [2.5, 3.5], id="bars"),
        pytest.param("day;level\n1;2,5\n2;-3,25\n", "level", [2.5, -3.25], id="decimal commas"),
        pytest.param("day\tlevel\n1\t2,5\n2\t3\n", "level", [2.5, 3], id="tabs and decimal commas"),
        pytest.param("level\n2,5\n3\n-3,25\n", "level", [2.5, 3, -3.25], id="one column of decimal commas"),
        pytest.param("2,5\n3,75\n-3,25\n", "column 1", [2.5, 3.75, -3.25], id="the same without heading"),
        pytest.param("level\n2,5\n\n3,5\nn/a\n4,5\n", "level", [2.5, 3.5, NAN, 4.5], id="the same with a gap"),
        pytest.param('level\n"2,5"\n"3,25"\n', "level", [2.5, 3.25], id="quoted decimal commas"),
        pytest.param('day,level\n1,"2,5"\n2,"3,25"\n', "level", [2.5, 3.25], id="quoted decimal commas after commas"),
        pytest.param("x1,x2\n1,5\n2,6\n3,7\n", "x2", [5, 6, 7], id="digits in the headings"),
        pytest.param("Tide gauge\n\nday,level\n1,5\n2,6\n", "column 2", [NAN, 5, 6], id="a line above the heading"),
        pytest.param('day,level\n1,"1,234"\n2,987\n3,"1,234,567.5"\n', "level", [1234, 987, 1234567.5], id="thousands"),
        pytest.param('level\n"1,234.5"\n"12,345.25"\n', "level", [1234.5, 12345.25], id="one column of thousands"),
        pytest.param('level\n"1,234"\n"987"\n"2,345"\n', "level", [1234, 987, 2345], id="whole thousands"),
        pytest.param("day;level\n1;1.234,5\n2;987,25\n", "level", [1234.5, 987.25], id="thousands with points"),
        pytest.param("day;level\n1;1.234.567\n2;2.345.678\n", "level", [1234567, 2345678], id="millions with points"),
        pytest.param("day;level\n1;1 234,5\n2;1\u202f234,5\n", "level", [1234.5, 1234.5], id="thousands with spaces"),
        pytest.param("day;level\n1;1'234.5\n2;1’234.5\n", "level", [1234.5, 1234.5], id="thousands with apostrophes"),
        pytest.param('day,level\n1,"1,234"\n2,"2,345"\n', "level", [1234, 2345], id="either, after commas"),
        pytest.param("day;level\n1;1,234\n2;2,345\n", "level", [1.234, 2.345], id="either, after semicolons"),
        pytest.param("day;level\n1;1.234\n2;2.345\n", "level", [1.234, 2.345], id="either, with points"),
        pytest.param("level\n1,234\n2,345\n", "level", [1.234, 2.345], id="either, in one column"),
        pytest.param("day;level\n1;1.5\n2;2,5\n3;3,5\n", "level", [NAN, 2.5, 3.5], id="a point among decimal commas"),
        pytest.param("level\n5 %\n€ 7\n\u22123\n1234 $\n", "level", [5, 7, -3, 1234], id="signs"),
        pytest.param("a\n1\nNaN\nnull\n-\n?\n\ninf\n1_0\n2\n", "a", [1, *[NAN] * 4, np.inf, NAN, 2], id="missing"),
        pytest.param("level,level,,\n1,2,3,4\n5,6,7,8\n", "level (2)", [2, 6], id="duplicate headings"),
        pytest.param("level,level,,\n1,2,3,4\n5,6,7,8\n", "column 4", [4, 8], id="empty headings"),
        pytest.param("a,a (3),a\n1,2,3\n4,5,6\n", "a (3)", [2, 5], id="headings that look like ours"),
        pytest.param("a,b\n1\n2,3\n4,5,6\n7,8\n", "b", [NAN, 3, 5, 8], id="ragged rows"),
        pytest.param("# note\na,b\n1,2\n# more\n3,4\n  # last\n", "b", [2, 4], id="comment lines"),
        pytest.param('a,note,b\n1,"x, y",2\n3,"he said ""no""",4\n', "b", [2, 4], id="quotes"),
        pytest.param('a,note,b\n1,"two\nlines",2\n3,one,4\n', "b", [2, 4], id="a line break in a cell"),
        pytest.param("a,b\r\n1,2\r\n3,4\r\n", "b", [2, 4], id="windows line ends"),
        pytest.param("a,b\r1,2\r3,4\r", "b", [2, 4], id="old mac line ends"),
        pytest.param(" a , b \n 1 , 2 \n 3 , 4 \n", "b", [2, 4], id="spaces round cells"),
        pytest.param("a,b,\n1,2,\n3,4,\n", "b", [2, 4], id="a separator at the end"),
        pytest.param("when,b\n2001-01-01,2\n2001-01-02,4\n", "b", [2, 4], id="dates beside"),
        pytest.param("b\n1e300\n1e999\n-2\n", "b", [1e300, np.inf, -2], id="huge numbers"),
        pytest.param("wärme\n1\n2\n".encode("utf-8-sig"), "wärme", [1, 2], id="utf-8 with a byte order mark"),
        pytest.param("wärme\n1,5\n2\n".encode("utf-16"), "wärme", [1.5, 2], id="utf-16"),
        pytest.param("\ufeffwärme\n1,5\n2\n".encode("utf-16-be"), "wärme", [1.5, 2], id="utf-16, big end first"),
        pytest.param("wärme;€\n1,5;2\n2;3\n".encode("cp1252"), "wärme", [1.5, 2], id="windows-1252"),
        pytest.param("wärme\n1,5\n2\n".encode("latin-1"), "wärme", [1.5, 2], id="latin-1"),
    ],
)  # fmt: skip
def test_usual_files_give_the_right_numbers(text: str | bytes, column: str, expected: list[float]) -> None:
    np.testing.assert_array_equal(numbers(text, column), expected)


def test_columns_keep_their_order_and_only_those_of_numbers_are_offered() -> None:
    table = read_table(b"when,level,note,empty\n2001,1.5,wet,\n2002,,dry,\n2003,x,wet,\n2004,3,dry,\n")
    assert list(table.columns) == ["when", "level", "note", "empty"]
    assert table.numeric_columns() == ["when", "level"]
    assert {len(cells) for cells in table.columns.values()} == {4}


def test_no_column_is_lost_however_headings_repeat() -> None:
    draw = random.Random(2)
    for _ in range(100):
        headings = [draw.choice(["a", "", "a (2)", "a (3)", "column 2", "column 3"]) for _ in range(5)]
        table = read_table((",".join(headings) + "\n1,2,3,4,5\n6,7,8,9,10\n").encode())
        assert [cells[0] for cells in table.columns.values()] == list("12345")


def test_two_hundred_thousand_rows() -> None:
    rows = "\n".join(f"{number};{number % 97},5" for number in range(200_000))
    table = read_table(f"number;level\n{rows}\n".encode())
    levels = column_numbers(table, "level")
    np.testing.assert_array_equal(levels, np.arange(200_000) % 97 + 0.5)
    series = series_from_values("level", levels)
    np.testing.assert_array_equal(series.values, levels[-50_000:])
    assert "last 50,000 of 200,000" in series.notes[0]


@pytest.mark.parametrize("separator", [",", ";", "\t", "|"])
@pytest.mark.parametrize("decimal", [".", ","])
@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "cp1252"])
def test_what_the_csv_module_writes_is_read_back(separator: str, decimal: str, encoding: str) -> None:
    draw = random.Random(3)
    for _ in range(5):
        levels = [round(draw.uniform(-2e4, 2e4), draw.choice([1, 2, 4, 6])) for _ in range(40)]
        written = io.StringIO()
        rows = csv.writer(written, delimiter=separator)
        rows.writerow(["day", "größe, m", "note"])
        for day, level in enumerate(levels):
            rows.writerow([day, str(level).replace(".", decimal), draw.choice(["", "x", 'a "b", c', "1;2|3"])])
        assert numbers(written.getvalue().encode(encoding), "größe, m") == levels


# --- what is turned down ---


@pytest.mark.parametrize(
    ("data", "says"),
    [
        pytest.param(b"", "empty", id="empty"),
        pytest.param(b"  \n\t\n\r\n  ", "empty", id="whitespace"),
        pytest.param(b"# only\n# comments\n", "empty", id="comments"),
        pytest.param(b"\xef\xbb\xbf", "empty", id="byte order mark only"),
        pytest.param(bytes(range(256)) * 20, "not text", id="binary"),
        pytest.param(b"\x89PNG\r\n\x1a\n" + bytes(1000), "not text", id="picture"),
        pytest.param(b"PK\x03\x04" + bytes(range(128, 256)) * 9, "not text", id="spreadsheet"),
        pytest.param(b"\xff\xfea", "not text", id="half a utf-16 character"),
        pytest.param(b"day,level\n", "heading but no rows", id="heading only"),
        pytest.param(b"day,level", "heading but no rows", id="heading without line end"),
        pytest.param(b"name\nanna\nberta\n", "holds no numbers", id="one column of text"),
        pytest.param(b"level\n\n\nn/a\n", "holds no numbers", id="gaps only"),
        pytest.param(b"level\n3\n", "has 1 numbers: a series needs at least 30", id="one row"),
        pytest.param(b"3", "has 1 numbers: a series needs at least 30", id="one cell"),
        pytest.param(column_of([*range(29), *[""] * 50, *["x"] * 20]), "has 29 numbers", id="29 numbers"),
        pytest.param(column_of([7] * 100), "hardly ever changes", id="constant"),
        pytest.param(column_of([7] * 90 + [*range(10)]), "hardly ever changes", id="constant in training"),
        pytest.param(column_of([1e101, *range(100)]), "beyond 1e100", id="huge number"),
        pytest.param(column_of([1e308, "n/a", -1e308, *range(100)]), "beyond 1e100", id="huge numbers round a gap"),
        pytest.param(column_of([*range(100), 1e99]), "far beyond", id="a leap that float32 does not hold"),
        pytest.param(b"day level\n" + b"".join(b"%d %d\n" % (n, n % 7) for n in range(50)), "no numbers", id="spaces"),
        pytest.param(b"value\n" + b"1" * 200_000 + b"\n2\n3\n", "can't be read as CSV", id="an endless cell"),
        pytest.param(b'value\n"' + b"1\n" * 200_000, "can't be read as CSV", id="a quote that never ends"),
        pytest.param(b"1\n" * (LARGEST // 2 + 1), "20 MB: upload one of at most 20 MB", id="too large"),
    ],
)  # fmt: skip
def test_useless_files_get_one_clear_sentence(data: bytes, says: str) -> None:
    sentence = refusal(data)
    assert says in sentence
    assert sentence.endswith(".") or sentence.endswith(".)")
    assert "\n" not in sentence and len(sentence) < 250


def test_an_unknown_column_is_named() -> None:
    with pytest.raises(SeriesError, match="no column “b”: choose one of a"):
        column_numbers(read_table(b"a\n1\n2\n"), "b")


# --- anything else ---


def random_file(draw: random.Random) -> bytes:
    """Bytes of one of the kinds that are likely to reach deep into the reader."""
    anything, text = bytes(range(256)), bytes(range(32, 127)) + b"\n\t"
    alphabet = draw.choice([anything, text, b"0123456789.,;-+eE \n\"'%", b',;"\n1a', b"12.\n\n", b"1,2\n", b"1;,2\n\n"])
    head = draw.choice([b"", b"", b"", b"\xef\xbb\xbf", b"\xff\xfe", b"\xff\xfe\x00\x00"])
    return head + bytes(draw.choices(alphabet, k=draw.choice([1, 5, 40, 400, 4000])))


def damaged_file(draw: random.Random) -> bytes:
    """A sound file of 60 rows after some accidents."""
    separator, decimal = draw.choice([(",", "."), (";", ","), ("\t", ","), ("|", ".")])
    rows = [["day", "level", "note"]]
    rows += [[str(day), f"{draw.gauss(0, 50):.3f}".replace(".", decimal), "x"] for day in range(60)]
    text = "\n".join(separator.join(row) for row in rows)
    data = bytearray(text.encode(draw.choice(["utf-8", "utf-8-sig", "utf-16", "cp1252"])))
    for _ in range(draw.randint(1, 8)):
        at, to = sorted(draw.randrange(len(data) + 1) for _ in range(2))
        match draw.randrange(6):
            case 0:
                data[at:at] = bytes(draw.choices(b'0123456789eE.,;-"\n\r\t\x00\x1a\xff\xe9 ', k=draw.randint(1, 9)))
            case 1:
                del data[at : min(to, at + draw.choice([1, 5, 2000]))]
            case 2:
                data[at:at] = data[at:to]
            case 3:
                data[at:to] = data[at:to].replace(b".", b",")
            case 4:
                data[at:to] = data[at:to].replace(b"\n", draw.choice([b"\r", b"\r\n", b"\n\n", b" ", b"\n#", b'\n"']))
            case 5:
                data[at:to] = data[at:to].replace(b"x", draw.choice([b"1e99", b"-1e308", b"nan", b"1" * 400, b"inf"]))
    return bytes(data)


@pytest.mark.parametrize("make", [random_file, damaged_file])
def test_nothing_but_a_series_error_ever_comes_out(make: object) -> None:
    draw, accepted = random.Random(11), 0
    for number in range(300):
        data = make(draw)  # type: ignore[operator]
        try:
            accept(data)
            accepted += 1
        except SeriesError as refused:
            assert str(refused).strip(), number
        except Exception as error:
            raise AssertionError(f"file {number} raises {error!r}: {data[:300]!r}") from error
    assert accepted > 20, "hardly any file came through, so hardly anything was tested"


@pytest.mark.parametrize(
    ("numbers", "counts"),
    [
        ([1, 2, 3, 4], True), ([2000, 2000.5, 2001], True), ([9, 8, 7], True), ([1, 2, 4], False), ([5, 5, 5], False),
        ([1, np.nan, 3], False), ([7], False), ([0.1, 0.2, 0.3, 0.4], True),
    ],
)  # fmt: skip
def test_a_column_that_only_counts_its_rows_is_told_from_a_measured_one(numbers: list[float], counts: bool) -> None:
    assert is_counter(np.array(numbers, np.float64)) == counts
