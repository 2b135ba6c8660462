"""Where a model's nodes really run.

ONNX Runtime warns and goes on where a provider cannot be loaded, and gives the CPU any node that
the provider has no kernel for. What a session says of its nodes after loading is the proof.
"""

from __future__ import annotations

import collections
import dataclasses
from collections.abc import Iterable, Mapping
from typing import Self

from salt_infer.backends.providers import GPUS, NAMES, Provider
from salt_infer.errors import ProviderError

# ONNX Runtime itself moves arithmetic on shapes, some integers, from a GPU to the CPU: there it is
# done before a kernel would have started. A fixed batch folds most of it away.
SHAPE_OPS = frozenset({
    "Add", "Cast", "Concat", "ConstantOfShape", "Div", "Equal", "Expand", "Gather", "Greater",
    "Less", "Max", "Min", "Mod", "Mul", "Range", "ReduceProd", "Reshape", "Shape", "Size", "Slice",
    "Squeeze", "Sub", "Unsqueeze", "Where",
})  # fmt: skip
# What a network's time goes to: one of them elsewhere is not the provider that was asked for.
HEAVY_OPS = frozenset({
    "Attention", "Conv", "ConvInteger", "ConvTranspose", "FusedConv", "FusedMatMul", "Gemm",
    "GroupQueryAttention", "MatMul", "MatMulInteger", "MultiHeadAttention", "NhwcConv",
    "NhwcFusedConv", "QLinearConv", "QLinearMatMul",
})  # fmt: skip
# Share of all nodes that may be elsewhere. One that the device has no kernel for costs two
# copies a batch; many of them cost more than the rest of the network.
MOST_ELSEWHERE = 0.2
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

    def elsewhere(self, provider: str) -> dict[str, dict[str, int]]:
        """The nodes on other providers than the one asked for, as ONNX Runtime calls it, but for
        arithmetic on shapes.
        """
        found = {
            other: {op: count for op, count in counts.items() if op not in SHAPE_OPS}
            for other, counts in self.others(provider).items()
        }
        return {other: counts for other, counts in found.items() if counts}

    def others(self, provider: str) -> dict[str, Mapping[str, int]]:
        """All nodes on other providers."""
        return {other: counts for other, counts in self.ops.items() if other != provider}

    def strays(self, provider: str) -> bool:
        """Whether so much is elsewhere that it is not that provider which runs the model."""
        others = self.others(provider)
        away = sum(self.nodes[other] for other in others)
        heavy = any(counts.keys() & HEAVY_OPS for counts in others.values())
        return heavy or away > MOST_ELSEWHERE * sum(self.nodes.values())

    def line(self) -> str:
        """``150 CUDAExecutionProvider, 4 CPUExecutionProvider``."""
        return ", ".join(f"{count} {provider}" for provider, count in self.nodes.items())


def check(placement: Placement, first: str, provider: Provider, allowed: bool) -> tuple[str, ...]:
    """Compare what was asked with what is.

    Args:
        placement: of the loaded session.
        first: the session's provider in first place.
        provider: the one asked for.
        allowed: any nodes may run elsewhere.

    Returns:
        What is to be told of nodes elsewhere that are no arithmetic on shapes.

    Raises:
        ProviderError: another provider is in first place or has all nodes; or, unless that is
            allowed, one has any of HEAVY_OPS, or more than MOST_ELSEWHERE of the nodes.
    """
    name = NAMES[provider]
    if first != name or name not in placement.nodes:
        raise ProviderError(
            f"{provider} was asked for, and the session runs on {placement.line() or first}; "
            "salt-doctor says what is missing"
        )
    if provider not in GPUS:  # there is no other place that would be slower
        return ()
    if placement.strays(name) and not allowed:
        raise ProviderError(
            f"{provider} does not run all of the model ({placement.line()}); elsewhere are "
            f"{_named(placement.others(name))}; take a file that was exported for it (salt-export "
            f"--target {provider}), or --allow-fallback"
        )
    elsewhere = placement.others(name) if placement.strays(name) else placement.elsewhere(name)
    if not elsewhere:
        return ()
    return (f"{provider} does not run all of the model; elsewhere are {_named(elsewhere)}",)


def _named(elsewhere: Mapping[str, Mapping[str, int]]) -> str:
    return "; ".join(f"{other}: {_kinds(counts)}" for other, counts in elsewhere.items())


def _kinds(counts: Mapping[str, int]) -> str:
    most = sorted(counts.items(), key=lambda each: (-each[1], each[0]))
    named = [f"{count} {op}" for op, count in most[:NAMED_AT_MOST]]
    return ", ".join(named) + (", ..." if len(most) > NAMED_AT_MOST else "")
