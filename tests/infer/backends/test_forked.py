"""Models in processes that were forked off."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

FORKING = """
import os, sys
import numpy as np
from salt_infer import SaltModel
from salt_infer.errors import ModelError

tiles = np.zeros((1, 101, 101), np.uint8)
load = lambda: SaltModel.load(sys.argv[1], provider=sys.argv[2], threads=1)
model = load()
expected = model.predict(tiles).salt
if not os.fork():
    try:
        model.predict(tiles)
    except ModelError as error:
        os.write(1, str(error).encode())
    os._exit(0 if np.array_equal(load().predict(tiles).salt, expected) else 1)
sys.exit(os.waitstatus_to_exitcode(os.wait()[1]))
"""


@pytest.mark.parametrize("provider", ["cpu", "openvino"])
def test_what_was_loaded_before_is_refused_and_loaded_anew_it_works(
    dense_model: Path, provider: str
) -> None:
    """It would hang: at once, or where other threads were running batches."""
    if provider == "openvino":
        pytest.importorskip("openvino", reason="OpenVINO is not installed: .[openvino]")
    command = [sys.executable, "-W", "ignore", "-c", FORKING, str(dense_model), provider]
    done = subprocess.run(command, capture_output=True, text=True, check=True, timeout=120)
    assert "was loaded before this process was forked" in done.stdout
    assert done.stdout.endswith("load it here, or start processes by spawn")
