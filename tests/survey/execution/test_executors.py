"""What a run in this process makes of the machine and of the memory."""

from __future__ import annotations

from pathlib import Path

import pytest

from salt_infer.job.watcher import Watcher
from salt_survey.execution import executors, factory
from salt_survey.execution.slabs import MIB
from salt_survey.job import job as running
from salt_survey.job.job import Job
from salt_survey.job.publish import Targets
from salt_survey.sections.display import Display, Zoom
from salt_survey.sections.in_flight import Flight, Room
from salt_survey.sections.settings import Wishes
from salt_survey.volume.extent import Range
from salt_survey.volume.store import Store
from tests.survey import small


@pytest.fixture(scope="module")
def survey(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return small.survey(tmp_path_factory.mktemp("survey"))


def test_more_cores_than_memory(
    survey: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Of 64 CPUs a run takes what fits, and cuts with a few; its bytes are the same."""
    monkeypatch.setattr(executors, "available_cpus", lambda: 64)
    monkeypatch.setattr(factory, "lanes_here", lambda: 4)
    wishes = Wishes(zoom=Zoom.parse(small.SETTINGS[1]), polarity="normal")
    threads, contents = [], []
    for memory in (1024 * MIB, small.MEMORY):
        out = tmp_path / f"{memory}.zarr"
        job = Job(survey, Targets(out), wishes=wishes, lines=Range(110, 125), memory=memory)
        report = running.run(job, Watcher())
        threads.append((report.timing.threads["decode"] - 1, report.timing.threads["run"]))
        contents.append(Store.open(out).read("probability", "inline", slice(None)))
    assert threads == [(4, 4), (1, 1)]
    assert contents[0].any()
    assert (contents[0] == contents[1]).all()


@pytest.mark.parametrize(
    ("wanted", "fit", "lanes"), [(4, 4, 4), (4, 3, 2), (4, 2, 2), (4, 1, 1), (3, 2, 1), (1, 1, 1)]
)
def test_threads_are_dealt_out_evenly(wanted: int, fit: int, lanes: int) -> None:
    place = small.EXTENT.place("inline", Display())
    room = Room((place,), Flight(1, fit).need(place))
    assert factory.lanes_within(wanted, room) == lanes
