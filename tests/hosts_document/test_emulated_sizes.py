"""Sizes of pictures as far as the text tells them, and frame ranges."""

from __future__ import annotations

import pytest

from nuke_ai_panel import nk
from nuke_ai_panel.errors import NotSimulatedError

SCRIPT = b"""version 15.1 v3
Root {
 inputs 0
 name /shots/a.nk
 format "1920 1080 0 0 1920 1080 1 HD_1080"
}
Read {
 inputs 0
 format "2048 1556 0 0 2048 1556 2 wide"
 name Read1
}
Blur {
 name Blur1
}
Reformat {
 name Reformat1
}
Grade {
 name Grade1
}
Constant {
 inputs 0
 name Constant1
}
Read {
 inputs 0
 name Read2
}
Dot {
 inputs 0
 name Dot1
}
"""


@pytest.fixture
def nuke():
    return nk.emulate(nk.loads(SCRIPT))


@pytest.mark.parametrize(
    ("name", "size"),
    [("Read1", (2048, 1556, 2)), ("Blur1", (2048, 1556, 2)), ("Constant1", (1920, 1080, 1)), ("Dot1", (1920, 1080, 1))],
)
def test_size_of_a_picture_is_read_off_the_text(nuke, name, size):
    node = nuke.toNode(name)
    assert (node.width(), node.height(), node.pixelAspect()) == size
    assert node.format().width() == size[0]


def test_root_has_the_size_of_the_script(nuke):
    assert (nuke.root().width(), nuke.root().height()) == (1920, 1080)


@pytest.mark.parametrize("name", ["Read2", "Reformat1", "Grade1"])
def test_size_that_depends_on_more_than_the_text_is_not_simulated(nuke, name):
    with pytest.raises(NotSimulatedError, match=f"format of {name}"):
        nuke.toNode(name).width()


def test_readers_are_asked_for_with_nukes_keyword(nuke):
    assert [node.name() for node in nuke.toNode("Read1").dependent(nuke.INPUTS, forceEvaluate=False)] == ["Blur1"]


def test_frame_range(nuke):
    frames = nuke.FrameRange(1, 9, 2)
    assert list(frames) == [1, 3, 5, 7, 9]
    assert (frames.first(), frames.last(), frames.increment(), frames.frames(), frames.getFrame(1)) == (1, 9, 2, 5, 3)
    assert (frames.minFrame(), frames.maxFrame(), str(frames)) == (1, 9, "1-9x2")
    assert frames.isInRange(3)
    assert not frames.isInRange(4)
    frames.setFirst(3)
    frames.setLast(5)
    frames.setIncrement(1)
    assert list(frames) == [3, 4, 5]
    assert list(nuke.FrameRange("5-1x-2")) == [5, 3, 1]
    assert list(nuke.FrameRange("7")) == [7]
    with pytest.raises(ValueError, match="no frame range"):
        nuke.FrameRange("all")
    with pytest.raises(AttributeError):
        frames.nothing()


def test_frame_ranges(nuke):
    ranges = nuke.FrameRanges("1-3, 10 20-24x2")
    assert ranges.toFrameList() == [1, 2, 3, 10, 20, 22, 24]
    assert (ranges.size(), ranges.minFrame(), ranges.maxFrame()) == (3, 1, 24)
    assert str(ranges.getRange(2)) == "20-24x2"
    ranges.add(nuke.FrameRange(30, 31))
    assert [str(each) for each in ranges][-1] == "30-31"
    ranges.clear()
    assert ranges.size() == 0
    with pytest.raises(NotSimulatedError, match="compact"):
        ranges.compact()
