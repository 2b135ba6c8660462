"""A drawn survey is a survey, and always the same."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner
from PIL import Image

from salt_infer.errors import OutputExistsError
from salt_survey import synthetic
from salt_survey.reading.survey import Survey
from salt_survey.segy.create import Kind
from salt_survey.synthetic import Plan

SMALL = Plan(6, 40, 50, kind=Kind(50, 4.0, 400))


def test_it_is_read_as_drawn(tmp_path: Path) -> None:
    survey, *labels = synthetic.draw(SMALL, tmp_path / "drawn")
    with Survey.open(survey) as opened:
        assert opened.scan.verdict == "ok"
        assert (opened.inlines[0], opened.crosslines[0], opened.times_ms[0]) == (100, 300, 400)
        assert opened.scan.bin_m == pytest.approx((25, 25), abs=0.01)
        amplitude, salt = SMALL.section(3)
        read = opened.read(slice(3, 4), slice(None)).amplitude[0]
        np.testing.assert_allclose(read, amplitude, rtol=2**-20)
    assert labels[1].name == "label-il103.png"
    np.testing.assert_array_equal(np.array(Image.open(labels[1])), salt.T)
    assert 0.05 < (salt > 0).mean() < 0.6


def test_it_is_the_same_every_time(tmp_path: Path) -> None:
    first, *_ = synthetic.draw(SMALL, tmp_path / "a")
    second, *_ = synthetic.draw(SMALL, tmp_path / "b")
    assert first.read_bytes() == second.read_bytes()
    with pytest.raises(OutputExistsError, match="name another folder"):
        synthetic.draw(SMALL, tmp_path / "a")


def test_the_command(tmp_path: Path) -> None:
    options = ["--inlines", "4", "--crosslines", "12", "--samples", "30", "--seed", "3"]
    done = CliRunner().invoke(synthetic.cli, [str(tmp_path / "drawn"), *options])
    assert done.exit_code == 0
    assert done.output.splitlines()[0].endswith("survey.sgy")
    with Survey.open(tmp_path / "drawn" / "survey.sgy") as survey:
        assert survey.traces.shape == (4, 12)
        assert survey.scan.samples == 30
