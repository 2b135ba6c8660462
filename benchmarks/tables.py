"""The README's tables from the results: ``python benchmarks/tables.py``, ``--check`` to compare.

What stands between ``<!-- begin results/NAME.json -->`` and ``<!-- end -->`` is that file's own
table and a paragraph about the machine, its versions and the command.
"""

from __future__ import annotations

import argparse
import json
import re
import sys
import textwrap
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from salt_infer.system.whole_files import write_whole

README = Path(__file__).parent / "README.md"
BEGIN, END = "<!-- begin ", "<!-- end -->"
BLOCK = re.compile(
    r"^<!-- begin (results/[\w-]+\.json) -->$(?:(?!<!--).)*^<!-- end -->$", re.M | re.S
)
WIDTH = 100


def render(readme: str, folder: Path) -> str:
    """The README with every block as the results have it.

    Args:
        readme: its text.
        folder: where ``results/`` is.

    Raises:
        SystemExit: a marker without its other half, or a result that is missing or has no table.
    """
    found = len(BLOCK.findall(readme))
    if not found == readme.count(BEGIN) == readme.count(END):
        sys.exit(
            f"{found} whole blocks; expected `{BEGIN}results/NAME.json -->` and `{END}`, each on a "
            "line of its own, one after the other"
        )
    return BLOCK.sub(lambda match: block(match[1], folder), readme)


def block(name: str, folder: Path) -> str:
    """Markers, table, provenance."""
    try:
        result = json.loads((folder / name).read_text())
    except FileNotFoundError:
        sys.exit(f"{name} does not exist; run its script, or take its block out of the README")
    if not result.get("table"):
        sys.exit(f"{name} has no table; expected lines of Markdown under `table`")
    lines = [f"{BEGIN}{name} -->", *result["table"], "", *provenance(name, result), END]
    return "\n".join(lines)


def provenance(name: str, result: Mapping[str, Any]) -> list[str]:
    """Where a result comes from, in lines of Markdown: as much as the file says."""
    parts = _machine(result["machine"])
    parts += [
        _count(result[f"{noun}s"], noun) for noun in ("thread", "repeat") if f"{noun}s" in result
    ]
    script = f"benchmarks/{Path(name).stem}.py"
    text = f"{name}: {', '.join(parts)}; `{result.get('command', script)}`"
    return textwrap.wrap(text, WIDTH, break_long_words=False, break_on_hyphens=False)


def _machine(machine: Mapping[str, Any]) -> list[str]:
    features = f" ({' '.join(machine['features'])})" if machine.get("features") else ""
    parts = [f"{machine['cpu']}{features}"]
    if "cpus" in machine:
        parts.append(_count(machine["cpus"], "CPU"))
    known = (gpu for gpu in machine.get("gpus", ()) if "name" in gpu)
    parts += [f"{gpu['name']} (driver {gpu['driver']})" for gpu in known]
    parts.append(f"Python {machine['python']}")
    return parts + [f"{package} {found}" for package, found in machine["versions"].items() if found]


def _count(number: int, noun: str) -> str:
    return f"{number} {noun}{'s' * (number != 1)}"


def main(readme: Path = README) -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument(
        "--check", action="store_true", help="exit 1 where it differs; write nothing"
    )
    options = parser.parse_args()
    before = readme.read_text()
    after = render(before, readme.parent)
    if after == before:
        return
    if options.check:
        sys.exit(f"{readme} is not what the results say; run python benchmarks/tables.py")
    write_whole(readme, after.encode(), overwrite=True)


if __name__ == "__main__":
    main()
