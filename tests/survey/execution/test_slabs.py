from __future__ import annotations

import dataclasses

import pytest
from hypothesis import given
from hypothesis import strategies as st

from salt_infer.errors import JournalError, UsageError
from salt_survey.execution.slabs import MIB, SlabDone, divide, need
from salt_survey.sections.display import Display
from salt_survey.sections.in_flight import Flight
from salt_survey.volume.extent import Extent

F3 = (651, 951, 463)
DISPLAY = Display()


def whole(shape: tuple[int, int, int]) -> Extent:
    inlines, crosslines, samples = shape
    return Extent(shape, (0, inlines), (0, crosslines), (0, samples))


def least_of(shape: tuple[int, int, int], display: Display = DISPLAY) -> int:
    """Bytes that inline sections of a whole survey need at least."""
    extent = whole(shape)
    return need(extent, [extent.place("inline", display)])


@given(st.integers(1, 300), st.integers(1, 300), st.sampled_from(["inline", "crossline", "both"]))
def test_each_line_is_in_one_slab_and_each_chunk_too(
    inlines: int, crosslines: int, sections: str
) -> None:
    division = divide(whole((inlines, crosslines, 50)), sections, DISPLAY, 1024 * MIB)  # type: ignore[arg-type]
    for kind, count in (("inline", inlines), ("crossline", crosslines), ("mean", inlines)):
        slabs = [slab for slab in division.slabs if slab.kind == kind]
        lines = [line for slab in slabs for line in range(*slab.lines)]
        assert lines in ([], list(range(count)))
        assert all(slab.lines[0] % division.size == 0 for slab in slabs)
    assert [slab.number for slab in division.slabs] == list(range(len(division.slabs)))


def test_means_come_last_and_are_no_sections() -> None:
    division = divide(whole((100, 70, 50)), "both", DISPLAY, 1024 * MIB)
    kinds = [slab.kind for slab in division.slabs]
    assert kinds == ["inline"] * 2 + ["crossline"] * 2 + ["mean"] * 2
    assert division.sections == 170


def test_sections_of_a_part_end_where_chunks_do() -> None:
    extent = Extent(F3, (50, 140), (0, 951), (0, 463))
    slabs = divide(extent, "inline", DISPLAY, 1024 * MIB).slabs
    assert [slab.lines for slab in slabs] == [(50, 64), (64, 128), (128, 140)]


def test_blocks_cover_a_slab() -> None:
    slab = divide(whole((20, 30, 40)), "inline", DISPLAY, 1024 * MIB).slabs[0]
    sections = list(slab.sections(8))
    assert [section.place for section in sections] == list(range(20))
    assert {(each.start, each.stop) for each in sections} == {(0, 8), (8, 16), (16, 20)}


def test_f3_is_run_in_whole_slabs_in_a_gibibyte() -> None:
    division = divide(whole(F3), "both", DISPLAY, 1024 * MIB)
    assert (division.size, division.block) == (64, 16)


def test_less_memory_makes_smaller_slabs_and_then_none() -> None:
    least = least_of(F3)
    division = divide(whole(F3), "inline", DISPLAY, least)
    assert (division.size, division.block) == (16, 1)
    with pytest.raises(
        UsageError, match=r"need \d+ MiB, which no .* less than \d+, .* or fewer times"
    ):
        divide(whole(F3), "inline", DISPLAY, least - 1)
    with pytest.raises(
        UsageError, match=r"less than (\d+), .* allows 300 MiB; give more, as 2GiB$"
    ) as told:
        divide(whole(F3), "inline", DISPLAY, 300 * MIB)
    # The number that is said does, and no less.
    most_mib = int(str(told.value).split(" less than ")[1].split(",")[0])
    part = dataclasses.replace(whole(F3), samples=(0, 1))
    sparse = Display(stride=101)
    assert divide(part, "inline", sparse, most_mib * MIB).slabs
    with pytest.raises(UsageError, match=r"give more, as 2GiB$"):
        divide(part, "inline", sparse, (most_mib - 1) * MIB)
    with pytest.raises(UsageError, match=r"a survey of \d+ traces need"):
        divide(whole((10 * F3[0], *F3[1:])), "inline", DISPLAY, least)


def test_more_tiles_need_more_memory() -> None:
    """They are what most of a section in flight is, and --stride 10 makes 20 times as many."""
    dense = Display(stride=10)
    assert least_of(F3, dense) > least_of(F3) + 951 * 463 * 500
    with pytest.raises(UsageError, match="a larger --stride, or fewer times"):
        divide(whole(F3), "inline", dense, least_of(F3))


def test_fewer_times_need_less_memory_and_more_than_a_shorter_survey() -> None:
    """Traces are read, and zoomed, whole; tiles are cut of what is asked for."""
    extent = Extent(F3, (0, 651), (0, 951), (0, 100))
    short = need(extent, [extent.place("inline", DISPLAY)])
    assert least_of((651, 951, 100)) < short < least_of(F3)
    assert len(extent.place("inline", DISPLAY)) == 3 * 9  # of 11 rows of tiles


def test_what_slabs_leave_is_room_for_sections_under_way() -> None:
    division = divide(whole(F3), "both", DISPLAY, 1024 * MIB)
    assert division.room.flight(4, 4).runners == 4  # on four cores, as on two
    assert divide(whole(F3), "inline", DISPLAY, least_of(F3)).room.flight(64, 5) == Flight(1, 1)


def test_a_slab_comes_back_from_the_journal() -> None:
    done = SlabDone(3, 99, 1000, 10, 77)
    assert SlabDone.unpack(3, *done.pack()) == done
    for number, text, data in ((4, *done.pack()), (3, b"{}", b""), (3, b"[]", b""), (3, b"x", b"")):
        with pytest.raises(JournalError, match="cannot be read"):
            SlabDone.unpack(number, text, data)
