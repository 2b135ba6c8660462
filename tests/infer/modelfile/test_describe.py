from __future__ import annotations

import dataclasses
import subprocess
import sys
from pathlib import Path

import pytest
from click.testing import CliRunner

from salt_infer import models
from salt_infer.backends.onnxruntime_session import ModelSession
from salt_infer.cli.infer import cli
from salt_infer.modelfile.describe import describe
from salt_infer.modelfile.onnx_reader import read_model
from salt_infer.models import default_model


def said(*arguments: object) -> str:
    result = CliRunner().invoke(cli, [str(each) for each in arguments], catch_exceptions=False)
    assert result.exit_code == 0
    return result.output


def test_a_file_tells_what_it_is_and_what_proved_it(gated_model: Path) -> None:
    text = said("--model", gated_model, "--describe")
    session = ModelSession(gated_model)
    contract = session.contract
    lines = text.splitlines()
    assert lines[0] == f"{gated_model}: {gated_model.stat().st_size / 1e6:.1f} MB, fp32 gated"
    assert f"sha256 {session.sha256}" in lines
    assert contract.architecture in lines
    assert f"threshold {contract.threshold:g}, gate {contract.gate:.3g}, tta hflip" in lines
    assert "learnt from: 29 tiles, those of one grey value not counted" in lines
    assert "  tiles uint8 [N, V, 101, 101]" in lines
    assert "  gate float []" in lines
    assert "  salt float [N]" in lines
    assert "  probability float [K, V, 101, 101]" in lines
    assert "  kept int64 [K]" in lines
    first, *_, last = contract.verification["shapes"]
    assert f"  shapes 22, {list(first)} to {list(last)}" in lines
    assert f"  score {contract.validation['score']:.4g}" in lines
    assert f"  pixels {contract.verification['pixels']}" in lines
    assert f"  {contract.checkpoints[0]}" in lines


def test_without_a_model_it_is_the_shipped_one() -> None:
    assert said("--describe").startswith(f"{default_model()}: ")
    assert default_model().parent == Path(models.__file__).parent


@pytest.mark.parametrize("absent", [("onnxruntime",), ("onnxruntime", "openvino")])
def test_no_runtime_is_needed(absent: tuple[str, ...]) -> None:
    code = (
        f"import sys; sys.modules |= dict.fromkeys({absent!r})\n"
        "sys.argv = ['salt-infer', '--describe', '--provider', 'openvino']\n"
        "from salt_infer.cli.infer import main; main()"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, "")
    assert "  tiles uint8 [N, V, 101, 101]" in done.stdout


def test_an_ensemble_lists_its_members(dense_model: Path) -> None:
    file = read_model(dense_model)
    own = dict(file.contract.validation)
    members = {"members": [own, own | {"fold": 3}]}
    contract = dataclasses.replace(file.contract, validation=members)
    lines = describe(dataclasses.replace(file, contract=contract)).splitlines()
    first, second = lines.index("  members 1"), lines.index("  members 2")
    assert lines[first:second].count("    fold 0") == lines[second:].count("    fold 3") == 1


def test_a_file_does_not_write_to_the_terminal(dense_model: Path) -> None:
    file = read_model(dense_model)
    hostile = {"score\x1b[1m": "\x1b[2J", "list": ["\x07", 0.25]}
    contract = dataclasses.replace(file.contract, validation=hostile)
    text = describe(dataclasses.replace(file, contract=contract))
    assert all(line.isprintable() for line in text.splitlines())
    assert "  'score\\x1b[1m' '\\x1b[2J'" in text.splitlines()
    assert "  list ['\\x07', 0.25]" in text.splitlines()


def test_what_a_name_does_not_say_is_said_and_what_is_empty_is_not(dense_model: Path) -> None:
    file = read_model(dense_model)
    validation = {
        "decision_chosen_on": "own fold", "false_salt": 5, "tiles": 360, "start_sha256": "",
        "members": [{"false_salt": 3, "score_interval": [0.75, 0.8]}],
    }  # fmt: skip
    contract = dataclasses.replace(file.contract, validation=validation)
    lines = describe(dataclasses.replace(file, contract=contract)).splitlines()
    assert "  decision_chosen_on own fold (whose labels threshold and gate were chosen by)" in lines
    assert "  false_salt 5 (of 360 tiles: given a mask, and without salt)" in lines
    assert "    false_salt 3" in lines  # nothing says of how many
    assert "    score_interval [0.75, 0.8] (95 %)" in lines
    assert "start_sha256" not in "".join(lines)


def test_nothing_else_is_asked_for(tmp_path: Path) -> None:
    result = CliRunner().invoke(cli, ["--images", str(tmp_path)])
    assert result.exit_code == 2
    assert "Missing option '--out'" in result.output
