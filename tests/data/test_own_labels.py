"""Labels: each column by hand, and each mistake named with its line."""

import re
from contextlib import suppress
from pathlib import Path

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from pyro_factor.data.own.footage import Footage, Skipped
from pyro_factor.data.own.labels import read_labels
from pyro_factor.errors import InputError

NAMES, LENGTHS = ("a", "d\u00e9j\u00e0", "c/10"), (2, 1, 3)
BY_FRAME = [
    "a,0,left",
    "a,1,right",
    "d\u00e9j\u00e0,0,left",
    "c/10,0,up",
    "c/10,1,up",
    "c/10,2,left",
]


@pytest.fixture
def footage():
    frames = torch.zeros(sum(LENGTHS), 1, 2, 2, dtype=torch.uint8)
    skipped = (Skipped("broken", "damaged"),)
    return Footage(frames, NAMES, torch.tensor(LENGTHS), skipped)


@pytest.fixture
def read(tmp_path, footage):
    def read(*lines, encoding="utf-8"):
        path = tmp_path / "labels.csv"
        path.write_text("\n".join(lines) + "\n", encoding=encoding)
        return read_labels(str(path), footage)

    return read


def test_by_clip(read):
    labels = read("clip,static", "c/10,cat", "a,dog", "d\u00e9j\u00e0,cat")
    assert labels.static.tolist() == [1, 0, 0]
    assert labels.temporal is labels.position is None


def test_by_frame_in_any_order(read):
    labels = read("clip,frame,temporal", *BY_FRAME[::-1])
    assert labels.temporal.tolist() == [0, 1, 0, 2, 2, 0]
    assert labels.static is labels.position is None


def test_everything_at_once(read):
    identity = {"a": "dog", "d\u00e9j\u00e0": "cat", "c/10": "dog"}
    rows = [f"{x / 4},{row},{-x},{identity[row.split(',')[0]]}" for x, row in enumerate(BY_FRAME)]
    labels = read("y,clip,frame,temporal,x,static", *rows)
    assert labels.static.tolist() == [1, 0, 1]
    assert labels.temporal.tolist() == [0, 1, 0, 2, 2, 0]
    assert labels.position.tolist() == [[x / 4, -x] for x in range(6)]


def test_the_names_stay_in_the_order_of_the_numbers(read):
    rows = [f"{row},{'cat' if row.startswith('c') else 'dog'}" for row in BY_FRAME]
    labels = read("clip,frame,temporal,static", *rows).to(torch.device("cpu"))
    cells = [row.split(",") for row in BY_FRAME]
    assert [labels.names["temporal"][n] for n in labels.temporal] == [c[2] for c in cells]
    assert [labels.names["static"][n] for n in labels.static] == ["dog", "dog", "cat"]


def test_positions_have_no_names(read):
    rows = [row.rpartition(",")[0] + ",1,2" for row in BY_FRAME]
    assert read("clip,frame,y,x", *rows).names == {}


def test_numbers_are_in_their_own_order(read):
    assert read("clip,static", "a,10", "d\u00e9j\u00e0,9", "c/10,100").static.tolist() == [1, 0, 2]


def test_what_spreadsheets_write(read):
    lines = ('"clip", static', 'a,"dog, large"', "d\u00e9j\u00e0,cat", "c/10,dog", "")
    assert read(*lines, encoding="utf-8-sig").static.tolist() == [2, 0, 1]


def test_a_name_is_the_same_in_both_spellings_of_an_accent(read):
    lines = ("clip,static", "a,x", "de\u0301ja\u0300,y", "c/10,z")
    assert read(*lines).static.tolist() == [0, 1, 2]


def test_rows_of_clips_that_are_left_out_are_passed_over(read):
    lines = ("clip,static", "a,x", "broken,w", "broken/7,w", "d\u00e9j\u00e0,y", "c/10,z")
    assert read(*lines).static.tolist() == [0, 1, 2]


CLIPS = ["clip,static", "a,x", "d\u00e9j\u00e0,y", "c/10,z"]
FRAMES = ["clip,frame,temporal", *BY_FRAME]
PLACES = ["clip,frame,y,x", *(row.rsplit(",", 1)[0] + ",0.5,1" for row in BY_FRAME)]
SAME = ["clip,frame,static", *(row.rsplit(",", 1)[0] + "," + row[0] for row in BY_FRAME)]


@pytest.mark.parametrize("lines", [CLIPS, FRAMES, PLACES, SAME])
def test_the_files_that_are_spoiled_below_are_right(read, lines):
    read(*lines)


