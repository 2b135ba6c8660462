"""Names that modules had before they lay in rooms: who imports one of them gets the module.

They are found only where nothing of that name is, and loaded only when asked for.
"""

from __future__ import annotations

import importlib
import sys
from collections.abc import Mapping, Sequence
from importlib.abc import Loader, MetaPathFinder
from importlib.machinery import ModuleSpec
from types import ModuleType

NAMES = {
    "contract": "modelfile.contract",
    "doctor_cli": "cli.doctor",
    "labels": "data.labels",
    "layout": "data.dataset",
    "machine": "system.cpu",
    "metric": "masks.metric",
    "nvidia": "backends.nvidia",
    "providers": "backends.providers",
    "rle": "masks.rle",
    "usable": "backends.availability",
    "views": "batch.views",
}


class Former(MetaPathFinder, Loader):
    """Finds modules of a package by the names that they had.

    Attributes:
        package: its name.
        names: those below it that they had, and that they have.
    """

    def __init__(self, package: str, names: Mapping[str, str]) -> None:
        self.package, self.names = package, names

    def find_spec(
        self, fullname: str, path: Sequence[str] | None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        """What is to be loaded under a former name; None of any other name."""
        package, _, name = fullname.rpartition(".")
        if package != self.package or name not in self.names:
            return None
        return ModuleSpec(fullname, self)

    def create_module(self, spec: ModuleSpec) -> ModuleType:
        """The module under its own name, which stays what it is."""
        name = self.names[spec.name.rpartition(".")[2]]
        module = importlib.import_module(f"{self.package}.{name}")
        spec.loader_state = module.__spec__
        return module

    def exec_module(self, module: ModuleType) -> None:
        """It has been run already; that it was imported again changes nothing of it."""
        assert module.__spec__ is not None
        module.__spec__ = module.__spec__.loader_state


def find(package: str, names: Mapping[str, str]) -> None:
    """Look for a package's former names after all others."""
    finders = (each for each in sys.meta_path if isinstance(each, Former))
    if package not in {each.package for each in finders}:
        sys.meta_path.append(Former(package, names))
