from __future__ import annotations

import csv
import dataclasses
import errno
import itertools
import json
import os
import re
import shutil
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from salt_infer.cli.progress_bar import Bar
from salt_infer.data import oddities, png
from salt_infer.data.folder import TileFolder, read_file
from salt_infer.data.source import BadTile, Tile
from salt_infer.errors import (
    BadTilesError,
    InputError,
    JournalError,
    LabelError,
    OutputError,
    OutputExistsError,
    OutputInUseError,
    TileError,
    UsageError,
)
from salt_infer.job import scoring
from salt_infer.job.job import Job, run
from salt_infer.job.journal import path_beside
from salt_infer.job.watcher import Watcher
from salt_infer.masks.table import read_column, read_rows
from salt_infer.system import whole_files
from salt_infer.system.output_locks import writing
from tests.infer import steady

COUNT, BATCH = 22, 4


class Listener(Watcher):
    """Keeps what it is told; calls back when so many tiles are done."""

    def __init__(self, at: int = -1, then: Callable[[], None] | None = None) -> None:
        self.done = self.kept_tiles = 0
        self.bads: list[str] = []
        self.resumed_with: tuple[int, int, int] | None = None
        self._at, self._then = at, then

    def started(self, tiles: int, done: int = 0) -> None:
        self.done = done

    def advanced(self, tiles: int) -> None:
        self.done += tiles
        if self.done == self._at and self._then:
            self._then()

    def bad(self, bad: BadTile) -> None:
        self.bads.append(bad.tile.id)

    def resumed(self, journal: Path, done: int, tiles: int, again: int) -> None:
        self.resumed_with = (done, tiles, again)

    def kept(self, journal: Path, done: int, tiles: int) -> None:
        assert journal.exists()
        self.kept_tiles = done


def interrupt() -> None:
    raise KeyboardInterrupt


