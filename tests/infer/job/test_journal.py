from __future__ import annotations

import dataclasses
import errno
import fcntl
import os
import resource
import subprocess
import sys
import tracemalloc
import types
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from salt_infer.errors import JournalError, OutputError, SaltError
from salt_infer.execution.results import FinishedGroup
from salt_infer.job import frames, journal
from salt_infer.job.journal import Journal, path_beside
from tests.conftest import ROOT
from tests.infer.finished import FINGERPRINT, finished, opened, some

GROUPS = 6


def written(path: Path, groups: list[FinishedGroup], count: int = GROUPS) -> list[int]:
    """Write groups; where the file ended after each, and before the first."""
    ends = []
    with opened(path, count) as log:
        ends.append(path.stat().st_size)
        for group in groups:
            log.append(group)
            ends.append(path.stat().st_size)
    return ends


def ids_in(log: Journal[FinishedGroup]) -> list[list[str]]:
    return [group.ids for group in log]


def test_groups_come_back_in_their_order_whatever_order_they_were_finished_in(
    tmp_path: Path,
) -> None:
    path, groups = tmp_path / "x.journal", some(GROUPS)
    written(path, [groups[4], groups[0], groups[2]])
    with opened(path, GROUPS) as log:
        assert ids_in(log) == [groups[number].ids for number in (0, 2, 4)]
        assert list(log.done()) == [0, 2, 4]
        assert list(log.missing()) == [1, 3, 5]
        assert len(log) == 3
        for number in (1, 3, 5):
            log.append(groups[number])
    with opened(path, GROUPS) as log:
        assert ids_in(log) == [group.ids for group in groups]
        assert log[2].bad == groups[2].bad
        assert list(log.missing()) == []


def test_of_two_frames_of_a_group_the_later_counts(tmp_path: Path) -> None:
    path = tmp_path / "x.journal"
    written(path, [finished(1, ["old"], ["1 1"]), finished(1, ["new"], ["2 2"])])
    with opened(path, GROUPS) as log:
        assert ids_in(log) == [["new"]]


def test_a_group_that_is_forgotten_is_missing_until_it_is_written_again(tmp_path: Path) -> None:
    path = tmp_path / "x.journal"
    written(path, some(2))
    with opened(path, GROUPS) as log:
        log.forget(0)
        assert list(log.missing()) == [0, 2, 3, 4, 5]
        log.append(finished(0, ["again"], [""]))
        assert ids_in(log)[0] == ["again"]


@pytest.fixture(scope="module")
def sound(tmp_path_factory: pytest.TempPathFactory) -> tuple[bytes, list[int]]:
    """A journal of some groups, and where they end."""
    path = tmp_path_factory.mktemp("sound") / "x.journal"
    ends = written(path, some(GROUPS))
    return path.read_bytes(), ends


def whole(data: bytes, ends: list[int]) -> int:
    return sum(1 for end in ends[1:] if end <= len(data))


@given(st.data())
def test_wherever_it_is_torn_the_whole_groups_are_kept(
    tmp_path_factory: pytest.TempPathFactory, sound: tuple[bytes, list[int]], data: st.DataObject
) -> None:
    content, ends = sound
    path = tmp_path_factory.mktemp("torn") / "x.journal"
    cut = data.draw(st.integers(0, len(content)))
    path.write_bytes(content[:cut])
    kept = whole(content[:cut], ends)
    with opened(path, GROUPS) as log:
        assert len(log) == kept
        assert path.stat().st_size == (ends[kept] if cut >= ends[0] else ends[0])
        for group in some(GROUPS)[kept:]:
            log.append(group)
    assert path.read_bytes() == content


@given(st.data())
@pytest.mark.slow
def test_of_what_a_power_cut_leaves_nothing_wrong_is_read(
    tmp_path_factory: pytest.TempPathFactory, sound: tuple[bytes, list[int]], data: st.DataObject
) -> None:
    """A file may be as long as it was, and hold anything where it had not been flushed."""
    content, ends = sound
    path = tmp_path_factory.mktemp("cut") / "x.journal"
    at = data.draw(st.integers(ends[0], len(content) - 1))
    junk = data.draw(st.sampled_from([bytes(40), b"\xff" * 40, os.urandom(40)]))
    path.write_bytes((content[:at] + junk + content[at + len(junk) :])[: len(content)])
    with opened(path, GROUPS) as log:
        expected = [group.ids for group in some(whole(content[:at], ends))]
        assert ids_in(log)[: len(expected)] == expected
        for number in log.done():
            assert log[number].ids == some(GROUPS)[number].ids


