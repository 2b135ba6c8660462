"""What the settings say of themselves, as docs/settings.md.

``python -m tests.settings_page > docs/settings.md`` writes it. Keys, types and allowed names are
the dataclasses', meanings their docstrings', so that a new setting is on the page without being
named here.
"""

from __future__ import annotations

import dataclasses
import json
import re
import sys
import textwrap
import typing
from typing import Any, Literal

from salt_train.settings.config import AugmentConfig, Stage, TrainConfig
from salt_train.settings.model_config import OF_RESNETS, ModelConfig
from salt_train.settings.overrides import ELSEWHERE, flat
from salt_train.settings.recipes import DEFAULT, RECIPES

ABOUT = f"""\
# Settings

What `salt-train --set KEY=VALUE` changes, each key once, with its value in the recipe `{DEFAULT}`;
`salt-train --dry-run --recipe NAME` shows those of any recipe ([training](training.md)). N is the
number of a stage, from 0. A value of another type or out of its range is refused, and so is the
change of a setting that nothing reads beside the others, such as the momentum of Adam.

This page is made by `python -m tests.settings_page > docs/settings.md`.
"""
HEAD = "| key | type | `{recipe}` | meaning |\n|---|---|---|---|\n"
PARTS: dict[str, tuple[type, str]] = {
    "The run": (TrainConfig, ""),
    "Stages": (Stage, "stages.N."),
    "Augmentation": (AugmentConfig, "augment."),
    "Network": (ModelConfig, "model."),
}
TYPES = {bool: "`true` or `false`", int: "whole number", float: "number", str: "text"}
VALUES = flat(RECIPES[DEFAULT].config.to_json())


def meanings(settings: type) -> dict[str, str]:
    """What a dataclass' docstring says of each of its fields, in one line each."""
    listed = textwrap.dedent((settings.__doc__ or "").partition("Attributes:\n")[2])
    entries = re.split(r"\n(?=\w)", listed.strip())
    found: dict[str, str] = {}
    for entry in entries:
        names, _, text = entry.partition(": ")
        found |= dict.fromkeys(names.split(", "), " ".join(text.split()))
    return found


def fields(settings: type) -> list[tuple[str, Any]]:
    """Name and type of each that is a value, and no group of others."""
    hints = typing.get_type_hints(settings)
    named = ((field.name, hints[field.name]) for field in dataclasses.fields(settings))
    return [(name, kind) for name, kind in named if kind in TYPES or typing.get_args(kind)]


def rows(settings: type, prefix: str) -> list[str]:
    """The lines of a table."""
    told = meanings(settings)
    return [
        f"| `{prefix}{name}` | {_type(kind)} | {_value(prefix + name)} | {_meaning(name, told)} |"
        for name, kind in fields(settings)
        if name != "stages"
    ]


def _type(kind: Any) -> str:
    if typing.get_origin(kind) is Literal:
        return ", ".join(f"`{name}`" for name in typing.get_args(kind))
    return TYPES[kind] if kind in TYPES else TYPES[typing.get_args(kind)[0]]


def _value(key: str) -> str:
    """Its value, or that of each stage where they differ."""
    if key.removeprefix("model.") in OF_RESNETS:
        return "none: of ResNets"
    keys = [
        key.replace(".N.", f".{number}.") for number in range(len(RECIPES[DEFAULT].config.stages))
    ]
    shown = dict.fromkeys(_shown(VALUES[each]) for each in keys)
    return ", then ".join(shown)


def _shown(value: Any) -> str:
    text = value if isinstance(value, str) else json.dumps(value)
    return f"`{text}`" if text else "empty"


def _meaning(name: str, told: dict[str, str]) -> str:
    text = told[name].replace("``", "`").replace("|", r"\|")
    text = text.replace("*", r"\*")
    return f"by `{ELSEWHERE[name]}`, not `--set`: {text}" if name in ELSEWHERE else text


def page() -> str:
    """All of it."""
    tables = (
        f"## {title}\n\n" + HEAD.format(recipe=DEFAULT) + "\n".join(rows(*part)) + "\n"
        for title, part in PARTS.items()
    )
    return "\n".join([ABOUT, *tables])


if __name__ == "__main__":
    sys.stdout.write(page())