@pytest.fixture
def batches(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """Sizes of the batches that were run; those of two lanes in either order."""
    return steady.patch(monkeypatch)


@pytest.fixture
def job(tmp_path: Path) -> Job:
    """22 tiles, in batches of 4, 4, 4, 4, 4 and 2."""
    tiles = steady.draw(tmp_path / "tiles", COUNT)
    (tmp_path / "out").mkdir()
    return Job(tiles, tmp_path / "out/x.csv", batch_size=BATCH, threshold=0.2, gate=0.2)


def everything(job: Job) -> Job:
    """With all outputs there are, but for the report."""
    folder = job.out.parent
    return dataclasses.replace(
        job, details=True, masks=folder / "masks", probabilities=folder / "x.npz"
    )


def broken(job: Job, at: int, listener: Listener | None = None) -> Listener:
    """Interrupt a run when so many tiles are done."""
    listener = listener or Listener(at, interrupt)
    with pytest.raises(KeyboardInterrupt):
        run(job, listener)
    assert listener.kept_tiles == at
    return listener


def contents(folder: Path) -> dict[str, bytes]:
    return {
        str(path.relative_to(folder)): path.read_bytes()
        for path in folder.rglob("*")
        if path.is_file()
    }


def unbroken(job: Job) -> dict[str, bytes]:
    """What a run in one go writes, in a folder of its own."""
    folder = job.out.parent.with_name("unbroken")
    folder.mkdir()
    moved = {
        name: folder / path.name
        for name in ("out", "masks", "probabilities", "report")
        if (path := getattr(job, name))
    }
    run(dataclasses.replace(job, **moved), Watcher())
    return contents(folder)


def test_a_run_leaves_its_outputs_alone(job: Job, batches: list[int]) -> None:
    report = run(everything(job), Watcher())
    assert sorted(os.listdir(job.out.parent)) == ["masks", "x.csv", "x.npz"]
    assert (report.read, report.rows, report.resumed) == (COUNT, COUNT, 0)
    assert sorted(batches) == [2, 4, 4, 4, 4, 4]
    masks = read_rows(job.out)
    assert 5 < sum(1 for text in masks.values() if text) < COUNT
    with np.load(job.out.with_suffix(".npz"), allow_pickle=False) as found:
        assert found["ids"].tolist() == sorted(masks)
        drawn = (found["probability"] > 255 * 0.2).any(axis=(1, 2))
        assert drawn.tolist() == [bool(masks[name]) for name in sorted(masks)]


@pytest.mark.parametrize("done", [4, 8, 12, 16, 20, 22])
def test_resumed_it_gives_the_same_bytes_and_runs_nothing_twice(
    job: Job, batches: list[int], done: int
) -> None:
    job = everything(job)
    broken(job, done)
    assert os.listdir(job.out.parent) == ["x.csv.journal"]
    batches.clear()
    listener = Listener()
    report = run(job, listener)
    assert listener.resumed_with == (done, COUNT, 0)
    assert sum(batches) == COUNT - done
    assert (report.read, report.resumed, report.rows) == (COUNT, done, COUNT)
    assert contents(job.out.parent) == unbroken(job)


def test_what_a_batch_says_depends_on_the_batch(job: Job, batches: list[int]) -> None:
    """Or else the test above would not see that other batches were cut."""
    run(job, Watcher())
    other = dataclasses.replace(job, out=job.out.with_name("y.csv"), batch_size=5)
    run(other, Watcher())
    assert job.out.read_bytes() != other.out.read_bytes()


def test_interrupted_again_and_again(job: Job, batches: list[int]) -> None:
    for done in range(BATCH, COUNT, BATCH):
        broken(job, done)
    run(job, Watcher())
    assert contents(job.out.parent) == unbroken(job)


def test_a_torn_journal_costs_what_was_torn(job: Job, batches: list[int]) -> None:
    broken(job, 16)
    log = job.out.with_name("x.csv.journal")
    log.write_bytes(log.read_bytes()[:-5])
    batches.clear()
    listener = Listener()
    run(job, listener)
    assert listener.resumed_with == (12, COUNT, 0)
    assert sorted(batches) == [2, 4, 4]
    assert contents(job.out.parent) == unbroken(job)


def test_a_damaged_group_is_run_again_and_that_is_told(
    job: Job, batches: list[int], capsys: pytest.CaptureFixture[str]
) -> None:
    broken(job, 16)
    log = job.out.with_name("x.csv.journal")
    data = log.read_bytes()
    log.write_bytes(data.replace(b"tile-0005", b"tile-0055", 1))
    batches.clear()
    with Bar("salt-infer", show=False) as bar:
        assert run(job, bar).resumed == 12
    said = capsys.readouterr().err
    assert re.search(r"^salt-infer: \d+ bytes of .*x\.csv\.journal are damaged and passed", said)
    assert sorted(batches) == [2, 4, 4]
    assert contents(job.out.parent) == unbroken(job)


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ({"threshold": 0.3}, "threshold 0.2 then, 0.3 now"),
        ({"gate": 0.1}, "gate 0.2 then, 0.1 now"),
        ({"tta": "none"}, "tta hflip then, none now"),
        ({"min_area": 5}, "min_area 0 then, 5 now"),
        ({"batch_size": 8}, "batch_size 4 then, 8 now"),
        ({"details": True}, "details False then, True now"),
        ({"probabilities": "x.npz"}, "probabilities False then, True now"),
        ({"images": "others"}, "/tiles then, "),
    ],
)
def test_another_run_is_refused_until_it_is_to_restart(
    job: Job, batches: list[int], change: dict[str, Any], says: str
) -> None:
    broken(job, 8)
    if "images" in change:
        change = {"images": steady.draw(job.images.with_name("others"), COUNT)}
    if "probabilities" in change:
        change = {"probabilities": job.out.with_name("x.npz")}
    other = dataclasses.replace(job, **change)
    before = contents(job.out.parent)
    with pytest.raises(JournalError, match=says):
        run(other, Watcher())
    assert contents(job.out.parent) == before
    batches.clear()
    run(dataclasses.replace(other, restart=True), Watcher())
    assert sum(batches) == COUNT
    assert contents(job.out.parent) == unbroken(other)


def test_what_rows_do_not_depend_on_may_change(job: Job, batches: list[int]) -> None:
    broken(job, 8)
    other = dataclasses.replace(
        job, decode_workers=1, on_error="empty", masks=job.out.with_name("masks"),
        report=job.out.with_name("x.json"),
    )  # fmt: skip
    assert run(other, Watcher()).resumed == 8
    assert sorted(os.listdir(job.out.parent)) == ["masks", "x.csv", "x.json"]


def test_a_second_run_at_once_is_refused(job: Job, batches: list[int]) -> None:
    def second() -> None:
        with pytest.raises(JournalError, match=r"x\.csv\.journal is in use: another run"):
            run(dataclasses.replace(job, restart=True), Watcher())

    assert run(job, Listener(8, second)).rows == COUNT
    assert os.listdir(job.out.parent) == ["x.csv"]


def alter(path: Path) -> None:
    tile = png.decode(path.read_bytes())
    path.write_bytes(png.encode(255 - tile))


