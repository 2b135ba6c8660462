"""The case study's own network among the contenders, in a small form of its recipe."""

from __future__ import annotations

import dataclasses
import json
import re
from pathlib import Path
from typing import Any

import click
import numpy as np
import peers
import pytest
import record
import torch
from click.testing import CliRunner
from comparison import chart, standings, study
from comparison.answers import Answer, Reference, Unscored, Untrained
from comparison.material import Material
from comparison.networks import Making, Networks
from comparison.standings import Sample, Standing
from contenders import common
from exports import train

from salt_train.checkpoints import checkpoint as checkpoints
from salt_train.compute.distributed import World
from salt_train.scoring.evaluate import Decision
from salt_train.settings.recipes import RECIPES
from salt_train.training.learner import Learner


@pytest.fixture(scope="module", autouse=True)
def small_recipe() -> Any:
    """The study's network with a sixteenth of the channels."""
    recipe = RECIPES[study.RECIPE]
    model = dataclasses.replace(
        recipe.config.model, depth=18, width=8, decoder_channels=8, hypercolumn_channels=4,
        judge_channels=8,
    )  # fmt: skip
    small = dataclasses.replace(recipe, config=dataclasses.replace(recipe.config, model=model))
    with pytest.MonkeyPatch.context() as patch:
        patch.setitem(RECIPES, study.RECIPE, small)
        yield


@pytest.fixture
def material(tiny_checkpoint: Path, tile_folder: Path) -> Material:
    tiles, masks = tile_folder / "tiles", tile_folder / "masks"
    return Material(tiny_checkpoint, tiles, masks, tiles)


def test_untrained_weights_are_those_that_the_trainer_begins_with(tmp_path: Path) -> None:
    before = torch.random.get_rng_state()
    found = checkpoints.load(study.untrained(tmp_path))
    assert torch.equal(torch.random.get_rng_state(), before)
    first = Learner(RECIPES[study.RECIPE].config, "cpu", World()).model.state_dict()
    assert found.weights.keys() == first.keys()
    assert all(torch.equal(value, first[name]) for name, value in found.weights.items())
    study.check(tmp_path / "study-untrained.pth")


def test_what_costs_nothing_may_be_otherwise(tmp_path: Path) -> None:
    found = checkpoints.load(study.untrained(tmp_path))
    model = dataclasses.replace(found.config.model, judge_dropout=0.5, mean=0.47, std=0.16)
    config = dataclasses.replace(found.config, model=model)
    checkpoints.save(dataclasses.replace(found, config=config), tmp_path / "other.pth")
    study.check(tmp_path / "other.pth")


def test_another_network_is_not_taken_for_the_studys(tiny_checkpoint: Path, tmp_path: Path) -> None:
    done = CliRunner().invoke(peers.main, ["--study-checkpoint", str(tiny_checkpoint)])
    assert done.exit_code == 2
    assert "another network than recipe binary-judge: width 16, not 8, stem_pool False" in (
        re.sub(r"\s+", " ", done.output)
    )
    (tmp_path / "torn.pth").write_bytes(b"PK")
    with pytest.raises(click.UsageError, match=r"torn\.pth"):
        study.check(tmp_path / "torn.pth")


def submission(path: Path, ids: tuple[str, ...], salt: bool = False) -> Path:
    common.write(path, map(Path, ids), ["1 2" if salt else ""] * len(ids))
    return path


def test_an_untrained_network_has_no_numbers(tmp_path: Path) -> None:
    judge = Untrained(("a", "b"))
    found = judge.judge(submission(tmp_path / "empty.csv", judge.ids))
    assert not re.search(r"\d", " ".join([*found.cells, found.caption]))
    assert {key: value for key, value in found.to_json().items() if key != "sha256"} == {
        "score": None,
        "agreement": None,
    }
    with pytest.raises(click.ClickException, match="salt in 2 tiles, expected none"):
        judge.judge(submission(tmp_path / "salt.csv", judge.ids, salt=True))
    with pytest.raises(click.ClickException, match="1 rows"):
        judge.judge(submission(tmp_path / "short.csv", judge.ids[:1]))


def standing(name: str, run_s: float, answer: Answer | Unscored) -> Standing:
    return Standing(name, 80, (Sample(run_s + 2, run_s, 100.0),) * 2, answer, steady=True)


SCORED = Answer(0.8, 0.0, (0.0, 0.0), 10201, 0, 0, "")
MADE_UP = [
    standing("notebook", 4.0, SCORED),
    standing("salt-cpu-int8-gated", 1.0, SCORED),
    standing("salt-openvino-int8-gated", 0.5, dataclasses.replace(SCORED, difference=-0.1)),
    standing("study-notebook", 20.0, Unscored("")),
    standing("study-salt", 10.0, Unscored("")),
]


def test_the_table_compares_with_the_studys_network_and_says_that_it_is_not_trained() -> None:
    lines = standings.table(MADE_UP)
    assert len({line.count("|") for line in lines}) == 1
    assert "| to OpenVINO | to the study's network | start-up s |" in lines[0]
    assert "| 20.00x (20.00 to 20.00) | 2.0 | 100 | 0.8000 |" in lines[3]
    assert lines[5].startswith("| the study's network, the notebook's way | 4.0 | 0.20x (")
    assert lines[5].endswith("| 1 | 2.0 | 100 | not trained | not trained | not trained |")
    assert "study" not in standings.table(MADE_UP[:3])[0]


