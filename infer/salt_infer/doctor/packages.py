"""What the commands lack: packages of their extras, by the metadata of those that are installed.

Nothing is imported, so that the answer costs nothing; a package that is there and broken counts.
"""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Iterator
from importlib import metadata
from importlib.metadata import PackageNotFoundError

TOOLKIT = "salt-toolkit"
# By what a user knows it as: the extra, and what it is for where that is no command.
OF_COMMANDS = {f"salt-{extra}": extra for extra in ("train", "export", "report", "serve", "survey")}
OF_PARTS = {
    "pretrained": "salt-train's default recipe",
    "ray": "--engine ray",
    "parquet": "submissions as .parquet",
    "cloud": "tiles in buckets and on web servers",
}
_BESIDE_A_RUNTIME = {"serve", "survey"}  # their extras bring none
_INSTEAD = {"onnxruntime": "onnxruntime-gpu"}  # the same modules, in a package of another name
_REQUIREMENT = re.compile(
    r"(?P<name>[\w.-]+)\s*(\[(?P<extras>[^]]*)\])?[^;]*;\s*extra\s*==\s*['\"](?P<extra>[\w.-]+)['\"]"
)


@dataclasses.dataclass(frozen=True)
class Need:
    """A command, or a part of one, and what it lacks.

    Attributes:
        name: of the command, or of the extra where that is for a part.
        extra: that brings its packages.
        purpose: what the extra is for; empty where that is the command.
        lacks: packages that are not installed; nothing where all are.
    """

    name: str
    extra: str
    purpose: str
    lacks: tuple[str, ...]

    def line(self, runs: bool) -> str:
        """The same for people.

        Args:
            runs: a provider works here.
        """
        name = f"{self.name:<11} "
        purpose = f"{self.purpose}: " if self.purpose else ""
        if self.lacks:
            remedy = f"pip install '{TOOLKIT}[{self.extra}]'"
            return f"{name}{purpose}lacks {', '.join(self.lacks)} ({remedy})"
        if self.extra in _BESIDE_A_RUNTIME and not runs:
            return f"{name}{purpose}has its packages, and lacks a provider that works"
        return f"{name}{purpose}has its packages"


def needs() -> tuple[Need, ...]:
    """Of all commands but salt-infer, then of what these do with further packages; empty where
    the toolkit itself was not installed, and nobody knows.
    """
    asked = [(name, extra, "") for name, extra in OF_COMMANDS.items()]
    asked += [(extra, extra, purpose) for extra, purpose in OF_PARTS.items()]
    try:
        return tuple(Need(*each, tuple(lacking(TOOLKIT, each[1]))) for each in asked)
    except PackageNotFoundError:
        return ()


def lacking(package: str, extra: str) -> Iterator[str]:
    """Packages of an extra, and of the extras that it asks these for, that are not installed.

    Raises:
        PackageNotFoundError: the package itself is not.
    """
    for name, inner in requirements(package, extra):
        if not (_installed(name) or _installed(_INSTEAD.get(name, ""))):
            yield name
        else:
            for each in inner:
                yield from lacking(name, each)


def requirements(package: str, extra: str) -> Iterator[tuple[str, tuple[str, ...]]]:
    """What an installed package's extra asks for, each with the extras of that, by its metadata.
    What is asked for on some systems or versions of Python alone is left out.

    Raises:
        PackageNotFoundError: it is not installed.
    """
    for line in metadata.requires(package) or ():
        found = _REQUIREMENT.fullmatch(line)
        if found and _same(found["extra"], extra):
            inner = (each.strip() for each in (found["extras"] or "").split(","))
            yield found["name"], tuple(filter(None, inner))


def _same(one: str, other: str) -> bool:
    """Names of extras are written as one likes: ``tensorrt-check``, ``tensorrt_check``."""
    return re.sub(r"[-_.]+", "-", one).lower() == re.sub(r"[-_.]+", "-", other).lower()


def _installed(package: str) -> bool:
    try:
        return bool(package) and bool(metadata.version(package))
    except PackageNotFoundError:
        return False