def test_a_tile_that_changed_since_is_run_again_with_its_batch(
    job: Job, batches: list[int]
) -> None:
    broken(job, 12)
    alter(job.images / "tile-0005.png")
    batches.clear()
    listener = Listener()
    run(job, listener)
    assert listener.resumed_with == (8, COUNT, 4)
    assert sorted(batches) == [2, 4, 4, 4]
    assert contents(job.out.parent) == unbroken(job)


def test_tiles_that_changed_names_are_run_again(job: Job, batches: list[int]) -> None:
    """Of one size and time, as an archive unpacks them."""
    one, other = (job.images / f"tile-000{number}.png" for number in (1, 5))
    for path in (one, other):
        path.write_bytes(path.read_bytes().ljust(20_000))
        os.utime(path, ns=(0, 10**18))
    broken(job, 12)
    aside = job.images / "aside"
    for path, name in ((one, aside), (other, one), (aside, other)):
        path.rename(name)
    listener = Listener()
    run(job, listener)
    assert listener.resumed_with == (4, COUNT, 8)
    assert contents(job.out.parent) == unbroken(job)


def test_a_tile_that_changes_after_it_was_read_counts_as_it_was(
    job: Job, batches: list[int]
) -> None:
    expected = unbroken(job)["x.csv"]
    run(job, Listener(4, lambda: alter(job.images / "tile-0000.png")))
    assert job.out.read_bytes() == expected


def test_a_tile_that_vanishes_is_a_bad_tile(job: Job, batches: list[int]) -> None:
    job = dataclasses.replace(job, batch_size=2, decode_workers=1)  # the last is not yet read
    last = job.images / "tile-0021.png"
    report = run(job, Listener(4, last.unlink))
    assert [bad.reason for bad in report.bad] == ["cannot be read (No such file or directory)"]
    assert (report.read, report.rows) == (COUNT - 1, COUNT - 1)


def test_a_tile_that_vanished_and_came_back_is_run(job: Job, batches: list[int]) -> None:
    # With one thread the tenth batch is not read before the first two are done.
    job = dataclasses.replace(job, batch_size=2, decode_workers=1)
    last, data = job.images / "tile-0019.png", (job.images / "tile-0019.png").read_bytes()
    listener = Listener(4, last.unlink)
    listener.advanced = lambda tiles: _vanish(listener, last, tiles)  # type: ignore[method-assign]
    with pytest.raises(KeyboardInterrupt):
        run(job, listener)
    assert listener.bads == ["tile-0019"]
    with pytest.raises(JournalError, match="tiles 22 then, 21 now"):
        run(job, Watcher())
    last.write_bytes(data)
    assert run(job, Watcher()).bad == ()
    assert contents(job.out.parent) == unbroken(job)


def _vanish(listener: Listener, path: Path, tiles: int) -> None:
    """The tile goes away after the first batch; the run ends after the tile's."""
    listener.done += tiles
    path.unlink(missing_ok=True)
    if listener.done == 20:
        interrupt()


@pytest.fixture
def spoilt(job: Job) -> Job:
    """The sixth tile is no PNG."""
    (job.images / "tile-0005.png").write_bytes(b"")
    return job


def test_bad_tiles_are_remembered_and_named_again(spoilt: Job, batches: list[int]) -> None:
    assert broken(spoilt, 12).bads == ["tile-0005"]
    batches.clear()
    listener = Listener()
    report = run(spoilt, listener)
    assert listener.bads == ["tile-0005"]
    assert [(bad.tile.id, bad.reason) for bad in report.bad] == [
        ("tile-0005", "empty file (0 bytes)")
    ]
    assert (report.read, report.resumed) == (21, 11)
    assert sorted(batches) == [2, 4, 4]
    assert contents(spoilt.out.parent) == unbroken(spoilt)


def test_bad_tiles_are_tried_again_if_asked_for(spoilt: Job, batches: list[int]) -> None:
    broken(spoilt, 12)
    batches.clear()
    listener = Listener()
    run(dataclasses.replace(spoilt, retry_bad=True), listener)
    assert listener.resumed_with == (8, COUNT, 4)
    assert sorted(batches) == [2, 3, 4, 4]


def test_a_bad_tile_that_was_mended_is_run(spoilt: Job, batches: list[int]) -> None:
    broken(spoilt, 12)
    (spoilt.images / "tile-0005.png").write_bytes((spoilt.images / "tile-0000.png").read_bytes())
    assert run(spoilt, Watcher()).bad == ()
    assert contents(spoilt.out.parent) == unbroken(spoilt)


