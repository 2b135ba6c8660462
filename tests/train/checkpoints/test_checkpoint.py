from __future__ import annotations

import hashlib
import json
import pickle
import shutil
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from salt_infer.modelfile.learnt import UNKNOWN
from salt_infer.models import default_model
from salt_train.checkpoints import checkpoint as checkpoints
from salt_train.checkpoints import weights
from salt_train.data.folds import Split
from salt_train.errors import CheckpointError
from tests import drawing, pngs
from tests.train.settings.test_config import NEWER, NEWER_IN_STAGES


def rewritten(source: Path, out: Path, **changes: object) -> Path:
    content = torch.load(source, weights_only=True)
    torch.save(content | changes, out)
    return out


def test_round_trip(tiny_checkpoint: Path, tmp_path: Path) -> None:
    first = checkpoints.load(tiny_checkpoint)
    checkpoints.save(first, tmp_path / "copy.pth")
    again = checkpoints.load(tmp_path / "copy.pth")
    assert (again.config, again.epoch, again.scores) == (first.config, first.epoch, first.scores)
    assert again.history == first.history
    assert again.learnt.to_text() == first.learnt.to_text()
    for name, tensor in first.weights.items():
        assert torch.equal(again.weights[name], tensor)
    assert [path.name for path in tmp_path.iterdir()] == ["copy.pth"]


def test_the_file_holds_nothing_but_tensors_and_plain_values(tiny_checkpoint: Path) -> None:
    content = torch.load(tiny_checkpoint, weights_only=True)
    assert content.keys() == {"format", "version", "meta", "weights", "run", "learnt"}
    assert isinstance(content["meta"], str)


def test_what_a_network_has_learnt_from_is_known(tiny_checkpoint: Path, tmp_path: Path) -> None:
    """The tiles of its folds; of the epoch chosen by the others, these, too."""
    data = drawing.draw(40, seed=2)
    lit = data.tiles.any(axis=(1, 2))
    own = ~Split.of(data, 4, 0).held_out(0)
    last = checkpoints.load(tiny_checkpoint).learnt
    assert last.complete
    assert (last.among(data.tiles) == (own & lit)).all()
    best = checkpoints.load(tiny_checkpoint.with_name("best.pth")).learnt
    assert (best.among(data.tiles) == lit).all()
    content = torch.load(tiny_checkpoint, weights_only=True)
    del content["learnt"]  # as in files of before
    torch.save(content, tmp_path / "old.pth")
    assert checkpoints.load(tmp_path / "old.pth").learnt is UNKNOWN
    for text in ("{}", 7):
        torch.save(content | {"learnt": text}, tmp_path / "bad.pth")
        with pytest.raises(CheckpointError, match=r"bad\.pth is damaged: what it says of itself"):
            checkpoints.load(tmp_path / "bad.pth")


class Bomb:
    def __reduce__(self) -> tuple[object, tuple[str]]:
        return (exec, ("open('exploded', 'w').close()",))


