"""What the options and --set make of a recipe, as --dry-run shows it."""

from __future__ import annotations

import dataclasses
import shutil
from pathlib import Path

import click
import pytest
from click.testing import CliRunner

from salt_infer.errors import SaltError
from salt_train.checkpoints import checkpoint
from salt_train.cli.settings_options import AskedSettings, network_to_start_from
from salt_train.cli.train import cli


def dry(*arguments: str) -> list[str]:
    """Lines of a dry run; raises as it does."""
    result = CliRunner().invoke(
        cli, ["--dry-run", *arguments], catch_exceptions=False, standalone_mode=False
    )
    if isinstance(result.exception, SaltError | click.ClickException):
        raise result.exception
    return result.output.splitlines()


def test_a_fold_of_thousands_of_digits_is_no_number() -> None:
    with pytest.raises(SaltError, match=r"^fold is '1{100}'\.\.\. \(5000 characters\), exp"):
        dry("--fold", "1" * 5000)
    with pytest.raises(SaltError, match=r"^fold is 11 of 10, expected 0 <= fold"):
        dry("--fold", "11")


@pytest.mark.parametrize("recipe", ["cpu", "scratch"])
def test_no_encoder_weights_are_none_by_set_too(recipe: str) -> None:
    expected = dry("--recipe", recipe, "--encoder-weights", "none")
    assert "encoder_weights=" in expected
    assert dry("--recipe", recipe, "--set", "encoder_weights=none") == expected
    assert dry("--recipe", recipe, "--set", "encoder_weights=") == expected


@pytest.mark.parametrize("recipe", ["cpu", "scratch"])
@pytest.mark.parametrize("start", ["default", "a.pth"])
def test_weights_to_start_from_are_the_same_by_set(recipe: str, start: str) -> None:
    expected = dry("--recipe", recipe, "--init-weights", start)
    assert {f"init_weights={start}", "encoder_weights="} <= set(expected)
    assert dry("--recipe", recipe, "--set", f"init_weights={start}") == expected
    lite2 = "model.encoder=efficientnet-lite2"  # as the shipped network has
    assert (lite2 in expected) == (start == "default")
    nowhere = ("--set", "init_weights=")
    assert dry("--recipe", recipe, *nowhere) == dry("--recipe", recipe)


@pytest.mark.parametrize("fold", ["0", "all"])
def test_a_checkpoint_brings_its_network(tiny_checkpoint: Path, tmp_path: Path, fold: str) -> None:
    """Whatever the recipe's is; with ``{fold}`` that of the first."""
    (tmp_path / "0.pth").symlink_to(tiny_checkpoint)
    start = str(tmp_path / "{fold}.pth") if fold == "all" else str(tiny_checkpoint)
    lines = dry("--init-weights", start, "--fold", fold)
    assert {"model.encoder=resnet", "model.width=16", "encoder_weights="} <= set(lines)
    recipes_own = [line for line in dry("--encoder-weights", "none") if "stages." in line]
    assert [line for line in lines if "stages." in line] == recipes_own
    both = ("--init-weights", start, "--fold", fold, "--set")
    assert "model.judge_dropout=0.3" in dry(*both, "model.judge_dropout=0.3")
    for other in ("model.width=32", "model.judge=false", "model.mean=0.4"):
        with pytest.raises(SaltError, match="they differ in"):
            dry(*both, other)


def test_what_is_of_training_alone_stays_the_recipes(tiny_checkpoint: Path, tmp_path: Path) -> None:
    kept = checkpoint.load(tiny_checkpoint).config.model
    own = dataclasses.replace(kept, judge_dropout=0.4, deep_supervision=True)
    assert network_to_start_from(str(tiny_checkpoint), own) == own
    wider = dataclasses.replace(own, width=32)
    assert network_to_start_from(str(tiny_checkpoint), wider) == own
    assert network_to_start_from(str(tmp_path / "none.pth"), wider) is None
    (tmp_path / "text.pth").write_text("text")
    with pytest.raises(SaltError, match=r"text\.pth"):
        network_to_start_from(str(tmp_path / "text.pth"), wider)


def test_weights_do_not_come_from_two_places_by_set() -> None:
    both = ("--set", "init_weights=a.pth", "--set", "encoder_weights=imagenet")
    with pytest.raises(SaltError, match="from encoder_weights or init_weights, not from both"):
        dry(*both)
    with pytest.raises(SaltError, match=r"^init_weights is set twice, expected once at most"):
        dry("--set", "init_weights=a.pth", "--set", "init_weights=default")


def test_a_run_that_started_from_what_ships_goes_on_as_it_was_begun() -> None:
    """Though the same command says again that it does."""
    settings = dict.fromkeys((*AskedSettings.__annotations__, "encoder_weights", "batch_size"))
    settings["init_weights"] = "default"
    said = frozenset({"init_weights"})
    first = AskedSettings("cpu", ("model.judge_dropout=0.3",), None, "0", None, settings, said)
    begun = first.config(0)
    assert begun.model.judge_dropout == 0.3
    again = dataclasses.replace(first, assignments=()).config(0, begun)
    assert again == begun


def test_a_run_goes_on_without_the_file_that_it_started_from(
    tiny_checkpoint: Path, tmp_path: Path
) -> None:
    """With its own command, though that says the recipe again."""
    start = tmp_path / "start.pth"
    shutil.copy(tiny_checkpoint, start)
    settings = dict.fromkeys((*AskedSettings.__annotations__, "encoder_weights", "batch_size"))
    settings["init_weights"] = str(start)
    said = frozenset({"recipe", "init_weights"})
    idle = ("stages.0.momentum=0.5",)  # as runs of an older version may have been begun with
    asked = AskedSettings("scratch", (), None, "0", None, settings, said)
    begun = asked.config(0)
    older = dataclasses.replace(
        begun, stages=(dataclasses.replace(begun.stages[0], momentum=0.5), *begun.stages[1:])
    )
    for damage in (lambda: start.write_bytes(b"half of it"), start.unlink):
        damage()
        assert asked.config(0, begun=begun) == begun
        assert asked.config(0, run=begun) == begun
        again = dataclasses.replace(asked, assignments=idle)
        assert again.config(0, begun=older) == older
        with pytest.raises(SaltError, match="momentum has no effect"):
            again.config(0, begun=begun)