def test_stopped_at_a_bad_tile_it_goes_on_once_that_is_mended(
    spoilt: Job, batches: list[int]
) -> None:
    job = dataclasses.replace(spoilt, on_error="stop", report=spoilt.out.with_name("x.json"))
    for _ in range(2):  # the second time without running anything
        with pytest.raises(BadTilesError, match=r"stopped at 1 bad tile\(s\), no output written"):
            run(job, Watcher())
        assert sorted(os.listdir(job.out.parent)) == ["x.csv.journal", "x.json"]
        assert job.report is not None
        assert json.loads(job.report.read_text())["bad"][0]["id"] == "tile-0005"
    (job.images / "tile-0005.png").write_bytes((job.images / "tile-0000.png").read_bytes())
    batches.clear()
    assert run(job, Watcher()).rows == COUNT
    assert sum(batches) == COUNT - 4
    assert sorted(os.listdir(job.out.parent)) == ["x.csv", "x.json"]


def test_stopped_at_a_bad_tile_it_goes_on_if_it_may_skip_it(
    spoilt: Job, batches: list[int]
) -> None:
    with pytest.raises(BadTilesError):
        run(dataclasses.replace(spoilt, on_error="stop"), Watcher())
    assert run(dataclasses.replace(spoilt, on_error="empty"), Watcher()).resumed == 7
    assert read_rows(spoilt.out)["tile-0005"] == ""


def label(path: Path, last: str = "1 5000") -> Path:
    """A mask for every other tile, and one for the last."""
    rows = [(f"tile-{n:04d}", "1 5000" if n % 2 else "") for n in range(COUNT - 1)]
    with open(path, "w", newline="") as file:
        csv.writer(file).writerows([("id", "rle_mask"), *rows, (f"tile-{COUNT - 1:04d}", last)])
    return path


def test_details_and_scores_are_those_of_an_unbroken_run(
    spoilt: Job, batches: list[int], tmp_path: Path
) -> None:
    job = dataclasses.replace(
        spoilt, details=True, on_error="empty", labels=label(tmp_path / "labels.csv"),
        report=spoilt.out.with_name("x.json"),
    )  # fmt: skip
    broken(job, 12)
    resumed = json.loads(_reported(job))
    assert contents(job.out.parent)["x.csv"] == unbroken(job)["x.csv"]
    direct = json.loads((tmp_path / "unbroken/x.json").read_text())
    for name in ("score", "empty_score", "rows", "read", "with_salt", "bad", "out_sha256"):
        assert resumed[name] == direct[name]
    assert 0 < resumed["score"] < 1
    assert (resumed["resumed"], direct["resumed"]) == (11, 0)
    assert len(read_column(job.out, "salt")) == COUNT


def _reported(job: Job) -> str:
    run(job, Watcher())
    assert job.report is not None
    return job.report.read_text()


def test_the_report_tells_where_the_time_went(job: Job, batches: list[int]) -> None:
    value = json.loads(_reported(dataclasses.replace(job, report=job.out.with_name("x.json"))))
    stages = {"decode", "run", "encode", "journal"}
    assert value["busy_s"].keys() == value["waited_s"].keys() == value["threads"].keys() == stages
    assert value["batch_s"].keys() == {"p50", "p95", "p99"}
    assert value["cold_tiles_per_s"] > 0
    assert value["warm_tiles_per_s"] > 0
    assert value["publish_s"] > 0
    assert value["verdict"].startswith("bound by ")


def test_where_no_more_files_can_be_opened_no_tile_is_noted_as_bad(
    job: Job, batches: list[int], monkeypatch: pytest.MonkeyPatch
) -> None:
    """The same command goes on once that is mended, and leaves nothing out."""
    count = itertools.count()

    def refused(path: str) -> bytes:
        if next(count) == 9:
            raise OSError(errno.EMFILE, os.strerror(errno.EMFILE), path)
        return read_file(path)

    with monkeypatch.context() as patch, pytest.raises(OSError, match="Too many open files"):
        patch.setattr("salt_infer.data.folder.read_file", refused)
        run(dataclasses.replace(job, decode_in="threads"), Watcher())
    report = run(job, Watcher())
    assert (report.read, report.rows, report.bad) == (COUNT, COUNT, ())
    assert job.out.read_bytes() == unbroken(job)["x.csv"]


def test_done_but_for_publishing_nothing_is_run(job: Job, batches: list[int]) -> None:
    job = dataclasses.replace(job, report=job.out.with_name("x.json"))
    broken(job, COUNT)
    batches.clear()
    report = run(job, Watcher())
    assert batches == []
    assert (report.resumed, report.tiles_per_s) == (COUNT, 0.0)
    assert report.timing.verdict == "nothing was run"
    assert report.lines()[0].endswith(f", {COUNT} of them before")