@given(st.data())
@pytest.mark.slow
def test_a_damaged_byte_costs_one_group(
    tmp_path_factory: pytest.TempPathFactory, sound: tuple[bytes, list[int]], data: st.DataObject
) -> None:
    content, ends = sound
    path = tmp_path_factory.mktemp("flipped") / "x.journal"
    group = data.draw(st.integers(0, GROUPS - 1))
    lengths = range(ends[group] + 12, ends[group] + 20)  # lost with these: the way to the next
    at = data.draw(
        st.integers(ends[group], ends[group + 1] - 1).filter(lambda at: at not in lengths)
    )
    path.write_bytes(content[:at] + bytes([content[at] ^ 1]) + content[at + 1 :])
    for again in (False, True):
        with opened(path, GROUPS) as log:
            last = group == GROUPS - 1
            assert log.damaged == (0 if again and last else ends[group + 1] - ends[group])
            assert list(log.missing()) == ([] if again else [group])
            if not again:
                log.append(some(GROUPS)[group])
            assert ids_in(log) == [each.ids for each in some(GROUPS)]


def test_a_damaged_length_costs_what_comes_after_it_and_that_is_told(
    tmp_path: Path, sound: tuple[bytes, list[int]]
) -> None:
    content, ends = sound
    path = tmp_path / "x.journal"
    at = ends[1] + 19
    path.write_bytes(content[:at] + b"\xff" + content[at + 1 :])
    with opened(path, GROUPS) as log:
        assert len(log) == 1
        assert log.damaged == len(content) - ends[1]
    assert path.stat().st_size == ends[1]


def test_a_sound_journal_is_not_damaged(tmp_path: Path) -> None:
    path = tmp_path / "x.journal"
    written(path, some(2))
    with opened(path, GROUPS) as log:
        assert log.damaged == 0


@given(st.binary(max_size=200))
def test_hostile_frames_are_dropped_or_told(
    tmp_path_factory: pytest.TempPathFactory, sound: tuple[bytes, list[int]], junk: bytes
) -> None:
    content, ends = sound
    path = tmp_path_factory.mktemp("hostile") / "x.journal"
    path.write_bytes(content[: ends[2]] + junk)
    with opened(path, GROUPS) as log:
        assert len(log) == 2


def test_a_length_beyond_the_file_asks_for_no_memory(
    tmp_path: Path, sound: tuple[bytes, list[int]]
) -> None:
    content, ends = sound
    path = tmp_path / "x.journal"
    path.write_bytes(content[: ends[1]] + frames.FRAME.pack(0, 1, 2**32 - 1, 2**32 - 1))
    tracemalloc.start()
    with opened(path, GROUPS) as log:
        assert len(log) == 1
    assert tracemalloc.get_traced_memory()[1] < 1_000_000
    tracemalloc.stop()


def test_another_run_is_refused_and_loses_nothing(tmp_path: Path) -> None:
    path = tmp_path / "x.journal"
    written(path, some(3))
    before = path.read_bytes()
    other = dataclasses.replace(FINGERPRINT, gate=0.75, min_area=9)
    with pytest.raises(JournalError) as caught:
        Journal(path, other, GROUPS, FinishedGroup.unpack)
    for part in ("gate 0.25 then, 0.75 now", "min_area 0 then, 9 now", "--restart to discard"):
        assert part in str(caught.value)
    assert path.read_bytes() == before
    with Journal(path, other, GROUPS, FinishedGroup.unpack, restart=True) as log:
        assert len(log) == 0
        log.append(some(1)[0])
    with Journal(path, other, GROUPS, FinishedGroup.unpack) as log:
        assert len(log) == 1


@pytest.mark.parametrize(
    ("content", "says"),
    [
        (b"id,rle_mask\n", "is not a journal"),
        (bytes(100), "is not a journal"),
        (b"salt-infer journal 2\nwhatever", "of another version of salt-infer; --restart discards"),
        (journal.HEAD + bytes(100), "damaged at its beginning; --restart discards it"),
    ],
)
def test_what_is_no_journal_of_this_version_is_left_alone(
    tmp_path: Path, content: bytes, says: str
) -> None:
    path = tmp_path / "x.journal"
    path.write_bytes(content)
    with pytest.raises(JournalError, match=says):
        opened(path)
    assert path.read_bytes() == content
    if "--restart" in says:
        with opened(path, restart=True) as log:
            assert len(log) == 0
    else:
        with pytest.raises(JournalError, match=says):
            opened(path, restart=True)
        assert path.read_bytes() == content


