"""Tables of points as people and programs write them."""

import numpy as np
import pytest

from perceiver_cli.media.shapes.text_layout import find_layout
from tests.media.shapes.reading import VERTICES, read, refusal

COUNT = len(VERTICES)
ROWS = [tuple(f"{value:.6f}" for value in vertex) for vertex in VERTICES]


def table(separator=",", header="x,y,z", rows=ROWS, before="", after=""):
    head = [header.replace(",", separator)] if header else []
    return before + "\n".join([*head, *(separator.join(row) for row in rows)]) + "\n" + after


def check(text, vertices=VERTICES, left_out=0, encoding="utf-8"):
    cloud = read(text.encode(encoding))
    assert cloud.points == pytest.approx(vertices, abs=1e-6)
    hold = "holds" if left_out == 1 else "hold"
    expected = f"{left_out} of {len(vertices) + left_out} rows {hold} no point; left out"
    assert cloud.notes == ((expected,) if left_out else ())


@pytest.mark.parametrize("separator", [",", ";", "\t", " ", ", ", " ; "])
@pytest.mark.parametrize("header", ["", "x,y,z", "X,Y,Z"])
@pytest.mark.parametrize("end", ["\n", "\r\n", "\r"])
def test_separators_and_line_ends(separator, header, end):
    check(table(separator, header).replace("\n", end))


@pytest.mark.parametrize(
    "header",
    [
        *(
            "X [m],Y [m],Z [m]",
            "x (mm),y (mm),z (mm)",
            "x_coord,y_coord,z_coord",
            "Pos X,Pos Y,Pos Z",
        ),
        *(
            "Points:0,Points:1,Points:2",
            "Points_0,Points_1,Points_2",
            "position.x,position.y,position.z",
        ),
        *("X Coordinate,Y Coordinate,Z Coordinate", "Easting,Northing,Elevation", '"x","y","z"'),
        *("//X,Y,Z", "# x,y,z", "# made by someone\n# x,y,z", "px,py,pz", "x_m,y_m,z_m"),
    ],
)
def test_headers(header):
    check(table(",", header))


@pytest.mark.parametrize("encoding", ["utf-8-sig", "utf-16", "utf-16-le", "utf-16-be", "latin-1"])
def test_encodings(encoding):
    check(table(header="x (µm),y (µm),z (µm)"), encoding=encoding)


def test_more_than_one_header_line():
    check(table(before="Messung 7\nExport, 2020\n"))
    check(table(header="x,y,z\nm,m,m"))
    check(table(header="x,y,z\nmeters,meters,meters"))
    check(table(";", before="sep=;\n"))
    check(table(before=f"{COUNT}\n", header=""))
    check(table(" ", header="", before="a scan of a sphere made in 2020\n"))


MISSING = ["NA", "", "null", "NaN", "N/A", "-", "None", "#N/A", "nan", "inf"]


@pytest.mark.parametrize("word", MISSING)
@pytest.mark.parametrize("place", [0, 1, 2])
@pytest.mark.parametrize("row", [0, 7, COUNT - 1])
def test_gaps(word, place, row):
    rows = [list(each) for each in ROWS]
    rows[row][place] = word
    kept = np.delete(VERTICES, row, axis=0)
    for separator in (",", ";", "\t"):
        check(table(separator, rows=rows), kept, 1)
        # Enough columns that an empty cell at the end is none of the missing ones.
        check(table(separator, "", [[*each, "1"] for each in rows]), kept, 1)


def test_gaps_everywhere():
    rows = [["NA", "1", "2"] if i % 3 == 0 else row for i, row in enumerate(ROWS)]
    kept = np.delete(VERTICES, np.s_[::3], axis=0)
    check(table(rows=rows), kept, COUNT - len(kept))


@pytest.mark.parametrize(
    "total", ["Total,,,3\n", "Sum,1.0,2.0,3.0\n", f"{COUNT} points\n", "mean,0,0,0\n", ",,,\n"]
)
def test_a_total_row(total):
    rows = [(str(i), *row) for i, row in enumerate(ROWS)]
    check(table(header="id,x,y,z", rows=rows, after=total), left_out=1)
    check(table(header="", rows=rows, after=total), left_out=1)


