"""Traces of a line zeroed: 0 in what comes out, and what lies beside them changes little."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner

from salt_survey.cli.survey import cli
from salt_survey.sections import tiling
from salt_survey.sections.tiling import Floats
from salt_survey.segy.create import Kind
from salt_survey.synthetic import Plan, draw
from salt_survey.volume.store import Store

CROSSLINES, SAMPLES = 160, 110
DEAD = slice(90, 100)  # in the dome
BESIDE = np.r_[80:90, 100:110]


def found(survey: Path) -> Floats:
    """Probability of the second inline, float32 [crosslines, samples]."""
    out = survey.with_suffix(".zarr")
    looks = ["--zoom", "1.25/0.5", "--polarity", "reversed", "--lines", "101:101"]
    done = CliRunner().invoke(cli, ["run", str(survey), "--out", str(out), *looks])
    assert done.exit_code == 0, done.output
    return Store.open(out).section(1)


@pytest.fixture(scope="module")
def lines(tmp_path_factory: pytest.TempPathFactory) -> tuple[Floats, Floats, Floats]:
    """The line as it is, with its dead traces, and these not filled before it is cut."""
    folder = tmp_path_factory.mktemp("beside")
    kind = Kind(SAMPLES, 4.0, 0)
    whole = draw(Plan(3, CROSSLINES, SAMPLES, kind=kind), folder, labelled=())[0]
    data = bytearray(whole.read_bytes())
    pitch = 240 + 4 * SAMPLES
    for trace in range(CROSSLINES + DEAD.start, CROSSLINES + DEAD.stop):
        start = 3600 + trace * pitch + 240
        data[start : start + 4 * SAMPLES] = bytes(4 * SAMPLES)
    zeroed, bare = folder / "zeroed.sgy", folder / "bare.sgy"
    zeroed.write_bytes(data)
    bare.write_bytes(data)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(tiling, "filled", lambda section, live: section)
        unfilled = found(bare)
    return found(whole), found(zeroed), unfilled


def test_zeroed_traces_are_zero(lines: tuple[Floats, Floats, Floats]) -> None:
    whole, zeroed, _ = lines
    assert whole[DEAD].max() > 0.05  # there is something to lose
    assert not zeroed[DEAD].any()


def test_what_lies_beside_changes_little(lines: tuple[Floats, Floats, Floats]) -> None:
    whole, zeroed, unfilled = lines
    changed, would = (float(np.abs(whole - each)[BESIDE].mean()) for each in (zeroed, unfilled))
    assert changed < 0.02
    assert changed < would / 2
