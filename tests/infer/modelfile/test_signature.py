from __future__ import annotations

from pathlib import Path

import pytest

from salt_infer.errors import ContractError, ModelError, NoModelError
from salt_infer.modelfile.signature import Edge, read_contract, sha256_of
from salt_infer.models import default_model
from salt_infer.system.cpu import Machine, this_machine

AMX = Machine("Xeon", 2, 2, None, ("AVX2", "AVX512", "VNNI", "BF16", "AMX"))
ZEN_4 = Machine("EPYC", 2, 2, None, ("AVX2", "AVX512", "VNNI", "BF16"))


@pytest.mark.parametrize(
    ("provider", "machine", "name"),
    [
        ("cpu", AMX, "default-cpu.onnx"),
        ("cpu", ZEN_4, "default-cpu.onnx"),
        ("openvino", AMX, "default.onnx"),
        ("openvino", ZEN_4, "default-cpu.onnx"),
        ("cuda", ZEN_4, "default.onnx"),
        ("tensorrt", AMX, "default.onnx"),
        ("anything else", ZEN_4, "default.onnx"),
    ],
)
def test_each_provider_has_its_file(provider: str, machine: Machine, name: str) -> None:
    path = default_model(provider, machine)
    assert path.name == name
    assert path.parent == default_model().parent


def test_the_machine_at_hand_has_its_file() -> None:
    assert default_model("openvino") == default_model("openvino", this_machine())


def test_an_edge_in_words() -> None:
    assert str(Edge("tiles", "uint8", ("N", None, 101))) == "tiles uint8 [N, None, 101]"


def test_a_folder_is_no_model(tmp_path: Path) -> None:
    with pytest.raises(NoModelError, match="is a directory, expected a file from salt-export"):
        sha256_of(tmp_path)


def test_a_model_that_is_not_there_is_bad_usage(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match="does not exist; expected a file") as caught:
        sha256_of(tmp_path / "x.onnx")
    assert caught.value.exit_code == 2


def test_a_contract_names_its_file(tmp_path: Path) -> None:
    with pytest.raises(ContractError, match="x has no"):
        read_contract(None, Path("x"))
    with pytest.raises(ContractError, match="x: the contract is not JSON"):
        read_contract("", Path("x"))


def test_names_of_sizes_do_not_write_to_the_terminal() -> None:
    edge = Edge("ti\x1b[2Jles", "uint8", ("N\x1b]0;owned\x07", None, 101))
    assert str(edge) == r"'ti\x1b[2Jles' uint8 ['N\x1b]0;owned\x07', None, 101]"