def scored(job: Job) -> Job:
    folder = job.out.parent
    return dataclasses.replace(
        everything(job), report=folder / "x.json", labels=label(folder.with_name("labels.csv"))
    )


def test_ended_while_it_scores_the_same_command_finishes(
    job: Job, batches: list[int], monkeypatch: pytest.MonkeyPatch
) -> None:
    job, listener = scored(job), Listener()
    with monkeypatch.context() as patched:
        patched.setattr(scoring, "score", lambda *arguments: interrupt())
        with pytest.raises(KeyboardInterrupt):
            run(job, listener)
    assert job.report is not None
    assert json.loads(job.report.read_text())["score"] is None
    assert listener.kept_tiles == COUNT
    batches.clear()
    report = run(job, Watcher())
    assert batches == []
    assert report.score is not None
    assert json.loads(job.report.read_text())["score"] == report.score
    assert sorted(os.listdir(job.out.parent)) == ["masks", "x.csv", "x.json", "x.npz"]


def test_without_a_place_for_its_report_the_same_command_finishes(
    job: Job, batches: list[int]
) -> None:
    folder = job.out.parent.with_name("reports")
    folder.mkdir()
    job = dataclasses.replace(everything(job), report=folder / "x.json")
    with pytest.raises(InputError, match="does not exist; create it first"):
        run(job, Listener(COUNT, lambda: shutil.rmtree(folder)))
    assert sorted(os.listdir(job.out.parent)) == ["masks", "x.csv", "x.csv.journal", "x.npz"]
    folder.mkdir()
    batches.clear()
    assert run(job, Watcher()).resumed == COUNT
    assert batches == []
    assert sorted(os.listdir(job.out.parent)) == ["masks", "x.csv", "x.npz"]
    assert os.listdir(folder) == ["x.json"]


def test_labels_that_cannot_be_read_end_it_before_it_begins(job: Job, batches: list[int]) -> None:
    job = scored(job)
    assert job.labels is not None
    label(job.labels, last="1 2 3")
    with pytest.raises(LabelError, match=r"label of tile-0021: .* 3 numbers"):
        run(job, Watcher())
    assert batches == []
    assert os.listdir(job.out.parent) == []


def test_labels_are_read_once_and_count_as_they_were_before_the_run(
    job: Job, monkeypatch: pytest.MonkeyPatch
) -> None:
    masks = job.out.parent.with_name("true")
    masks.mkdir()
    assert isinstance(job.images, Path)
    for path in job.images.iterdir():
        (masks / path.name).write_bytes(png.encode(np.zeros((101, 101), np.uint8)))
    job = dataclasses.replace(scored(job), labels=masks)
    decode, decoded = png.decode_mask, list[bytes]()
    monkeypatch.setattr(png, "decode_mask", lambda data: decoded.append(data) or decode(data))
    spoil = Listener(COUNT, lambda: (masks / "tile-0003.png").write_bytes(b"") and None)
    report = run(job, spoil)
    assert (report.empty_score, report.scored) == (1, report.rows)
    assert len(decoded) == COUNT


def test_a_tile_whose_name_is_no_row_needs_no_label_that_can_be_read(job: Job) -> None:
    masks = job.out.parent.with_name("true")
    masks.mkdir()
    assert isinstance(job.images, Path)
    for path in job.images.iterdir():
        (masks / path.name).write_bytes(png.encode(np.zeros((101, 101), np.uint8)))
    for folder in (masks, job.images):
        (folder / "a\nb.png").write_bytes((folder / "tile-0003.png").read_bytes())
    report = run(dataclasses.replace(job, labels=masks), Watcher())
    assert (len(report.bad), report.scored) == (1, report.rows)


class Signalled(BaseException):
    """Stands for what a signal raises."""


@pytest.mark.parametrize(("renames", "there"), [(0, []), (1, []), (2, ["masks", "x.csv", "x.npz"])])
def test_ended_between_two_renames_the_same_command_finishes(
    job: Job, batches: list[int], monkeypatch: pytest.MonkeyPatch, renames: int, there: list[str]
) -> None:
    """By a signal: what is in place is taken back, unless it is all there."""
    job = everything(job)
    sync, calls = whole_files.sync_folder, []

    def end(folder: Path) -> None:
        sync(folder)
        calls.append(folder)
        if len(calls) == renames + 2:  # the first is of the journal
            raise Signalled

    with monkeypatch.context() as patched:
        patched.setattr(whole_files, "sync_folder", end)
        patched.setattr("salt_infer.job.journal.sync_folder", end)
        with pytest.raises(Signalled):
            run(job, Watcher())
    assert sorted(os.listdir(job.out.parent)) == sorted([*there, "x.csv.journal"])
    batches.clear()
    run(job, Watcher())
    assert batches == []
    assert contents(job.out.parent) == unbroken(job)