def test_folders_and_pipes_and_links_are_refused(tmp_path: Path) -> None:
    (tmp_path / "folder").mkdir()
    os.mkfifo(tmp_path / "pipe")
    (tmp_path / "link").symlink_to(tmp_path / "precious")
    for name in ("folder", "pipe", "link", "missing/x"):
        with pytest.raises(SaltError, match=name):
            opened(tmp_path / name)
    assert sorted(os.listdir(tmp_path)) == ["folder", "link", "pipe"]


def test_without_a_group_nothing_is_left(tmp_path: Path) -> None:
    with opened(tmp_path / "x.journal") as log:
        assert (tmp_path / "x.journal").exists()
        assert not len(log)
    assert os.listdir(tmp_path) == []


def test_once_removed_it_does_not_take_another_runs(tmp_path: Path) -> None:
    path = tmp_path / "x.journal"
    with opened(path) as log:
        log.remove()
        with opened(path) as other:
            other.append(some(1)[0])
    with opened(path) as log:
        assert len(log) == 1


def test_a_journal_in_use_is_refused_and_may_be_used_after(tmp_path: Path) -> None:
    path = tmp_path / "x.journal"
    with opened(path) as log:
        log.append(some(1)[0])
        for restart in (False, True):
            with pytest.raises(JournalError, match="is in use: another run writes this output"):
                opened(path, restart=restart)
    with opened(path) as log:
        assert len(log) == 1


@pytest.mark.parametrize("number", [errno.ENOSYS, errno.ENOLCK, errno.EOPNOTSUPP])
def test_where_there_are_no_locks_runs_of_one_machine_are_kept_apart(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, number: int
) -> None:
    def flock(file: int, how: int) -> None:
        raise OSError(number, os.strerror(number))

    monkeypatch.setattr(fcntl, "flock", flock)
    path = tmp_path / "x.journal"
    with opened(path) as log:
        assert log.local
        log.append(some(1)[0])
        with pytest.raises(JournalError, match="is in use: another run writes this output"):
            opened(path)
    with opened(path) as log:
        assert len(log) == 1


def test_a_lock_that_fails_otherwise_is_told_and_leaves_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def flock(file: int, how: int) -> None:
        raise OSError(errno.EIO, os.strerror(errno.EIO))

    monkeypatch.setattr(fcntl, "flock", flock)
    with pytest.raises(OutputError, match=r"cannot be locked \(Input/output error\)"):
        opened(tmp_path / "x.journal")
    assert not os.listdir(tmp_path)