def test_a_pickle_bomb_does_not_run(
    tiny_checkpoint: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    bomb = rewritten(tiny_checkpoint, tmp_path / "bomb.pth", run=Bomb())
    with pytest.raises(CheckpointError, match="could run code"):
        checkpoints.load(bomb)
    (tmp_path / "raw.pth").write_bytes(pickle.dumps(Bomb()))
    with pytest.raises(CheckpointError):
        checkpoints.load(tmp_path / "raw.pth")
    assert not (tmp_path / "exploded").exists()


@pytest.mark.parametrize(
    ("data", "what"),
    [(b"id,rle_mask\na,\n", "of another kind, or damaged"), (pngs.good_tile(), "a PNG")],
)
def test_what_is_no_checkpoint_is_named(tmp_path: Path, data: bytes, what: str) -> None:
    path = tmp_path / "m.pth"
    path.write_bytes(data)
    with pytest.raises(CheckpointError, match=f"is no checkpoint: it is {what}; expected the"):
        checkpoints.load(path)


def test_a_model_that_is_exported_already_is_told(tmp_path: Path) -> None:
    path = tmp_path / "m.pth"
    path.write_bytes(default_model("cpu").read_bytes())
    with pytest.raises(CheckpointError, match=r"m\.pth is an ONNX model already, expected the"):
        checkpoints.load(path)


def test_a_checkpoint_from_before_a_setting_was_there_loads(
    tiny_checkpoint: Path, tmp_path: Path
) -> None:
    def without_newer(settings: dict[str, Any]) -> dict[str, Any]:
        return {name: value for name, value in settings.items() if name not in newer}

    newer = {*NEWER, *NEWER_IN_STAGES}
    meta = json.loads(torch.load(tiny_checkpoint, weights_only=True)["meta"])
    stages = [without_newer(stage) for stage in meta["config"]["stages"]]
    config = without_newer(meta["config"]) | {"stages": stages}
    assert len(config) == len(meta["config"]) - len(NEWER)
    old = rewritten(
        tiny_checkpoint, tmp_path / "old.pth", meta=json.dumps(meta | {"config": config})
    )
    loaded = checkpoints.load(old)
    assert loaded.config == checkpoints.load(tiny_checkpoint).config
    checkpoints.build_model(loaded)
    unknown = json.dumps(meta | {"config": config | {"colour": "red"}})
    with pytest.raises(CheckpointError, match="colour"):
        checkpoints.load(rewritten(tiny_checkpoint, tmp_path / "unknown.pth", meta=unknown))


def test_a_network_for_tiles_of_another_size_is_refused(
    tiny_checkpoint: Path, tmp_path: Path
) -> None:
    meta = json.loads(torch.load(tiny_checkpoint, weights_only=True)["meta"])
    meta["config"]["model"]["tile_px"] = 128
    other = rewritten(tiny_checkpoint, tmp_path / "other.pth", meta=json.dumps(meta))
    with pytest.raises(CheckpointError, match=r"other\.pth: tile_px is 128, expected 101"):
        checkpoints.load(other)


def test_damaged_files(tiny_checkpoint: Path, tmp_path: Path) -> None:
    for path, says in ((tmp_path / "missing.pth", "does not exist"), (tmp_path, "is a directory")):
        with pytest.raises(CheckpointError, match=says) as caught:
            checkpoints.load(path)
        assert caught.value.exit_code == 2  # bad usage, as of other paths
    cut = tmp_path / "cut.pth"
    cut.write_bytes(tiny_checkpoint.read_bytes()[:5000])
    with pytest.raises(CheckpointError, match=r"cut\.pth"):
        checkpoints.load(cut)
    torch.save({"state_dict": {}}, tmp_path / "other.pth")
    with pytest.raises(CheckpointError, match="not a salt-train checkpoint"):
        checkpoints.load(tmp_path / "other.pth")
    newer = rewritten(tiny_checkpoint, tmp_path / "newer.pth", version=99)
    with pytest.raises(CheckpointError, match="version 99, this program reads 1; update"):
        checkpoints.load(newer)
    bare = rewritten(tiny_checkpoint, tmp_path / "bare.pth", meta="{}")
    with pytest.raises(CheckpointError, match="damaged"):
        checkpoints.load(bare)


@pytest.mark.parametrize(
    "changes",
    [
        {"epoch": "1"},
        {"scores": [1]},
        {"history": [3]},
        {"decision": "high"},
        {"decision": {"threshold": "high"}},
        {"decision": {"gate": float("nan")}},
        {"config": None},
    ],
)
def test_descriptions_of_another_kind(
    tiny_checkpoint: Path, tmp_path: Path, changes: dict[str, Any]
) -> None:
    meta = json.loads(torch.load(tiny_checkpoint, weights_only=True)["meta"])
    odd = rewritten(tiny_checkpoint, tmp_path / "odd.pth", meta=json.dumps(meta | changes))
    with pytest.raises(CheckpointError, match=r"odd\.pth"):
        checkpoints.load(odd)


@pytest.mark.parametrize("meta", ["[]", 3, "[" * 100_000, '{"epoch": 1' + "0" * 5000 + "}"])
def test_descriptions_that_are_no_json_of_ours(
    tiny_checkpoint: Path, tmp_path: Path, meta: object
) -> None:
    odd = rewritten(tiny_checkpoint, tmp_path / "odd.pth", meta=meta)
    with pytest.raises(CheckpointError, match=r"odd\.pth is damaged"):
        checkpoints.load(odd)


@pytest.mark.parametrize("name", ["width", "decoder_channels", "judge_channels", "canvas_px"])
@pytest.mark.parametrize("value", [16.0, 10**9, "16"])
def test_networks_that_no_weights_could_fill(
    tiny_checkpoint: Path, tmp_path: Path, name: str, value: object
) -> None:
    """Refused before memory is asked for, or without any."""
    meta = json.loads(torch.load(tiny_checkpoint, weights_only=True)["meta"])
    meta["config"]["model"][name] = value
    odd = rewritten(tiny_checkpoint, tmp_path / "odd.pth", meta=json.dumps(meta))
    with pytest.raises(CheckpointError):
        checkpoints.build_model(checkpoints.load(odd))


@pytest.mark.parametrize("weights", [None, "all", [], {1: torch.ones(1)}, {"head": "none"}])
def test_weights_that_are_no_state_dict(
    tiny_checkpoint: Path, tmp_path: Path, weights: object
) -> None:
    odd = rewritten(tiny_checkpoint, tmp_path / "odd.pth", weights=weights)
    with pytest.raises(CheckpointError, match=r"odd\.pth holds a .*, expected a state dict"):
        checkpoints.load(odd)


def test_weights_that_do_not_fit_or_are_not_finite(tiny_checkpoint: Path, tmp_path: Path) -> None:
    weights = torch.load(tiny_checkpoint, weights_only=True)["weights"]
    name = "head.last.weight"
    short = rewritten(tiny_checkpoint, tmp_path / "a.pth", weights=weights | {name: torch.ones(2)})
    with pytest.raises(CheckpointError, match="weights do not fit U-Net"):
        checkpoints.build_model(checkpoints.load(short))
    nan = weights | {name: torch.full_like(weights[name], float("nan"))}
    broken = rewritten(tiny_checkpoint, tmp_path / "b.pth", weights=nan)
    with pytest.raises(CheckpointError, match=r"head\.last\.weight has values that are not finite"):
        checkpoints.build_model(checkpoints.load(broken))


HOSTILE = "a\x1b[31m\n"


def test_names_in_a_checkpoint_are_shown_harmlessly(tiny_checkpoint: Path, tmp_path: Path) -> None:
    content = torch.load(tiny_checkpoint, weights_only=True)
    meta, stranger = json.loads(content["meta"]), {HOSTILE: torch.ones(1)}
    for number, (says, changes) in enumerate(
        {
            "weights do not fit U-Net": {"weights": content["weights"] | stranger},
            "has checkpoint version": {"version": HOSTILE},
            "settings do not fit": {"meta": json.dumps(meta | {"config": {HOSTILE: 1}})},
            "argument": {"meta": json.dumps(meta | {"config": meta["config"] | {HOSTILE: 1}})},
            "expected 0 <= fold": {
                "meta": json.dumps(meta | {"config": meta["config"] | {"fold": HOSTILE}})
            },
        }.items()
    ):
        odd = rewritten(tiny_checkpoint, tmp_path / f"{number}.pth", **changes)
        with pytest.raises(CheckpointError, match=says) as caught:
            checkpoints.build_model(checkpoints.load(odd))
        assert str(caught.value).isprintable(), says


def test_the_digest_names_the_content(tiny_checkpoint: Path, tmp_path: Path) -> None:
    shutil.copy(tiny_checkpoint, tmp_path / "copy.pth")
    first, copy = checkpoints.load(tiny_checkpoint), checkpoints.load(tmp_path / "copy.pth")
    assert first.sha256 == copy.sha256 == hashlib.sha256(tiny_checkpoint.read_bytes()).hexdigest()


def test_damage_anywhere_gives_our_error(tiny_checkpoint: Path, tmp_path: Path) -> None:
    data = tiny_checkpoint.read_bytes()
    rng = np.random.default_rng(0)
    for _ in range(60):
        broken = bytearray(data)
        for position in rng.integers(0, 20_000, 4):
            broken[position] = rng.integers(256)
        (tmp_path / "x.pth").write_bytes(bytes(broken))
        try:
            checkpoints.load(tmp_path / "x.pth")
        except CheckpointError as error:
            assert "x.pth" in str(error)


def flipped(source: Path, out: Path, position: int) -> Path:
    data = bytearray(source.read_bytes())
    data[position] ^= 0x40
    out.write_bytes(data)
    return out


def test_a_weight_that_is_not_the_one_saved_is_found(tiny_checkpoint: Path, tmp_path: Path) -> None:
    """A bit of a weight, which would make it another number: torch looks at no CRC-32."""
    model = checkpoints.build_model(checkpoints.load(tiny_checkpoint))
    where = tiny_checkpoint.read_bytes().find(model.encoder.bn1.weight.detach().numpy().tobytes())
    assert where > 0
    odd = flipped(tiny_checkpoint, tmp_path / "odd.pth", where + 3)
    torch.load(odd, weights_only=True)
    says = r"odd\.pth is damaged \(.*/data/\d+ in it is not what its CRC-32 was taken of\); bring"
    with pytest.raises(CheckpointError, match=says):
        checkpoints.load(odd)
    with pytest.raises(CheckpointError, match=says):
        weights.load_file(model.encoder, odd)


def test_no_changed_bit_passes_for_another_checkpoint(
    tiny_checkpoint: Path, tmp_path: Path
) -> None:
    honest = checkpoints.load(tiny_checkpoint)
    rng, refused = np.random.default_rng(0), 0
    for position in rng.integers(0, tiny_checkpoint.stat().st_size, 40).tolist():
        odd = flipped(tiny_checkpoint, tmp_path / "odd.pth", position)
        try:
            read = checkpoints.load(odd)
        except CheckpointError:
            refused += 1
            continue
        assert (read.config, read.history) == (honest.config, honest.history)  # in the padding
        assert all(torch.equal(honest.weights[name], read.weights[name]) for name in read.weights)
    assert refused > 30


def test_a_zip_with_compressed_parts_is_never_unpacked(
    tiny_checkpoint: Path, tmp_path: Path
) -> None:
    odd = tmp_path / "odd.pth"
    with (
        zipfile.ZipFile(tiny_checkpoint) as source,
        zipfile.ZipFile(odd, "w", zipfile.ZIP_DEFLATED) as packed,
    ):
        for part in source.infolist():
            packed.writestr(part.filename, source.read(part))
    with pytest.raises(CheckpointError, match=r"odd\.pth is no checkpoint: it is a zip with comp"):
        checkpoints.load(odd)
