"""The files that a run publishes: all of them whole, or none.

Each is written under a hidden name beside its own and flushed to the disk; then all are renamed,
the submission last; if one cannot be, those before it are taken back. A run that is killed between
two renames has noted in the journal which they are, so the same command finishes the work.
"""

from __future__ import annotations

import contextlib
import dataclasses
import functools
import hashlib
import os
from collections.abc import Callable, Collection, Iterator, Sequence
from pathlib import Path
from typing import IO

from salt_infer.data.source import Tile
from salt_infer.errors import OutputError, UsageError
from salt_infer.execution.results import Row
from salt_infer.job import write_masks, write_probabilities, write_table
from salt_infer.masks import table
from salt_infer.masks.decision import Decision
from salt_infer.system.digest import of_file
from salt_infer.system.location import Location, real
from salt_infer.system.output_checks import LONGEST, check_folder, check_output, overlap
from salt_infer.system.text import shown
from salt_infer.system.whole_files import discard, partial_of, put_in_place

Rows = Callable[[], Iterator[Row]]  # the rows, sorted by id, anew at each call


@dataclasses.dataclass(frozen=True)
class _Output:
    """A file or folder to publish.

    Attributes:
        path: as it was asked for.
        write: given the hidden path, the rows and what decided on them.
        endings: of the file; of a folder, the one of the files in it.
        is_folder: which of the two it is.
    """

    path: Path
    write: Callable[[Path, Rows, Decision], None]
    endings: Sequence[str]
    is_folder: bool = False


class Outputs:
    """What a run was asked to publish."""

    def __init__(
        self,
        table: Path,
        masks_in: Path | None,
        probabilities_in: Path | None,
        report: Path | None,
        inputs: Sequence[Location | None],
        *,
        details: bool,
        overwrite: bool,
    ) -> None:
        """Nothing is looked at yet.

        Args:
            table: the submission; its ending says the format, see
                :mod:`salt_infer.job.write_table`.
            masks_in: folder of mask images.
            probabilities_in: ``.npz``, or folder of arrays.
            report: written by others; only checked here.
            inputs: what the run reads.
            details: more columns in the submission.
            overwrite: replace what is there.
        """
        self._table = _table(table, details)
        self._all = [self._table]  # comes last: where it is, the others are
        if probabilities_in:
            self._all.insert(0, _probabilities(probabilities_in))
        if masks_in:
            self._all.insert(0, _folder(masks_in, write_masks.ENDING, write_masks.write))
        self._report, self._overwrite = report, overwrite
        self._inputs = [path for path in inputs if isinstance(path, Path)]
        self._mine: frozenset[str] = frozenset()

    @property
    def paths(self) -> frozenset[str]:
        """All of it and the report, absolute, links resolved."""
        return frozenset(str(real(path)) for path in self._paths)

    @property
    def _paths(self) -> list[Path]:
        return [output.path for output in self._all] + ([self._report] if self._report else [])

    def check(self, mine: frozenset[str] = frozenset()) -> None:
        """Fail before anything is run where something could not be published.

        Args:
            mine: those of ``paths`` that may be replaced, since this run has put them there.

        Raises:
            UsageError: a path that cannot be used, or that is there already.
            PackageError: a format needs a package that is not installed.
        """
        self._mine = mine
        for output in self._all:
            self._check(output)
        if self._report:
            allowed = self._may_replace(self._report)
            check_output(self._report, ".json", self._inputs, allowed)
        self._check_apart()
        write_table.check_kind(self._table.path)

    def check_names(self, tiles: Sequence[Tile]) -> None:
        """Raise UsageError where a tile's id cannot be the name of a file in a folder."""
        if not self._folders:
            return
        for tile in tiles:
            if tile.id.isprintable() and not _is_safe(tile.id):
                raise UsageError(
                    f"no file can be named after the tile {shown(tile.path)}; rename it, or do "
                    "without folders of masks or probabilities"
                )

    def publish(
        self, rows: Rows, note: Callable[[Collection[str]], None], decision: Decision
    ) -> str:
        """Write everything and put it in place.

        Args:
            rows: what to write.
            note: told of ``paths`` just before they appear.
            decision: the run's.

        Returns:
            The submission's sha256.

        Raises:
            UsageError: someone else has written one of the paths during the run.
            OutputError: the disk is full, or a folder has become read-only.
        """
        try:
            for output in self._all:
                self._write(output, rows, decision)
            for output in self._all:
                self._check(output)
            digest = of_file(self._partial(self._table))
            note({str(real(output.path)) for output in self._all})
            put_in_place([(self._partial(each), real(each.path)) for each in self._all])
        except OSError as error:
            raise OutputError(f"outputs cannot be put in place ({error})") from error
        finally:
            for output in self._all:
                with contextlib.suppress(OSError):
                    discard(self._partial(output))
        return digest

    def _check(self, output: _Output) -> None:
        allowed = self._may_replace(output.path)
        if output.is_folder:
            check_folder(output.path, output.endings[0], allowed)
        else:
            check_output(output.path, output.endings, self._inputs, allowed)

    def _may_replace(self, path: Path) -> bool:
        return self._overwrite or str(real(path)) in self._mine

    def check_apart_from(self, other: Path) -> None:
        """Raise UsageError where a folder to write and another path lie in each other."""
        for folder in self._folders:
            if folder is not other and overlap(folder, other):
                raise UsageError(f"{folder} and {other} lie in each other; keep them apart")

    @property
    def _folders(self) -> list[Path]:
        return [output.path for output in self._all if output.is_folder]

    def _check_apart(self) -> None:
        """A folder is replaced as a whole, and tiles are looked for in all of theirs."""
        for other in [*self._paths, *self._inputs]:
            self.check_apart_from(other)

    def _partial(self, output: _Output) -> Path:
        # The same after a kill, so that it is found again; another for runs of other submissions,
        # which this one's lock does not keep away.
        run = hashlib.sha256(os.fsencode(real(self._table.path))).hexdigest()[:8]
        return partial_of(output.path, run)

    def _write(self, output: _Output, rows: Rows, decision: Decision) -> None:
        partial = self._partial(output)
        try:
            discard(partial)  # of a run that was killed here
            output.write(partial, rows, decision)
        except OSError as error:
            raise OutputError(
                f"{output.path} cannot be written ({error.strerror or error})"
            ) from error


