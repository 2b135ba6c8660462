"""Pages: one HTML file that needs nothing else."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from typing import Any

from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup

from salt_infer import __version__
from salt_infer.system.text import shown
from salt_report.common.pictures import OVERLAY

_TEMPLATES = PackageLoader("salt_report")


@dataclasses.dataclass(frozen=True)
class Picture:
    """A picture of a tile.

    Attributes:
        name: the tile's id.
        source: a ``data:`` address.
        alt: what is to be seen, without the id.
        note: what to know of it, for under the picture.
    """

    name: str
    source: str
    alt: str
    note: str


@dataclasses.dataclass(frozen=True)
class Gallery:
    """Pictures that belong together; ``wide`` ones have a phone's whole width."""

    title: str
    text: str
    pictures: Sequence[Picture]
    wide: bool = False


def render(template: str, **content: Any) -> bytes:
    """Fill in a template. All text is escaped but what is :class:`markupsafe.Markup` already; the
    same content gives the same bytes.
    """
    environment = Environment(
        loader=_TEMPLATES,
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters |= {
        "percent": percent, "score": score, "signed": signed, "shown": _shown,
        "metres": metres,
    }  # fmt: skip
    environment.globals |= {"version": __version__, "overlay_colours": OVERLAY}
    style = Markup(_TEMPLATES.get_source(environment, "style.css")[0])  # noqa: S704  our own
    return environment.get_template(template).render(style=style, **content).encode()


def percent(share: float | None, digits: int = 1) -> str:
    """0.1234 -> 12.3 %; a dash for NaN or nothing."""
    return (
        "–" if share is None or share != share else f"{100 * share:.{digits}f}\N{NO-BREAK SPACE}%"
    )


def metres(depth: float) -> str:
    """923.4 -> 923; of depths that may be kilometres, as 0.9234, two decimals more. A dash for
    NaN.
    """
    return score(depth, 0 if abs(depth) >= 10 else 2)


def signed(value: float, digits: int = 4) -> str:
    """-0.1234 -> −0.1234, with a sign always; a dash for NaN."""
    return "–" if value != value else f"{value:+.{digits}f}".replace("-", "\N{MINUS SIGN}")


def score(value: float | None, digits: int = 3) -> str:
    """0.1234 -> 0.123; a dash for NaN or nothing."""
    return "–" if value is None or value != value else f"{value:.{digits}f}"


def _shown(text: object) -> str:
    return shown(str(text))
