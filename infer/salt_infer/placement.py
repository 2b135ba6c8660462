"""Where a model's nodes really run.

ONNX Runtime warns and goes on where a provider cannot be loaded, and gives the CPU any node that
the provider has no kernel for. What a session says of its nodes after loading is the proof.
"""

from __future__ import annotations

import collections
import dataclasses
from collections.abc import Iterable, Mapping
from typing import Self

from salt_infer.errors import ProviderError
from salt_infer.providers import GPUS, NAMES, Provider

# With dynamic batches ONNX Runtime itself moves the arithmetic on shapes, some integers, from a
# GPU to the CPU. Of a fixed batch it is folded away, and then nothing may run elsewhere.
SHAPE_OPS = frozenset({
    "Add", "Cast", "Concat", "ConstantOfShape", "Div", "Equal", "Expand", "Gather", "Greater",
    "Less", "Max", "Min", "Mod", "Mul", "Range", "ReduceProd", "Reshape", "Shape", "Size", "Slice",
    "Squeeze", "Sub", "Unsqueeze", "Where",
})  # fmt: skip
NAMED_AT_MOST = 6  # kinds of node in a message


@dataclasses.dataclass(frozen=True)
class Placement:
    """Nodes of a loaded model.

    Attributes:
        ops: by provider, how many nodes of each operator it was given.
    """

    ops: Mapping[str, Mapping[str, int]]

    @classmethod
    def of(cls, nodes: Iterable[tuple[str, str]]) -> Self:
        """Count (provider, operator) pairs."""
        ops: dict[str, collections.Counter[str]] = {}
        for provider, op in nodes:
            ops.setdefault(provider, collections.Counter())[op] += 1
        return cls({provider: dict(counts) for provider, counts in ops.items()})

    @property
    def nodes(self) -> dict[str, int]:
        """Nodes of each provider."""
        return {provider: sum(counts.values()) for provider, counts in self.ops.items()}

    def elsewhere(self, provider: str, fixed: bool) -> dict[str, dict[str, int]]:
        """The nodes on other providers that should not be there.

        Args:
            provider: the one asked for, as ONNX Runtime calls it.
            fixed: the batch has a fixed size.
        """
        fine: frozenset[str] = frozenset() if fixed else SHAPE_OPS
        found = {
            other: {op: count for op, count in counts.items() if op not in fine}
            for other, counts in self.ops.items()
            if other != provider
        }
        return {other: counts for other, counts in found.items() if counts}

    def line(self) -> str:
        """``150 CUDAExecutionProvider, 4 CPUExecutionProvider``."""
        return ", ".join(f"{count} {provider}" for provider, count in self.nodes.items())


def check(
    placement: Placement, first: str, provider: Provider, fixed: bool, allowed: bool
) -> tuple[str, ...]:
    """Compare what was asked with what is.

    Args:
        placement: of the loaded session.
        first: the session's provider in first place.
        provider: the one asked for.
        fixed: the batch has a fixed size.
        allowed: nodes may run elsewhere.

    Returns:
        What is to be told of nodes elsewhere, where that is allowed.

    Raises:
        ProviderError: another provider is in first place, has all nodes, or has some that it
            should not and that is not allowed.
    """
    name = NAMES[provider]
    if first != name or name not in placement.nodes:
        raise ProviderError(
            f"{provider} was asked for, and the session runs on {placement.line() or first}; "
            "salt-doctor says what is missing"
        )
    # Without a GPU there is no other place that would be slower.
    elsewhere = placement.elsewhere(name, fixed) if provider in GPUS else {}
    if not elsewhere:
        return ()
    said = "; ".join(f"{other}: {_kinds(counts)}" for other, counts in elsewhere.items())
    if allowed:
        return (f"{provider} does not run all of the model; elsewhere are {said}",)
    raise ProviderError(
        f"{provider} does not run all of the model ({placement.line()}); elsewhere are {said}; "
        f"take a file that was exported for it (salt-export --target {provider})"
    )


def _kinds(counts: Mapping[str, int]) -> str:
    most = sorted(counts.items(), key=lambda each: (-each[1], each[0]))
    named = [f"{count} {op}" for op, count in most[:NAMED_AT_MOST]]
    return ", ".join(named) + (", ..." if len(most) > NAMED_AT_MOST else "")
