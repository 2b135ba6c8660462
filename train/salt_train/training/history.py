"""What an epoch measured: a line of JSON, TensorBoard, a picture of the curves."""

from __future__ import annotations

import io
import json
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from salt_infer.system.whole_files import write_whole
from salt_train.training.events import Events

if TYPE_CHECKING:
    from matplotlib.axes import Axes

METRICS, CURVES = "metrics.jsonl", "curves.png"
DRAW_EVERY = 10  # epochs between pictures, at least

Row = dict[str, Any]


class History:
    """Rows of finished epochs, and the files in a run's folder that show them."""

    def __init__(self, out: Path) -> None:
        self.out = out
        self.rows: list[Row] = []
        self._drawn = 0  # epochs that the picture shows
        self._events = Events(out)

    def add(self, row: Row) -> None:
        """Append an epoch's row and bring all files but the picture up to date."""
        self.rows.append(row)
        lines = "".join(json.dumps(entry) + "\n" for entry in self.rows)
        write_whole(self.out / METRICS, lines.encode(), overwrite=True)
        numbers = {name: value for name, value in row.items() if isinstance(value, int | float)}
        self._events.add(int(numbers.pop("epoch")), numbers)

    def refresh(self) -> None:
        """Draw the curves if the picture lacks ten epochs."""
        if len(self.rows) - self._drawn >= DRAW_EVERY:
            self.draw()

    def draw(self) -> None:
        """Write the curves as a PNG."""
        write_whole(self.out / CURVES, curves(self.rows), overwrite=True)
        self._drawn = len(self.rows)


def line(row: Row, epochs: int) -> str:
    """An epoch in a line for people."""
    score = f", score {row['score']:.4f} without TTA" if "score" in row else ""
    return (
        f"epoch {row['epoch']}/{epochs}: {row['loss_name']} loss {row['loss']:.4f}{score}, "
        f"{row['tiles_per_s']:.1f} tiles/s, {row['seconds']:.0f} s"
    )


def curves(rows: Sequence[Row]) -> bytes:
    """Loss, validation score and learning rate by epoch, as a PNG."""
    from matplotlib.figure import Figure  # without pyplot: no global state, no display

    figure = Figure(figsize=(8, 9), layout="constrained")
    loss, score, rate = figure.subplots(3, 1, sharex=True)
    for name in dict.fromkeys(row["loss_name"] for row in rows):
        _plot(loss, [row for row in rows if row["loss_name"] == name], "loss", name)
    loss.set_ylabel("training loss")
    loss.legend()
    _plot(score, [row for row in rows if "score" in row], "score", "score")
    score.set_ylabel("validation score, no TTA")
    score.grid(alpha=0.3)
    _plot(rate, rows, "learning_rate", "rate")
    rate.set(ylabel="learning rate", xlabel="epoch", yscale="log")
    picture = io.BytesIO()
    figure.savefig(picture, format="png", dpi=100)
    return picture.getvalue()


def _plot(axes: Axes, rows: Sequence[Row], key: str, label: str) -> None:
    axes.plot([row["epoch"] for row in rows], [row[key] for row in rows], marker=".", label=label)
