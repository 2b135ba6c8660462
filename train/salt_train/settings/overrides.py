"""Settings by their path, such as ``stages.1.learning_rate``: listed, compared, changed."""

from __future__ import annotations

import dataclasses
import difflib
import json
import re
from collections.abc import Mapping, Sequence
from typing import Any

from salt_infer.system.text import shown
from salt_train.errors import ConfigError
from salt_train.settings.config import NONE, AugmentConfig, Stage, TrainConfig
from salt_train.settings.idle import idle
from salt_train.settings.model_config import OF_RESNETS, ModelConfig
from salt_train.settings.validation import KINDS, number, quoted

# Settings that follow from options which do more than set them.
ELSEWHERE = {
    "fold": "--fold",
    "recipe": "--recipe",
    "pseudo_fraction": "--pseudo-fraction",
    "pseudo_sha256": "--pseudo-labels",
}
_PLACES = {
    field.name: prefix + field.name
    for prefix, settings in (
        ("model.", ModelConfig), ("augment.", AugmentConfig), ("stages.N.", Stage),
        ("", TrainConfig),
    )
    for field in dataclasses.fields(settings)
}  # fmt: skip
_CALLED = {"lr": "learning_rate", "wd": "weight_decay", "dropout": "judge_dropout"}  # elsewhere
_SHOWN = 60  # characters of a path that may be none
_OF_RESNETS = {f"model.{name}" for name in OF_RESNETS}


def flat(value: Any, name: str = "") -> dict[str, Any]:
    """Nested settings to ``{"model.width": 32, "stages.0.epochs": 24, ...}``."""
    if isinstance(value, dict):
        items = list(value.items())
    elif isinstance(value, list):
        items = list(enumerate(value))
    else:
        return {name: value}
    prefix = f"{name}." if name else ""
    return {k: v for key, part in items for k, v in flat(part, f"{prefix}{key}").items()}


def listed(config: TrainConfig) -> list[str]:
    """All settings with an effect, in the form that :func:`override` takes, a line each."""
    without = idle(config)
    return [
        f"{name}={value if isinstance(value, str) else json.dumps(value)}"
        for name, value in flat(config.to_json()).items()
        if name not in without
    ]


def difference(old: TrainConfig, new: TrainConfig) -> str:
    """Settings that are not the same, for people; empty where only the recipe's name is another,
    which trains nothing.
    """
    before, after = (
        flat(dataclasses.replace(config, model=config.model.meant).to_json())
        for config in (old, new)
    )
    names = dict.fromkeys([*before, *after])
    changed = [name for name in names if before.get(name) != after.get(name)]
    if changed == ["recipe"]:
        return ""
    return "; ".join(
        f"{name} was {_said(before.get(name))} and is now {_said(after.get(name))}"
        for name in changed
    )


def _said(value: Any) -> Any:
    """A setting may be one of a file that another has written."""
    return "empty" if value == "" else shown(value) if isinstance(value, str) else value


def override(
    config: TrainConfig,
    assignments: Sequence[str],
    given: Mapping[str, Any] | None = None,
    begun: TrainConfig | None = None,
) -> TrainConfig:
    """Change settings by their path in the stored JSON.

    Args:
        config: what to start from.
        assignments: such as ``model.width=16``, ``stages.1.learning_rate=3e-4``, ``seed=7``; of a
            setting one at most.
        given: settings of options by name; all are checked together.
        begun: of a run that goes on: what it has may be given again, be it read or not.

    Raises:
        ConfigError: no such setting, one set twice, or a value of another kind, or a setting that
            has no effect beside the others.
    """
    value = config.to_json() | dict(given or {})
    paths = [_assigned(value, assignment) for assignment in assignments]
    _check_once(paths)
    if value["encoder_weights"] == NONE:  # as the option has it
        value["encoder_weights"] = ""
    _check_encoder(value, config, {*paths, *(given or {})})
    changed = TrainConfig.from_json(value)
    _check_effect(begun or config, changed, paths)
    return changed


def _assigned(value: dict[str, Any], assignment: str) -> str:
    """Make an assignment; the path of what it sets, as :func:`flat` writes it."""
    path, equals, text = assignment.partition("=")
    if not equals:
        raise ConfigError(
            f"{quoted(assignment)} sets nothing; expected a form like ema_decay=0.999"
        )
    if path in ELSEWHERE:
        if text != str(value[path]):
            raise ConfigError(f"{path} is changed by {ELSEWHERE[path]}, not by --set")
        return path
    keys = path.split(".")
    _set(value, keys, text, path)
    return ".".join(str(int(key)) if key.isdecimal() else key for key in keys)


