"""What a run publishes: all of it whole, or nothing."""

from __future__ import annotations

import contextlib
import dataclasses
import glob
from collections.abc import Callable
from pathlib import Path

from salt_infer.errors import InputError, OutputError, OutputExistsError, SaltError, UsageError
from salt_infer.system.location import real
from salt_infer.system.output_checks import check_folder, check_output, check_writable
from salt_infer.system.whole_files import aside_of, discard, partial_of, put_in_place
from salt_survey.job import arguments
from salt_survey.volume.store import Store

Write = Callable[[Path], None]  # given a hidden path

_RUN = "salt-survey"  # hidden names: the same for every run of one output, which its journal locks


@dataclasses.dataclass(frozen=True)
class Targets:
    """Paths that a run writes.

    Attributes:
        store: the Zarr.
        segy: SEG-Y of the same, or None.
        horizons: folder of text files, or None.
        report: JSON, or None; written by others, only checked here.
    """

    store: Path
    segy: Path | None = None
    horizons: Path | None = None
    report: Path | None = None

    def __post_init__(self) -> None:
        """Raise UsageError for what a program may give in place of paths."""
        arguments.check("store", self.store, Path)
        for name in ("segy", "horizons", "report"):
            if (value := getattr(self, name)) is not None:
                arguments.check(name, value, Path)

    @property
    def partial(self) -> Path:
        """The Zarr until it is whole."""
        return partial_of(self.store, _RUN)

    @property
    def real(self) -> frozenset[str]:
        """All of them, absolute, links resolved."""
        return frozenset(str(real(path)) for path in self._all)

    @property
    def _all(self) -> list[Path]:
        given = (self.store, self.segy, self.horizons, self.report)
        return [path for path in given if path is not None]

    def check(self, inputs: list[Path], overwrite: bool, mine: frozenset[str]) -> None:
        """Fail before anything is run where something could not be published.

        Args:
            inputs: what the run reads.
            overwrite: replace what is there.
            mine: those of :attr:`real` that this run has put there.

        Raises:
            UsageError: a path that cannot be used, or that is there already.
        """

        def may(path: Path) -> bool:
            return overwrite or str(real(path)) in mine

        self._check_apart(inputs)
        _check_store(self.store, may(self.store))
        if self.segy:
            check_output(self.segy, (".sgy", ".segy"), inputs, may(self.segy))
        if self.horizons:
            check_folder(self.horizons, ".txt", may(self.horizons))
        if self.report:
            check_output(self.report, ".json", inputs, may(self.report))

    def _check_apart(self, inputs: list[Path]) -> None:
        """Nothing is written into or over what is read, or what is written beside it."""
        read = [real(path) for path in inputs]
        paths = [real(path) for path in self._all]
        for at, path in enumerate(paths):
            for other in [*read, *paths[at + 1 :]]:
                if path == other and other in read:
                    raise UsageError(f"{path} would be written and is read; give another name")
                if path == other or path in other.parents or (at == 0 and other in path.parents):
                    raise UsageError(
                        f"{path} would be written and {other} is within it or the same; give them "
                        "names apart from each other"
                    )

    def publish(self, segy: Write, horizons: Write, note: Callable[[frozenset[str]], None]) -> None:
        """Write what is made from the store, and put all in place.

        Args:
            segy: writes the SEG-Y file.
            horizons: writes the folder, which is there.
            note: told of the paths just before they appear.

        Raises:
            OutputError: the disk is full, or a folder has become read-only.
        """
        renames = [(self.partial, real(self.store))] if self.partial.exists() else []
        made: list[Path] = []
        try:
            for path, write in ((self.segy, segy), (self.horizons, horizons)):
                if path is None:
                    continue
                partial = partial_of(path, _RUN)
                made.append(partial)
                _clear(partial)
                if write is horizons:
                    partial.mkdir()
                write(partial)
                renames.append((partial, real(path)))
            note(frozenset(str(target) for _, target in renames))
            if renames:
                put_in_place(renames)
            self._forget_replaced()
        except OSError as error:
            raise OutputError(f"outputs cannot be put in place ({error})") from error
        finally:
            for partial in made:
                with contextlib.suppress(OSError):
                    _clear(partial)

    def _forget_replaced(self) -> None:
        """Remove what outputs have replaced, where a run was killed before it got to that; they
        are in place, and what is left is hidden.
        """
        for path in (self.store, self.segy, self.horizons):
            if path is not None and real(path).exists():
                with contextlib.suppress(OSError):
                    discard(aside_of(partial_of(path, _RUN)))


def _check_store(path: Path, allowed: bool) -> None:
    if path.suffix != ".zarr" or path.name == ".zarr":
        raise UsageError(f"{path} would be written, expected a name that ends in .zarr")
    target = real(path)
    check_writable(target.with_name(f"{target.name}.journal"), overwrite=True)
    if not target.exists():
        return
    try:
        Store.open(target)
    except SaltError as error:
        raise InputError(
            f"{path} is there and is no Zarr of salt-survey; it will not be replaced"
        ) from error
    if not allowed:
        raise OutputExistsError(f"{path} exists; give --overwrite to replace it")


def _clear(partial: Path) -> None:
    """Remove what a run that was killed has left of an output, and of what it was written to."""
    discard(partial)
    name = glob.escape(partial.name)
    for left in partial.parent.glob(partial_of(partial.with_name(name), "*").name):
        discard(left)