def test_what_others_wrote_is_never_taken_for_ours(job: Job, batches: list[int]) -> None:
    broken(job, 8)
    job.out.write_text("precious")
    with pytest.raises(OutputExistsError):
        run(job, Watcher())
    assert job.out.read_text() == "precious"
    assert run(dataclasses.replace(job, overwrite=True), Watcher()).resumed == 8


def test_an_existing_output_is_refused_before_anything_is_made(
    job: Job, batches: list[int]
) -> None:
    job.out.write_text("precious")
    with pytest.raises(OutputExistsError):
        run(job, Watcher())
    assert os.listdir(job.out.parent) == ["x.csv"]


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A file system of 128 KiB; unmounted at the end."""
    folder = tmp_path / "small"
    folder.mkdir()
    if not _mount(folder, "size=128k"):
        pytest.skip("a small file system cannot be mounted here")
    yield folder
    subprocess.run(["umount", folder], check=True)


def _mount(folder: Path, options: str) -> bool:
    command = ["mount", "-t", "tmpfs", "-o", options, "tmpfs", str(folder)]
    return subprocess.run(command, capture_output=True, check=False).returncode == 0


def test_a_disk_that_runs_full_costs_nothing_that_was_done(
    job: Job, batches: list[int], small_disk: Path
) -> None:
    expected = unbroken(job)["x.csv"]
    full = dataclasses.replace(job, out=small_disk / "x.csv")
    listener = Listener()
    with pytest.raises(OutputError, match="No space left on device"):
        run(full, listener)
    assert 0 < listener.kept_tiles < COUNT
    assert os.listdir(small_disk) == ["x.csv.journal"]
    assert _mount(small_disk, "remount,size=4m")
    assert run(full, Watcher()).resumed == listener.kept_tiles
    assert full.out.read_bytes() == expected
    assert os.listdir(small_disk) == ["x.csv"]


def test_a_disk_too_full_to_publish_costs_no_tile(
    job: Job, batches: list[int], small_disk: Path
) -> None:
    full = dataclasses.replace(job, out=small_disk / "x.csv", masks=small_disk / "masks")
    assert _mount(small_disk, "remount,size=4m")

    def fill() -> None:
        used = sum(path.stat().st_size for path in small_disk.iterdir())
        assert _mount(small_disk, f"remount,size={used // 1024 + 12}k")

    listener = Listener(COUNT, fill)
    with pytest.raises(OutputError, match=r"(masks|x.csv) cannot be written \(No space left"):
        run(full, listener)
    assert listener.kept_tiles == COUNT
    assert os.listdir(small_disk) == ["x.csv.journal"]
    assert _mount(small_disk, "remount,size=4m")
    batches.clear()
    assert run(full, Watcher()).rows == COUNT
    assert batches == []


def test_a_folder_that_becomes_read_only_costs_no_tile(job: Job, batches: list[int]) -> None:
    folder = job.out.parent

    def immutable(on: str) -> int:
        return subprocess.run(
            ["chattr", f"{on}i", folder], capture_output=True, check=False
        ).returncode  # fmt: skip

    if immutable("+") or immutable("-"):
        pytest.skip("a folder cannot be made immutable here")
    try:
        with pytest.raises(OutputError, match=r"x.csv cannot be written \(Operation not permitt"):
            run(job, Listener(COUNT, lambda: assert_done(immutable("+"))))
    finally:
        immutable("-")
    assert os.listdir(folder) == ["x.csv.journal"]
    assert run(job, Watcher()).resumed == COUNT


def assert_done(code: int) -> None:
    assert code == 0


def test_tiles_that_a_list_leads_to_are_not_written_over(job: Job, batches: list[int]) -> None:
    tiles = job.out.parent.parent / "tiles"
    listed = tiles.parent / "list.txt"
    listed.write_text("\n".join(f"tiles/{path.name}" for path in tiles.iterdir()))
    before = contents(tiles)
    greedy = dataclasses.replace(job, images=listed, masks=tiles, overwrite=True)
    with pytest.raises(UsageError, match="lie in each other"):
        run(greedy, Watcher())
    assert contents(tiles) == before
    assert batches == []


def test_masks_that_a_list_of_labels_leads_to_are_not_written_over(
    job: Job, batches: list[int]
) -> None:
    tiles = job.out.parent.parent / "tiles"
    folder = tiles.parent / "labels/deep"
    folder.mkdir(parents=True)
    for path in tiles.iterdir():
        (folder / path.name).write_bytes(path.read_bytes())
    listed = tiles.parent / "labels.txt"
    listed.write_text("\n".join(f"labels/deep/{path.name}" for path in tiles.iterdir()))
    before = contents(folder)
    for masks in (folder, folder / "new"):
        greedy = dataclasses.replace(job, labels=listed, masks=masks, overwrite=True)
        with pytest.raises(UsageError, match="lie in each other"):
            run(greedy, Watcher())
    assert contents(folder) == before
    assert batches == []


def test_a_run_that_stops_at_a_bad_tile_asks_again(
    job: Job, batches: list[int], monkeypatch: pytest.MonkeyPatch
) -> None:
    """A file can be unreadable for a while, and look the same before and after."""
    honest, broken = TileFolder.read, True

    def read(self: TileFolder, tile: Tile) -> bytes:
        if broken and tile == self.tiles[5]:
            raise TileError("a network file system in trouble")
        return honest(self, tile)

    monkeypatch.setattr(TileFolder, "read", read)
    stops = dataclasses.replace(job, on_error="stop")
    with pytest.raises(BadTilesError):
        run(stops, Watcher())
    broken = False
    assert run(stops, Watcher()).rows == COUNT


def test_an_interrupted_second_try_keeps_what_was_done(
    job: Job, batches: list[int], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Every batch has a bad tile, so all of them are to be run again."""
    honest, broken = TileFolder.read, True

    def read(self: TileFolder, tile: Tile) -> bytes:
        if broken and self.tiles.index(tile) % BATCH == 0:
            raise TileError("away")
        return honest(self, tile)

    monkeypatch.setattr(TileFolder, "read", read)
    with pytest.raises(KeyboardInterrupt):
        run(job, Listener(3 * BATCH, interrupt))
    journal = path_beside(job.out)
    size = journal.stat().st_size

    class Impatient(Watcher):
        def started(self, tiles: int, done: int = 0) -> None:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        run(dataclasses.replace(job, retry_bad=True), Impatient())
    assert journal.stat().st_size >= size
    broken = False
    assert run(dataclasses.replace(job, retry_bad=True), Watcher()).rows == COUNT


