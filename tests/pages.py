"""The project's pages: what of them can be run, and where their links lead."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

from tests.conftest import ROOT

PAGES = sorted(
    path
    for pattern in ("*.md", "docs/*.md", "benchmarks/*.md", "infer/salt_infer/models/*.md")
    for path in ROOT.glob(pattern)
)
# Tests of their own hold these against what they are made from.
MADE = {ROOT / "docs" / name for name in ("cli.md", "hostile-inputs.md", "odd-surveys.md")}


class Step(NamedTuple):
    """A command as a shell takes it, and the output shown below it."""

    command: str
    shown: str


class Session(NamedTuple):
    """A console block: steps that are taken in one folder."""

    page: Path
    number: int  # on its page, from 1
    steps: list[Step]

    def __str__(self) -> str:
        return f"{self.page.relative_to(ROOT)}-{self.number}"


def name(page: Path) -> str:
    return str(page.relative_to(ROOT))


def sessions() -> list[Session]:
    """Every console block of every page but those that are made."""
    return [
        Session(page, number, [_step(part) for part in re.split(r"^\$ ", block, flags=re.M)[1:]])
        for page in PAGES
        if page not in MADE
        for number, block in enumerate(blocks(page, "console"), 1)
    ]


def blocks(page: Path, language: str) -> list[str]:
    return re.findall(rf"^```{language}\n(.*?)^```$", page.read_text(), flags=re.M | re.S)


def _step(text: str) -> Step:
    """A command goes on after a backslash, and up to the end of its here-document."""
    taken = re.match(r"(?:.*\\\n)*.*\n", text)
    assert taken
    command = taken[0]
    if here := re.search(r"<<'(\w+)'", command):
        end = f"\n{here[1]}\n"
        command = text[: text.index(end) + len(end)]
    return Step(command, text[len(command) :])


def links(page: Path) -> Iterator[tuple[Path, str]]:
    """File and anchor of each link that leads to the project itself; the anchor may be empty."""
    for target in re.findall(r"\]\((?!https?:)([^)\s]+)\)", prose(page)):
        path, _, anchor = target.partition("#")
        yield (page.parent / path).resolve() if path else page, anchor


def anchors(page: Path) -> set[str]:
    """Of the headings, as GitHub makes them."""
    found = re.findall(r"^#+ (.*)$", prose(page), flags=re.M)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in found}


def prose(page: Path) -> str:
    """A page without its blocks of code."""
    return re.sub(r"^```.*?^```$", "", page.read_text(), flags=re.M | re.S)
