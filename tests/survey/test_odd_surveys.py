"""Odd SEG-Y files: each field of the scan, the amplitudes, and the way back."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner

from salt_infer.errors import SaltError
from salt_survey.cli.survey import cli
from salt_survey.reading.survey import Survey, scanned
from salt_survey.scan.record import Scan
from salt_survey.segy.write import write_like
from tests.conftest import ROOT
from tests.survey.odd_surveys import ALL, CROSSLINES, INLINES, SAMPLES, SOUND, Case, amplitudes
from tests.survey.odd_surveys import document as made_document

IDS = [case.about for case in ALL]
RUNNABLE = [case for case in ALL if case.verdict in ("ok", "warn")]


@pytest.fixture
def path(tmp_path: Path, request: pytest.FixtureRequest) -> Path:
    """The file of the case that the test has as parameter."""
    file = tmp_path / "odd.sgy"
    file.write_bytes(request.getfixturevalue("case").bytes())
    return file


@pytest.mark.parametrize("case", ALL, ids=IDS)
def test_each_field_of_the_scan(case: Case, path: Path) -> None:
    if case.expected is None:
        with pytest.raises(SaltError, match=case.says):
            scanned(path)
        return
    scan = scanned(path).scan
    found = json.loads(scan.to_json())
    expected = SOUND | case.expected
    assert {name: found[name] for name in expected} == expected
    said = " ".join(scan.faults + scan.questions + scan.warnings)
    assert case.says in said + " ".join(scan.notes)
    assert bool(said) == (case.verdict != "ok")
    assert Scan.from_json(scan.to_json()) == scan
    if not scan.faults:
        assert scanned(path, known=scan).scan == scan  # nothing in it contradicts its own file


@pytest.mark.parametrize("case", ALL, ids=IDS)
def test_the_command_has_one_clear_line(case: Case, path: Path) -> None:
    out = path.with_name("scan.json")
    done = CliRunner().invoke(cli, ["scan", str(path), "--out", str(out)])
    refused = case.verdict == "refuse"
    if refused:
        assert isinstance(done.exception, SaltError)
        assert done.exception.exit_code == 2
        assert case.says in str(done.exception)
        assert "\n" not in str(done.exception)
    else:
        assert done.exit_code == 0, done.output
        assert case.says in done.output
    assert out.exists() != refused


@pytest.mark.parametrize("case", RUNNABLE, ids=[case.about for case in RUNNABLE])
def test_amplitudes_lie_in_their_places(case: Case, path: Path) -> None:
    with Survey.open(path) as survey:
        block = survey.read(slice(None), slice(None))
        assert np.isfinite(block.amplitude).all()
        assert not block.amplitude[~block.recorded].any()
        if not case.same:
            return
        whole = amplitudes().reshape(INLINES, CROSSLINES, SAMPLES)
        if survey.scan.inlines == (875, 884, 1):  # as the bytes say
            whole = whole.transpose(1, 0, 2)
        np.testing.assert_array_equal(block.amplitude, whole)
        assert block.recorded.all()


@pytest.mark.parametrize("case", RUNNABLE, ids=[case.about for case in RUNNABLE])
def test_the_way_back_keeps_every_header(case: Case, path: Path, tmp_path: Path) -> None:
    out = tmp_path / "p.sgy"
    with Survey.open(path) as survey:
        rng = np.random.default_rng(0)
        shape = (len(survey.inlines), len(survey.crosslines), survey.scan.samples)
        volume = rng.random(shape).astype(np.float32)
        write_like(survey, out, lambda rows, columns: volume[rows, columns], ["PROBABILITY"])
        layout, traces, places = survey.layout, survey.scan.traces, survey.places(slice(None))
        scan = survey.scan
    assert layout is not None
    before, after = path.read_bytes(), out.read_bytes()
    changed = [at for at in range(3200, layout.start) if before[at] != after[at]]
    assert set(changed) <= {3224, 3225}
    pitch = layout.head + 4 * scan.samples
    kind = ">f4" if layout.endian == "big" else "<f4"
    for trace in range(traces):
        old, new = layout.offset(trace), layout.start + trace * pitch
        assert before[old : old + layout.head] == after[new : new + layout.head]
        values = np.frombuffer(after, kind, scan.samples, new + layout.head)
        row, column = places[0][trace], places[1][trace]
        np.testing.assert_array_equal(values, volume[row, column] if row >= 0 else 0)
    assert after[layout.start + traces * pitch :] == before[layout.offset(traces) :]
    again = scanned(out).scan
    assert (again.format, again.delay_ms, again.order) == (5, scan.delay_ms, scan.order)


def test_the_document_is_up_to_date() -> None:
    """If not: python -m tests.survey.odd_surveys > docs/odd-surveys.md."""
    assert (ROOT / "docs/odd-surveys.md").read_text() == made_document()
