from __future__ import annotations

import os
import subprocess
import sys

import pytest

from salt_train.compute import openmp


def test_threads_wait_briefly_where_nobody_has_chosen() -> None:
    environment = {"OMP_WAIT_POLICY": ""}
    openmp.spin_briefly(environment)
    assert environment == {"OMP_WAIT_POLICY": "", "GOMP_SPINCOUNT": "10000"}


@pytest.mark.parametrize("name", ["OMP_WAIT_POLICY", "GOMP_SPINCOUNT", "KMP_BLOCKTIME"])
def test_a_choice_stands(name: str) -> None:
    environment = {name: "ACTIVE"}
    openmp.spin_briefly(environment)
    assert environment == {name: "ACTIVE"}


def test_the_command_does_so_before_torch_is_imported() -> None:
    """It ends here because there is no such data set, before anything heavy is imported."""
    code = (
        "import atexit, os, sys\n"
        "from salt_train.cli.train import cli\n"
        "atexit.register(lambda: print(os.environ['GOMP_SPINCOUNT'], 'torch' in sys.modules))\n"
        "cli(['--data', 'nowhere', '--out', 'run'])\n"
    )
    known = {name: text for name, text in os.environ.items() if name not in openmp._CHOSEN}
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=False, env=known
    )
    assert done.returncode != 0
    assert done.stdout.endswith("10000 False\n"), done.stderr