@pytest.mark.parametrize("first", [0, 1])
@pytest.mark.parametrize("separator", [",", "\t", " ", ";"])
def test_a_leading_index_is_no_coordinate(first, separator):
    rows = [(str(i + first), *row) for i, row in enumerate(ROWS)]
    check(table(separator, "", rows))
    if separator != " ":
        check(table(separator, ",x,y,z", rows))
        check(table(separator, "Unnamed: 0,x,y,z", rows))
    check(table(separator, "index,x,y,z", rows))


def test_whole_numbers_that_rise_may_be_coordinates():
    text = "".join(f"{i} {i * i % 7} {i % 5} 9\n" for i in range(20))
    assert read(text.encode()).points[3].tolist() == [3, 2, 3]
    text = "".join(f"{i} {i / 7} {i % 5}\n" for i in range(20))
    assert read(text.encode()).points[3, 0] == 3


def test_exponents():
    rows = [tuple(f"{value:.6E}".replace("E", "D") for value in vertex) for vertex in VERTICES]
    for separator in (" ", ","):
        check(table(separator, "", rows))
        check(table(separator, "x,y,z", [[cell.lower() for cell in row] for row in rows]))


def test_decimal_commas():
    check(table(";").replace(".", ","))
    check(table("\t", "").replace(".", ","))


def test_quotes():
    check(table(rows=[[f'"{cell}"' for cell in row] for row in ROWS]))
    rows = [('"a, b"', *row) for row in ROWS]
    check(table(header="label,x,y,z", rows=rows))


def test_words_in_other_columns():
    rows = [(*row, "car" if i % 2 else "street, left") for i, row in enumerate(ROWS)]
    check(table(";", "x,y,z,label", rows))
    check(table(" ", "", [(*row, "car") for row in ROWS]))


def test_rows_of_other_lengths():
    rows = [(*row, *["1"] * (i % 3)) for i, row in enumerate(ROWS)]
    check(table(" ", "", rows))
    check(table(",", "x,y,z", rows))


def test_many_blocks(monkeypatch):
    monkeypatch.setattr("perceiver_cli.media.text.BLOCK_BYTES", 100)
    check(table())
    check(table(after="the end, of it all\n"), left_out=1)
    check(table(header="# x,y,z\n# more\n# and more"))


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("x,y,z\na,b,c\nd,e,f\ng,h,i\n", "whose x, y and z columns contain no numbers"),
        ("name,x,y\na,1,2\nb,2,3\nc,3,4\n", "(name, x, y) without x, y, z columns"),
        ("a,b,c\n1,2,3\n2,3,4\n3,4,5\n", "(a, b, c) without x, y, z columns"),
        ("lat,lon,speed\n1.5,2,3\n2,3,4\n3,4,5\n", "without x, y, z columns"),
        ("1,2\n2,3\n3,4\n", "a table of 2 columns"),
    ],
)
def test_other_tables(text, says):
    error = refusal(text.encode())
    assert error.kind == "unsupported"
    assert says in error.message


COLOURS = [
    ("255", "250", "250", "snow"),
    ("248", "248", "255", "GhostWhite"),
    ("0", "0", "0", "black"),
]


@pytest.mark.parametrize("separator", [" ", "\t", ",", "; "])
@pytest.mark.parametrize(
    "before", ["", "! $Xorg: rgb.txt,v 1.3 2000/08/17 $\n", "GIMP Palette\n#\n"]
)
def test_tables_of_colours(separator, before):
    error = refusal(table(separator, "", COLOURS, before).encode())
    assert (error.kind, error.message) == (
        "unsupported",
        "looks like a table of named colours, not a shape",
    )


@pytest.mark.parametrize("row", ["1 2 3 car", "1.5 2 3 car", "-1 2 3 car", "1 2 3 255 0 0 car"])
def test_points_with_a_class(row):
    text = "".join(f"{x} {y} {z} car\n" for x, y, z in np.ndindex(3, 3, 3)) + row + "\n"
    assert read(text.encode()).points.shape == (28, 3)


def test_messages_show_no_control_characters():
    error = refusal(b"sep=;\nid;x;y;z\x0c0\n;15;2;3\n2;1;1;1\n")
    assert "(id, x, y, z" in error.message


@pytest.mark.parametrize(
    "text",
    [
        "Dear Sir,\nI have 3 cats,\n2 dogs and 1 bird.\n",
        "the x y z axes\nof a table\nare named so\n",
        "a b c\nd e f\n",
        "10:30 start\n11:45 lunch break\n",
    ],
)
def test_prose(text):
    assert find_layout(text) is None