def test_a_report_that_appears_meanwhile_is_not_replaced(job: Job, batches: list[int]) -> None:
    report = job.out.with_name("r.json")
    listener = Listener(BATCH, lambda: report.write_text("mine") and None)
    with pytest.raises(OutputExistsError):
        run(dataclasses.replace(job, report=report), listener)
    assert report.read_text() == "mine"


def test_a_list_that_names_other_files_is_another_input(job: Job, batches: list[int]) -> None:
    """The same ids, sizes and times."""
    tiles = sorted((job.out.parent.parent / "tiles").iterdir())
    listed = job.out.parent.parent / "list.csv"
    swapped = [tiles[1], tiles[0], *tiles[2:]]

    def write(paths: list[Path]) -> None:
        rows = [f"{name.stem},{path}" for name, path in zip(tiles, paths, strict=True)]
        listed.write_text("\n".join(["id,path", *rows]))

    for path in tiles:
        os.utime(path, ns=(0, 10**18))
    write(tiles)
    listing = dataclasses.replace(job, images=listed)
    with pytest.raises(KeyboardInterrupt):
        run(listing, Listener(2 * BATCH, interrupt))
    write(swapped)
    listener = Listener()
    run(listing, listener)
    assert listener.resumed_with == (BATCH, COUNT, BATCH)


def test_odd_tiles_are_counted_once_though_the_run_was_ended(job: Job, batches: list[int]) -> None:
    assert isinstance(job.images, Path)
    odd: dict[str, list[str]] = {}
    for path in sorted(job.images.iterdir()):
        oddities.add(odd, path.stem, png.examine(path.read_bytes()).odd)
    assert 0 < len(odd["narrow-8"]) < len(odd["faint"]) < COUNT
    broken(job, at=8)
    report = run(job, Watcher())
    assert report.warnings == oddities.lines(odd, COUNT)
    written = json.loads(report.to_json())
    assert written["warnings"] == list(report.warnings)
    assert written["odd"] == odd