def _check_once(paths: Sequence[str]) -> None:
    """Of two values the last would win without a word."""
    for index, path in enumerate(paths):
        if path in paths[:index]:
            raise ConfigError(f"{path} is set twice, expected once at most")


def _check_effect(before: TrainConfig, after: TrainConfig, paths: Sequence[str]) -> None:
    """Who changes what nothing reads would take the result for one of that change."""
    old, new, without = flat(before.to_json()), flat(after.to_json()), idle(after)
    for path in paths:
        if path in without and new[path] != old[path]:
            raise ConfigError(
                f"{path} has no effect, as {without[path]}: leave it out, or change that too"
            )


def _check_encoder(value: dict[str, Any], config: TrainConfig, chosen: set[str]) -> None:
    """What would be passed over in silence: a setting that the encoder does not have, one of two
    depths, the weights of an encoder that was left.
    """
    wanted = value["model"]
    model, encoder = ModelConfig(**wanted), wanted["encoder"]
    idle = sorted(chosen & _OF_RESNETS)
    left = config.encoder_weights and not config.model.is_resnet and "encoder_weights" not in chosen
    if idle and not model.is_resnet:
        raise ConfigError(
            f"model.encoder is {encoder}, and only ResNets have {' and '.join(idle)}; "
            + _remedy(value, model, "model.encoder" in chosen, bool(left))
        )
    if "model.depth" in chosen and model.depth != wanted["depth"]:
        raise ConfigError(
            f"model.encoder is {encoder} and model.depth is {wanted['depth']}: leave one out"
        )
    if left and model.is_resnet:
        raise ConfigError(
            f"model.encoder is {encoder}, and the recipe starts from weights of "
            f"{config.model.encoder}; add --encoder-weights none, or imagenet with --set "
            "model.width=64 for torchvision's, or take --recipe scratch"
        )


def _remedy(value: dict[str, Any], model: ModelConfig, is_chosen: bool, left: bool) -> str:
    if value["init_weights"]:
        return "leave that out, or --init-weights, which decides the network"
    more = " --encoder-weights none" if left else ""
    resnet = f"--set model.encoder=resnet{model.depth}{more}"
    return f"give {resnet} instead" if is_chosen else f"add {resnet}, or take --recipe scratch"


def _set(value: Any, keys: list[str], text: str, path: str) -> None:
    *above, last = keys
    for key in above:
        value = _child(value, key, path)
    old = _child(value, last, path)
    if isinstance(old, dict | list):
        raise ConfigError(f"{path} is a group of settings; name one in it")
    value[int(last) if isinstance(value, list) else last] = _parsed(text, type(old), path)


def _child(value: Any, key: str, path: str) -> Any:
    if isinstance(value, list):
        index = number(key)
        if index is None or index >= len(value):
            raise ConfigError(
                f"{_short(path)}: there is no {quoted(key)}, expected 0 to {len(value) - 1}"
            )
        return value[index]
    if not isinstance(value, dict):
        raise ConfigError(
            f"{_short(path)}: a setting has nothing below it, leave out {quoted(key)}"
        )
    if key not in value:
        expected = ", ".join(value)
        raise ConfigError(
            f"{_short(path)}: there is no {quoted(key)}, expected one of {expected}{_meant(key)}"
        )
    return value[key]


def _meant(key: str) -> str:
    """The settings of this name elsewhere, or of one like it, as a question."""
    key = _CALLED.get(key.strip().lower(), key)
    near = difflib.get_close_matches(key.strip().lower(), _PLACES, n=1)
    return f"; is {_PLACES[near[0]]} meant?" if near else ""


def _short(path: str) -> str:
    """A path that may be none, for a message."""
    return path if len(path) <= _SHOWN else f"{path[:_SHOWN]}..."


def _parsed(text: str, kind: type, path: str) -> Any:
    """The text as a value of the kind that the setting has."""
    if kind is str:
        return text
    try:
        value = json.loads(_with_zeros(text) if kind is float else text)
        if kind is float and type(value) is int:
            value = float(value)
    except (ValueError, OverflowError):  # no JSON, or a number of hundreds of digits
        value = text
    if type(value) is not kind:
        raise ConfigError(f"{path} is {quoted(text)}, expected {KINDS[kind]}")
    return value


def _with_zeros(text: str) -> str:
    """``.5`` and ``5.`` as JSON has them; anything else as it is."""
    return re.sub(r"^(-?)(?=\.\d)|(?<=\d\.)(?=$|[eE])", r"\g<1>0", text)