def test_the_headline_is_of_a_way_that_holds_its_score() -> None:
    found = standings.headline(MADE_UP)
    assert found
    assert (found.ours, found.baseline, found.trained) == (
        "salt-cpu-int8-gated", "study-notebook", False,
    )  # fmt: skip
    assert found.line().startswith("20.00x (20.00 to 20.00) as fast as the study's network, ")
    assert found.line().endswith("which is not trained: speed alone is compared")
    trained = standings.headline([*MADE_UP[:3], standing("study-notebook", 20.0, SCORED)])
    assert trained and trained.line().endswith("salt-cpu-int8-gated against study-notebook")
    assert standings.headline(MADE_UP[:3]) is standings.headline(MADE_UP[3:]) is None


def test_later_runs_are_held_against_ratios_of_the_same_weights_or_of_ours() -> None:
    assert standings.to_check(MADE_UP).keys() == {
        "salt-cpu-int8-gated to notebook",
        "salt-cpu-int8-gated to study-notebook",
        "salt-openvino-int8-gated to notebook",
        "salt-openvino-int8-gated to study-notebook",
        "study-salt to study-notebook",
    }


def test_targets_are_of_everybodys_weights() -> None:
    alone = standings.verdicts([MADE_UP[1], *MADE_UP[3:]])
    assert alone == []
    assert {each.group for each in standings.verdicts(MADE_UP)} == {"notebook"}


def test_the_picture_shows_them(tmp_path: Path) -> None:
    chart.draw(MADE_UP, tmp_path / "a.png")
    assert (tmp_path / "a.png").read_bytes().startswith(b"\x89PNG")


def test_who_asks_for_it_gets_it_beside_the_others() -> None:
    both = ("study-notebook", "study-salt")
    assert peers._wanted(("notebook",), "cpu", False, True) == ("notebook", *both)
    assert peers._wanted((), "cpu", True, True)[-2:] == both
    assert not set(both) & set(peers._wanted((), "cpu", False, False))
    gpus = peers._wanted((), "cuda", False, True)
    assert gpus[-2:] == tuple(f"gpu-{name}" for name in both)
    assert peers._name("cpu", True, True) == "peers-short-study"


@pytest.mark.slow
def test_files_of_other_weights_are_not_taken_for_the_studys(
    material: Material, tmp_path: Path
) -> None:
    few = material.some(2, tmp_path / "few")
    making = Making(material, few, tmp_path, 8, "cpu", pytest.fail)
    networks = making.networks(["study-salt"], None)
    assert isinstance(networks.of("study-salt").judge, Untrained)
    assert networks.of("study-salt").decision == study.NO_PIXEL
    first, other = checkpoints.load(study.untrained(tmp_path)), tmp_path / "other.pth"
    checkpoints.save(dataclasses.replace(first, epoch=1), other)
    again = making.networks(["study-salt"], other).of("study-salt")
    assert isinstance(again.judge, Reference)
    folders = {network.files.folder for network in (networks.of("study-salt"), again)}
    assert len(folders | {networks.of("notebook").files.folder}) == 3
    assert making.networks(["notebook"], None).studys is None
    with pytest.raises(ValueError, match="not made"):
        Networks(networks.everybodys).of("study-salt")


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """With a gate that leaves masks."""
    path = train(RECIPES[study.RECIPE].config, tmp_path_factory.mktemp("study"))
    decision = Decision(threshold=0.5, gate=0.0)
    checkpoints.save(dataclasses.replace(checkpoints.load(path), decision=decision), path)
    return path


@pytest.mark.slow
@pytest.mark.parametrize("with_checkpoint", [False, True])
@pytest.mark.usefixtures("traced", "few_shapes")
def test_it_is_run_as_the_others_are(
    material: Material, trained: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path,
    with_checkpoint: bool,
) -> None:  # fmt: skip
    monkeypatch.setattr(record, "RESULTS", tmp_path / "results")
    arguments = [str(material.checkpoint), "--batch-size", "4", "--rounds", "1", "--tiles", "9"]
    for option in ("images", "labels", "calibrate"):
        arguments += [f"--{option}", str(getattr(material, option))]
    arguments += ["--only", "salt-cpu-fp32-gated"]
    arguments += ["--study-checkpoint", str(trained)] if with_checkpoint else ["--study"]
    done = CliRunner().invoke(peers.main, arguments, catch_exceptions=False)
    assert done.exit_code == 0, done.output
    result = json.loads((tmp_path / "results" / "peers-study.json").read_text())
    assert result["headline"]["trained"] == result["study"]["trained"] == with_checkpoint
    found = [result["contenders"][name] for name in ("study-notebook", "study-salt")]
    if with_checkpoint:
        # Of its own network's masks; the other one's are others.
        others = result["contenders"]["salt-cpu-fp32-gated"]["sha256"]
        assert others not in [each["sha256"] for each in found]
        assert all(each["pixels_flipped"] <= 7 for each in found)
        assert all(abs(each["score"] - result["study"]["reference_score"]) < 0.02 for each in found)
    else:
        assert [each["score"] for each in found] == [None, None]
        assert result["study"]["reference_score"] is None
        assert done.output.count("| not trained | not trained | not trained |") == 2
        assert (result["study"]["threshold"], result["study"]["gate"]) == (1.0, 0.0)
    assert result["settings"]["threshold"] < 1
    assert (tmp_path / "results" / "peers-study.png").stat().st_size > 10_000
    np.testing.assert_allclose(
        result["headline"]["ratio"]["median"],
        result["ratios"]["salt-cpu-fp32-gated to study-notebook"]["median"],
    )