def _table(path: Path, details: bool) -> _Output:
    def write(file: IO[bytes], rows: Rows, decision: Decision) -> None:
        write_table.write(file, path, rows(), details)

    return _Output(path, functools.partial(_write_file, write), table.ENDINGS)


def _probabilities(path: Path) -> _Output:
    if path.suffix.lower() == ".npz":
        write = functools.partial(_write_file, write_probabilities.write_npz)
        return _Output(path, write, (".npz",))
    if path.suffix and not path.is_dir():
        raise UsageError(
            f"probabilities would be written to {path}, expected a name that ends in .npz, or a "
            "folder's: make the folder first if its name has a dot in it"
        )
    return _folder(path, write_probabilities.ENDING, write_probabilities.write_folder)


def _folder(path: Path, ending: str, fill: Callable[[Path, Iterator[Row]], None]) -> _Output:
    def write(partial: Path, rows: Rows, decision: Decision) -> None:
        partial.mkdir()
        fill(partial, rows())
        os.sync()  # once: a flush for each of so many small files would take hours

    return _Output(path, write, (ending,), is_folder=True)


def _write_file(
    fill: Callable[[IO[bytes], Rows, Decision], None], partial: Path, rows: Rows, decision: Decision
) -> None:
    with open(partial, "wb") as file:
        fill(file, rows, decision)
        file.flush()
        os.fsync(file.fileno())


def _is_safe(name: str) -> bool:
    """Whether a file may be named so, with an ending, in the folder it belongs in."""
    fits = len(os.fsencode(name)) + len(write_masks.ENDING) <= LONGEST
    return fits and not name.startswith(".") and not {"/", "\\"} & set(name)
