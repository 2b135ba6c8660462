"""What a model file is, for people: its contract, its inputs and outputs, what proved it."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from typing import Any

from salt_infer.modelfile.onnx_reader import ModelFile
from salt_infer.system.text import shown

_INDENT = "  "
# What a number counts, or a word stands for, where its name does not say so.
_MEANS = {
    "decision_chosen_on": "whose labels threshold and gate were chosen by",
    "false_salt": "of {tiles} tiles: given a mask, and without salt",
    "missed_salt": "of {tiles} tiles: given no mask, and with salt",
    "judge_accuracy": "share of tiles",
    "presence_accuracy": "share of tiles",
    "score_by_class": "by tenths of the tile that are salt, 0 to 10",
    "score_interval": "95 %",
    "score_with_perfect_gate": "if no tile without salt got a mask",
    "start_sha256": "of the weights that training started from",
    "knife_edge": "of {pixels} pixels: so near the threshold that rounding decides",
    "pixels_flipped": "of {pixels}",
    "rows_changed": "of {tiles} tiles",
    "gmac": "billions of multiplications a view",
}


def describe(model: ModelFile) -> str:
    """All that a file says of itself, without a last line end."""
    contract = model.contract
    lines = [
        f"{model.path}: {model.path.stat().st_size / 1e6:.1f} MB, {contract.kind}",
        f"sha256 {model.sha256}",
        contract.architecture,
        f"padded to {contract.canvas_px} px ({contract.padding}), mean {contract.mean:g}, "
        f"std {contract.std:g}; opset {contract.opset}",
        f"threshold {contract.threshold:g}, gate {contract.gate:.3g}, tta {contract.tta}",
        f"learnt from: {model.learnt.words()}",
    ]
    lines += ["inputs", *(f"{_INDENT}{value}" for value in model.inputs)]
    # The exporter gives the number of decoded tiles a name such as u0.
    outputs = (re.sub(r"\bu\d+\b", "K", str(value)) for value in model.outputs)
    lines += ["outputs", *(f"{_INDENT}{value}" for value in outputs)]
    for heading, values in (
        ("validation", contract.validation),
        ("verification", contract.verification),
        ("provenance", contract.provenance),
        ("versions", contract.versions),
    ):
        lines += [heading, *_listed(values, _INDENT)]
    lines += ["checkpoints", *(f"{_INDENT}{digest}" for digest in contract.checkpoints)]
    return "\n".join(lines)


def _listed(values: Mapping[str, Any], indent: str) -> Iterator[str]:
    """``name value`` a line, names in order; what is nested is indented, what is empty left out."""
    for key, value in sorted(values.items()):
        name = shown(key)
        if value in ("", None):
            continue
        if isinstance(value, Mapping):
            yield f"{indent}{name}"
            yield from _listed(value, indent + _INDENT)
        elif isinstance(value, list) and any(isinstance(each, Mapping) for each in value):
            for number, each in enumerate(value, 1):
                yield f"{indent}{name} {number}"
                yield from _listed(each, indent + _INDENT)
        elif isinstance(value, list) and len(value) > 1 and isinstance(value[0], list):
            yield f"{indent}{name} {len(value)}, {_shown(value[0])} to {_shown(value[-1])}"
        else:
            yield f"{indent}{name} {_shown(value)}{_meant(key, values)}"


def _meant(key: str, values: Mapping[str, Any]) -> str:
    """What a value means, in brackets; nothing where it needs others that are not there."""
    counts = {
        name: values[name] for name in ("tiles", "pixels") if isinstance(values.get(name), int)
    }
    try:
        return f" ({_MEANS[key].format_map(counts)})" if key in _MEANS else ""
    except KeyError:
        return ""


def _shown(value: Any) -> str:
    """Numbers in four digits, the rest as JSON has it but for the quotes of strings."""
    if isinstance(value, str):
        return shown(value)  # a file that comes from anywhere does not write to the terminal
    if isinstance(value, list | tuple):
        return "[" + ", ".join(map(_shown, value)) + "]"
    return f"{value:.4g}" if isinstance(value, float) else json.dumps(value)