def test_labels_of_some_tiles_score_these_if_asked_to(job: Job, batches: list[int]) -> None:
    assert isinstance(job.images, Path)
    labels = job.out.with_name("part.csv")
    labels.write_text("id,rle_mask\n" + "".join(f"tile-{n:04d},1 9\n" for n in (1, 5, 20)))
    job = dataclasses.replace(job, labels=labels)
    with pytest.raises(LabelError, match=r"for 19 of 22 tiles.*--partial scores the tiles"):
        run(job, Watcher())
    assert batches == []
    report = run(dataclasses.replace(job, partial=True), Watcher())
    assert (report.scored, report.rows) == (3, COUNT)
    assert any(f"of 3 of {COUNT} tiles (all-empty" in line for line in report.lines())


@pytest.mark.parametrize("on_error", ["skip", "empty"])
def test_a_score_says_that_a_bad_tile_is_not_in_it(
    job: Job, batches: list[int], on_error: str
) -> None:
    assert isinstance(job.images, Path)
    (job.images / "bad.png").write_bytes(b"no PNG")
    labels = job.out.with_name("all.csv")
    names = [path.stem for path in job.images.iterdir()]
    labels.write_text("id,rle_mask\n" + "".join(f"{name},1 9\n" for name in names))
    report = run(dataclasses.replace(job, labels=labels, on_error=on_error), Watcher())
    (line,) = (line for line in report.lines() if line.startswith("score "))
    assert (f" of {COUNT} of {COUNT + 1} tiles (" in line) == (on_error == "skip")
    assert (" tiles (" in line) == (on_error == "skip")


def test_labels_of_no_tile_show_both_sides(job: Job, batches: list[int]) -> None:
    labels = job.out.with_name("other.csv")
    labels.write_text("id,rle_mask\nstrange,\n")
    for partial in (False, True):
        with pytest.raises(
            LabelError,
            match=r"for 22 of 22 .*its 1 labels are of others: strange$",
        ):
            run(dataclasses.replace(job, labels=labels, partial=partial), Watcher())
    with pytest.raises(UsageError, match="--partial needs --labels: it scores only the label"):
        run(dataclasses.replace(job, partial=True), Watcher())


@pytest.mark.parametrize("shared", ["masks", "probabilities", "report"])
def test_two_runs_share_none_of_their_outputs(job: Job, batches: list[int], shared: str) -> None:
    """Of two names for the table, the other outputs may be the same, and there already."""
    job = dataclasses.replace(everything(job), report=job.out.with_name("x.json"))
    run(job, Watcher())
    batches.clear()
    path = getattr(job, shared)
    other = dataclasses.replace(
        Job(job.images, job.out.with_name("y.csv"), overwrite=True), **{shared: path}
    )
    before = sorted(os.listdir(job.out.parent))
    with writing(path, replaced=True):
        with pytest.raises(OutputInUseError, match=f"another run writes to {path}; wait for it"):
            run(other, Watcher())
        assert batches == []
    assert sorted(os.listdir(job.out.parent)) == before
    assert run(other, Watcher()).rows == COUNT


@pytest.mark.parametrize(
    ("mask", "warning"),
    [("", "no mask has salt (22); are"), ("1 10201", "every mask is nothing but salt (22); are")],
)
def test_labels_that_are_all_of_one_side_are_told_of(
    job: Job, batches: list[int], mask: str, warning: str
) -> None:
    path = job.out.with_name("labels.csv")
    rows = "".join(f"tile-{number:04d},{mask}\n" for number in range(COUNT))
    path.write_text("id,rle_mask\n" + rows)
    job = dataclasses.replace(job, labels=path, report=job.out.with_name("x.json"))
    warnings = run(job, Watcher()).warnings
    [line] = [each for each in warnings if each.startswith(f"{path}: ")]
    assert line.startswith(f"{path}: {warning}")
    assert job.report is not None
    assert json.loads(job.report.read_text())["warnings"] == list(warnings)
    path.write_text(f"id,rle_mask\n{rows.replace(f',{mask}', ',1 5', 1)}")
    again = run(dataclasses.replace(job, overwrite=True), Watcher()).warnings
    assert not any(each.startswith(f"{path}: ") for each in again)


def test_more_probabilities_than_anything_reads_are_told_of_at_once(
    job: Job, batches: list[int], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("salt_infer.job.job.MAX_TILES", COUNT - 1)
    notes: list[str] = []
    monkeypatch.setattr(Watcher, "note", lambda self, line: notes.append(line))
    broken(everything(job), BATCH)
    assert any(f"x.npz will be of {COUNT} tiles" in line for line in notes)