def test_a_journal_removed_while_it_is_being_opened_is_made_anew(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Another run finishes between this one's opening and locking the file."""
    path = tmp_path / "x.journal"
    written(path, some(1))
    flock, calls = fcntl.flock, []

    def late(file: int, how: int) -> None:
        if not calls:
            path.unlink()
        calls.append(file)
        flock(file, how)

    monkeypatch.setattr(fcntl, "flock", late)
    with opened(path) as log:
        assert not len(log)
        assert len(calls) == 2


def test_what_was_being_published_is_remembered(tmp_path: Path) -> None:
    path = tmp_path / "x.journal"
    with opened(path) as log:
        log.append(some(1)[0])
        assert log.published == frozenset()
        log.publishing(["/a/x.csv", "/a/masks"])
        log.publishing(["/a/x.json"])
        assert log.published == {"/a/x.csv", "/a/masks", "/a/x.json"}
    with opened(path) as log:
        assert log.published == {"/a/x.csv", "/a/masks", "/a/x.json"}
        assert len(log) == 1


def test_damage_after_opening_is_told(tmp_path: Path) -> None:
    path = tmp_path / "x.journal"
    ends = written(path, some(2))
    with opened(path) as log:
        with open(path, "r+b") as file:
            file.seek(ends[1] - 1)
            file.write(b"?")
        with pytest.raises(JournalError, match="is damaged; discard it with --restart"):
            list(log)


def test_flushes_are_bounded_in_time_and_not_in_groups(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A power cut costs what was finished within SYNC_S, and 1000 groups a second one flush."""
    now, flushed = [0.0], []
    # The module's own clock: others' event loops would sleep for days by one that jumps.
    monkeypatch.setattr(journal, "time", types.SimpleNamespace(monotonic=lambda: now[0]))
    monkeypatch.setattr(frames.os, "fdatasync", lambda file: flushed.append(now[0]))
    with opened(tmp_path / "x.journal") as log:
        assert flushed == [0.0]  # the beginning is on the disk before any work
        group = some(1)[0]
        for _ in range(4096):
            now[0] += 1 / 1024
            log.append(group)
        assert flushed == [0.0, 1.0, 2.0, 3.0, 4.0]
        now[0] += 100
        log.append(group)
        assert flushed[-1] == now[0]
        log.publishing([])
        assert flushed[-2:] == [now[0], now[0]]


def limited(path: Path, code: str) -> subprocess.CompletedProcess[str]:
    """Run code in a process whose files may have 20,000 bytes."""

    def limit() -> None:
        resource.setrlimit(resource.RLIMIT_FSIZE, (20_000, 20_000))

    return subprocess.run(
        [sys.executable, "-c", code, path], preexec_fn=limit, capture_output=True, text=True,
        check=False, cwd=ROOT,
    )  # fmt: skip


FILL = """
import sys
from pathlib import Path
from salt_infer.errors import OutputError
from tests.infer.finished import opened, some
groups = some(6)
with opened(Path(sys.argv[1]), 6) as log:
    try:
        for group in groups:
            log.append(group)
    except OutputError as error:
        print(error)
"""


def test_a_file_that_may_not_grow_keeps_what_is_done(tmp_path: Path) -> None:
    path = tmp_path / "x.journal"
    done = limited(path, FILL)
    assert "x.journal cannot be written (File too large)" in done.stdout, done.stderr
    assert "give the same command again: what is done is kept" in done.stdout
    assert path.stat().st_size <= 20_000
    with opened(path, GROUPS) as log:
        count = len(log)
        assert 0 < count < GROUPS
        assert ids_in(log) == [group.ids for group in some(GROUPS)[:count]]


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A file system of 256 KiB."""
    folder = tmp_path / "small"
    folder.mkdir()
    command = ["mount", "-t", "tmpfs", "-o", "size=256k", "tmpfs", str(folder)]
    if subprocess.run(command, capture_output=True, check=False).returncode:
        pytest.skip("a small file system cannot be mounted here")
    yield folder
    subprocess.run(["umount", str(folder)], check=True)


def test_a_full_disk_keeps_what_is_done(small_disk: Path) -> None:
    path = small_disk / "x.journal"
    groups = some(60)
    with opened(path, 60) as log, pytest.raises(OutputError, match="No space left on device"):
        for group in groups:
            log.append(group)
    with opened(path, 60) as log:
        count = len(log)
        assert 0 < count < 60
        assert ids_in(log) == [group.ids for group in groups[:count]]


def test_a_disk_that_is_full_from_the_beginning_is_left_as_it_was(small_disk: Path) -> None:
    filler = open(small_disk / "filler", "wb", buffering=0)  # noqa: SIM115
    with pytest.raises(OSError, match="No space"), filler:
        while filler.write(bytes(4096)):
            pass
    with pytest.raises(OutputError, match="No space left on device"):
        opened(small_disk / "x.journal")
    assert os.listdir(small_disk) == ["filler"]


def test_eight_bytes_a_group_are_kept_in_memory(tmp_path: Path) -> None:
    path, group = tmp_path / "x.journal", some(1)[0]
    used = []
    for count in (200, 4200):
        tracemalloc.start()
        with opened(path, count) as log:
            for number in range(count):
                log.append(dataclasses.replace(group, number=number))
            used.append(tracemalloc.get_traced_memory()[0])
        tracemalloc.stop()
        path.unlink()
    assert used[1] - used[0] < 4000 * 8 * 1.5


def test_a_link_has_its_journal_where_it_leads(tmp_path: Path) -> None:
    (tmp_path / "a").mkdir()
    (tmp_path / "x.csv").symlink_to(tmp_path / "a/y.csv")
    assert path_beside(tmp_path / "x.csv") == tmp_path / "a/y.csv.journal"
    assert path_beside(tmp_path / "a/z.csv.gz") == tmp_path / "a/z.csv.gz.journal"
