"""What is asked of an export, and what can be said of it before torch is imported."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from pathlib import Path

from salt_export import targets
from salt_export.errors import OptionsError
from salt_export.targets import Precision, Target, TargetName
from salt_export.tolerances import TILES
from salt_infer.data import dataset
from salt_infer.errors import InputError
from salt_infer.system.output_checks import check_output
from salt_infer.system.text import shown

# 18 is the oldest operator set that torch's exporter writes without converting; newer ones add
# nothing this graph uses, and old sets are what execution providers cover best.
OPSET = 18
MAX_DROP = 0.003


@dataclasses.dataclass(frozen=True)
class Job:
    """What was asked for; None means the target's own choice.

    Attributes:
        checkpoints: one, or the members of an ensemble.
        model: file to write, or to verify.
        target: device that the file is meant for.
        gated, precision: override the target's.
        opset: ONNX operator set.
        calibrate: tiles to measure int8's ranges on; needed for int8.
        max_drop: of the score, that int8 may cost.
        verify_images: tiles to verify on; synthetic ones if None, or those to calibrate on.
        labels: their true masks.
        check_tensorrt: have TensorRT for RTX build an engine of the file.
        report: where to write what was done as JSON.
        overwrite: replace files that exist.
        say: takes lines about what was found on the way.
        doing: takes what is being done from now on.
    """

    checkpoints: tuple[Path, ...]
    model: Path
    target: TargetName = "portable"
    gated: bool | None = None
    precision: Precision | None = None
    opset: int = OPSET
    calibrate: Path | None = None
    max_drop: float = MAX_DROP
    verify_images: Path | None = None
    labels: Path | None = None
    check_tensorrt: bool = False
    report: Path | None = None
    overwrite: bool = False
    say: Callable[[str], None] = print
    doing: Callable[[str], None] = lambda what: None

    @property
    def wanted(self) -> Target:
        """The target with what was asked for; raises OptionsError where that does not fit."""
        return targets.resolve(self.target, self.gated, self.precision, self.calibrate is not None)

    def check(self) -> None:
        """Fail now where an export would later.

        Raises:
            UsageError: an output exists, an input does not, or a path cannot be used.
            OptionsError: what was asked for does not go together, or there are too few tiles.
        """
        inputs = (*self.checkpoints, self.calibrate, self.verify_images, self.labels)
        check_output(self.model, ".onnx", inputs, self.overwrite)
        if self.report:
            check_output(self.report, ".json", inputs, self.overwrite)
        _ = self.wanted
        self._check_inputs()

    def check_verification(self) -> None:
        """The same where nothing is to be exported."""
        _check_file(self.model, "model")
        if self.report:
            check_output(self.report, ".json", (*self.checkpoints, self.model), self.overwrite)
        self._check_inputs()

    def _check_inputs(self) -> None:
        for path in self.checkpoints:
            _check_file(path, "checkpoint")
        tiles = self.verify_images or self.calibrate
        if tiles is None:
            if self.labels:
                raise OptionsError("--labels needs --verify-images")
            return
        with dataset.open_images(tiles) as source:
            if len(source.tiles) < TILES:
                raise OptionsError(
                    f"{shown(str(tiles))} has {len(source.tiles)} tiles to verify on, expected at "
                    f"least {TILES}; give more of them"
                    + ("" if self.verify_images else ", or others by --verify-images")
                )


def _check_file(path: Path, what: str) -> None:
    if path.is_dir():
        last, folds = path / "last.pth", sorted(path.glob("fold-*/last.pth"))  # of a run's folder
        named = f": {shown(str(last))}" if last.is_file() else ""
        if folds:
            named = f": each fold's, {shown(str(path / 'fold-*' / 'last.pth'))}"
        raise InputError(f"{what} {shown(str(path))} is a directory, expected a file in it{named}")
    if not path.is_file():
        raise InputError(f"{what} {shown(str(path))} does not exist")