@pytest.mark.parametrize(
    ("lines", "line", "said"),
    [
        ([*CLIPS, "b,x"], 5, "there is no clip 'b'; clips are called 'a', 'd\u00e9j\u00e0', ..."),
        ([*CLIPS, "brokenly,x"], 5, "there is no clip 'brokenly'"),
        ([*CLIPS, "a,x"], 5, "the same clip and frame as line 2; remove one"),
        ([*FRAMES, "a,1,left"], 8, "the same clip and frame as line 3; remove one"),
        (CLIPS[:-1], None, "clip 'c/10' has no row"),
        (FRAMES[:-1], None, "frame 2 of clip 'c/10' has no row"),
        ([*FRAMES[:-1], "c/10,3,left"], 7, "frame '3' of clip 'c/10'; give a number from 0 to 2"),
        ([*FRAMES[:-1], "c/10,-1,left"], 7, "frame '-1'"),
        ([*FRAMES[:-1], "c/10,1.0,left"], 7, "frame '1.0'"),
        ([*FRAMES[:-1], "c/10,,left"], 7, "frame ''"),
        ([*FRAMES[:-1], "c/10,2,"], 7, "temporal is empty; name a class"),
        ([*CLIPS[:-1], "c/10"], 4, "1 cells under clip,static; give one for each name"),
        ([*CLIPS[:-1], "c/10,z,z"], 4, "3 cells under clip,static"),
        ([*PLACES[:-1], "c/10,2,nan,0"], 7, "y is 'nan'; give a finite number"),
        ([*PLACES[:-1], "c/10,2,0,-inf"], 7, "x is '-inf'"),
        ([*PLACES[:-1], "c/10,2,0,high"], 7, "x is 'high'"),
        (
            [*SAME[:-1], "c/10,2,z"],
            7,
            "static changes within clip 'c/10'; give the same as in line 5",
        ),
        (["name,static", *CLIPS[1:]], 1, "columns name,static; name them clip,static or"),
        (["clip,statics", *CLIPS[1:]], 1, "columns clip,statics"),
        (["clip,temporal", *CLIPS[1:]], 1, "columns clip,temporal"),
        (["clip,clip", *CLIPS[1:]], 1, "2 cells under clip,clip"),
        (["clip,frame,y", *FRAMES[1:]], 1, "columns clip,frame,y"),
        (["clip,frame", "a,0"], 1, "columns clip,frame"),
        ([""], 1, "columns without names"),
        ([*CLIPS[:-1], '"c/10,z'], 4, "it can't be read (unexpected end of data)"),
    ],
)
def test_a_mistake_is_named_with_its_line(read, tmp_path, lines, line, said):
    place = f"labels: {tmp_path / 'labels.csv'}" + (f", line {line}: " if line else ": ")
    with pytest.raises(InputError, match=re.escape(place + said)):
        read(*lines)


def test_files_that_are_not_there_or_not_text(tmp_path, footage):
    with pytest.raises(InputError, match=r"labels: got '.*labels\.csv'; no such file"):
        read_labels(str(tmp_path / "labels.csv"), footage)
    (tmp_path / "labels.csv").write_bytes("clip,static\na,\xe9".encode("latin-1"))
    with pytest.raises(InputError, match=r"line \d: it can't be read .*utf-8.*save it as CSV"):
        read_labels(str(tmp_path / "labels.csv"), footage)


CELLS = st.sampled_from([*"012", "-1", "nan", "", "a", "c/10", "clip", "frame", "static", "y", '"'])


@given(lines=st.lists(st.lists(CELLS, max_size=5), max_size=6), start=st.sampled_from([0, 1, 2]))
def test_any_table_is_read_or_refused_with_a_sentence(tmp_path_factory, lines, start):
    heads = [[], [["clip", "static"]], [["clip", "frame", "static", "y", "x"]]]
    path = tmp_path_factory.mktemp("any") / "labels.csv"
    path.write_text("\n".join(map(",".join, heads[start] + lines)))
    clip = Footage(torch.zeros(2, 1, 2, 2).byte(), ("a",), torch.tensor([2]), ())
    with suppress(InputError):
        labels = read_labels(str(path), clip)
        assert labels.static is not None or labels.position is not None


def test_the_examples_of_the_page_on_data_are_read(tmp_path):
    page = (Path(__file__).parents[2] / "docs/data.md").read_text()
    by_clip, by_frame = re.findall(r"```text\n(clip.*?)```", page, re.DOTALL)
    (tmp_path / "labels.csv").write_text(by_clip)
    frames = torch.zeros(2, 1, 2, 2, dtype=torch.uint8)
    two = Footage(frames, ("walks/run.mp4", "blobs.npy/0"), torch.tensor([1, 1]), ())
    assert read_labels(str(tmp_path / "labels.csv"), two).static.tolist() == [0, 1]
    (tmp_path / "labels.csv").write_text(by_frame)
    one = Footage(frames, ("walks/run.mp4",), torch.tensor([2]), ())
    labels = read_labels(str(tmp_path / "labels.csv"), one)
    assert (labels.static.tolist(), labels.temporal.tolist()) == ([0], [0, 1])
    torch.testing.assert_close(labels.position, torch.tensor([[0.5, 0.1], [0.5, 0.4]]))
