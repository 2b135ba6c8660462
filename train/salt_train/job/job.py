"""One call of ``salt-train``: a fold, or all of them."""

from __future__ import annotations

import contextlib
import dataclasses
import os
import re
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import numpy as np

from salt_infer.data import cut_tiles, oddities
from salt_infer.data.dataset import find
from salt_infer.system.output_locks import writing
from salt_infer.system.whole_files import discard_left
from salt_train.checkpoints import checkpoint as checkpoints
from salt_train.checkpoints import weights
from salt_train.checkpoints.checkpoint import Checkpoint
from salt_train.data import dataset, folds, run_warnings
from salt_train.data.dataset import Dataset
from salt_train.data.folds import Split
from salt_train.data.held_out import HeldOut
from salt_train.data.split_table import SplitTable
from salt_train.errors import ConfigError, DataError
from salt_train.job import crossval, run_report
from salt_train.settings import settings_file
from salt_train.settings.config import FOLD, SHIPPED, TrainConfig
from salt_train.training import final_score, history, resumable
from salt_train.training.keeper import LAST
from salt_train.training.pseudo import Pseudo
from salt_train.training.run_options import RunOptions
from salt_train.training.trainer import Trainer

# Names of what runs write, as a regular expression: other commands write beside them.
_FILES = (
    settings_file.FILE, folds.FILE, history.METRICS, history.CURVES, final_score.PREDICTIONS,
    final_score.SUBMISSION, final_score.START, crossval.PREDICTIONS_OF_ALL,
    crossval.SUBMISSION_OF_ALL, crossval.SCORES,
)  # fmt: skip
_WRITTEN = "|".join([r".*\.pth", *map(re.escape, _FILES)])


@dataclasses.dataclass(frozen=True)
class Job:
    """What was asked for.

    Attributes:
        data: labelled tiles, as :func:`salt_train.data.dataset.load` takes them.
        config: the run; its fold is not looked at with ``every_fold``.
        options: how it is carried out; ``out`` is the folder of the run, or of the folds' folders.
        every_fold: train each fold in turn and score all tiles out of fold.
        resume: go on with what is in ``out``.
        pseudo: more tiles, labelled by a model.
        missing_as_empty: a tile without a label has no salt.
        split: which tile is in which fold, where it is not dealt here.
        say: takes lines about the progress.
    """

    data: Path
    config: TrainConfig
    options: RunOptions
    every_fold: bool = False
    resume: bool = False
    pseudo: Pseudo | None = None
    missing_as_empty: bool = False
    split: SplitTable | None = None
    say: Callable[[str], None] = print


def run(job: Job) -> str:
    """Train; returns what came out, for people.

    Raises:
        ConfigError: ``out`` holds a run and ``resume`` was not asked for.
        OutputInUseError: another run writes to it.
        InputError: data, or a file to start from, is not there.
        DataError: the data cannot be used.
        CheckpointError: what is in ``out`` belongs to another run.
        TrainError: the loss is not finite.
    """
    folders = _folders(job)
    _check_kind(job)
    _check_encoder_weights(job.config, folders)
    everywhere = (job.options.out, *folders.values())
    if not job.options.world.first:
        return _run(job, folders)
    with _made(everywhere), writing(*everywhere) as unlocked:
        if unlocked:
            job.say(f"warning: {unlocked}")
        for folder in everywhere if not unlocked else ():
            discard_left(folder, _WRITTEN)
        return _run(job, folders)


def _check_kind(job: Job) -> None:
    """One fold's run and one of all would write over each other's ``split.csv``."""
    out = job.options.out
    if job.every_fold and (out / LAST).exists():
        raise ConfigError(f"{out} holds a run of one fold; give --fold all an --out of its own")
    if not job.every_fold and (out / folds.folder(0)).exists():
        raise ConfigError(
            f"{out} holds a run of --fold all; go on with that by --fold all --resume and its "
            "settings, or --resume alone, or give another --out"
        )


def _check_encoder_weights(config: TrainConfig, folders: dict[int | None, Path]) -> None:
    """What is to be installed or downloaded first is told before anything is read or written."""
    begins = any(not (folder / LAST).exists() for folder in folders.values())
    if config.encoder_weights and begins:
        weights.fetch(config.encoder_weights, config.model)


def _run(job: Job, folders: dict[int | None, Path]) -> str:
    for folder in folders.values():
        _check_folder(folder, job.resume)
    data = dataset.load(job.data, job.missing_as_empty)
    every = len(data)
    if job.split:
        data = job.split.of(data)
    if job.options.world.first:
        if left := every - len(data):
            job.say(f"tiles that --split gives no fold, left out: {left} of {every}")
        _tell_of(data, job.say)
        if job.config.fold is not None:
            for line in run_warnings.of_lines(cut_tiles.lines_of(find(job.data)), data):
                job.say(line)
    _check_ahead(job, data, folders)
    for fold, folder in folders.items():
        checkpoint = _train(job, data, fold, folder)
    if not job.every_fold:
        return run_report.summary(checkpoint, job.options.out / LAST)
    result = ""
    if job.options.world.first:
        result = crossval.combine(job.options.out, list(folders.values()), data)
    job.options.world.wait()
    return result


def _tell_of(data: Dataset, say: Callable[[str], None]) -> None:
    """What was taken for granted, and what can hardly be meant."""
    if data.assumed:
        count = f"{len(data.assumed)} of {len(data)}"
        say(f"tiles without a label, taken for tiles without salt: {count}")
    if data.unknown is not None:
        some, share = data.unknown.any(axis=(1, 2)), data.unknown.mean()
        say(
            f"tiles with pixels that are unknown, which neither teach nor count in scores: "
            f"{np.count_nonzero(some)} of {len(data)}, {share:.1%} of all pixels"
        )
    for line in oddities.lines(data.odd, len(data)):
        say(f"warning: {line}")


def _folders(job: Job) -> dict[int | None, Path]:
    if not job.every_fold:
        return {job.config.fold: job.options.out}
    return {fold: job.options.out / folds.folder(fold) for fold in range(job.config.folds)}


@contextlib.contextmanager
def _made(folders: Sequence[Path]) -> Iterator[None]:
    """Make folders; of a refused run none stay but those that were there or hold something."""
    paths = {path for folder in folders for path in (folder, *folder.parents)}
    new = [path for path in paths if not os.path.lexists(path)]
    try:
        for folder in folders:
            _make(folder)
        yield
    except BaseException:
        for path in sorted(new, key=lambda path: len(path.parts), reverse=True):
            with contextlib.suppress(OSError):  # it holds something
                path.rmdir()
        raise


def _make(folder: Path) -> None:
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise ConfigError(f"folder {folder} cannot be made ({error.strerror})") from error
    if not os.access(folder, os.W_OK | os.X_OK):
        raise ConfigError(f"folder {folder} is not writable; give another --out")


def _check_folder(folder: Path, resume: bool) -> None:
    last = folder / LAST
    if last.exists() and not resume:
        raise ConfigError(f"{last} exists; use --resume to go on with it, or another --out")


def _check_settings(job: Job, folders: dict[int | None, Path]) -> None:
    """Of the first fold that has begun: by others there may be folds that start from nothing."""
    for fold, folder in folders.items():
        if (last := folder / LAST).exists():
            config = dataclasses.replace(job.config, fold=fold)
            resumable.check_settings(folder, checkpoints.load(last).config, config)
            return


def _check_ahead(job: Job, data: Dataset, folders: dict[int | None, Path]) -> None:
    """What the last of many folds starts from should not turn out wrong after days."""
    if not job.every_fold:
        return
    _check_settings(job, folders)
    split = Split.of(data, job.config.folds, job.config.split_seed)
    for fold, folder in folders.items():
        held_out = HeldOut(data, split, fold)
        if job.pseudo:
            job.pseudo.load(data, held_out)
        if job.config.init_weights and not (folder / LAST).exists():
            _check_unseen(dataclasses.replace(job.config, fold=fold), held_out)


def _check_unseen(config: TrainConfig, held_out: HeldOut) -> None:
    """That of one fold cannot have held out all others."""
    try:
        weights.first_checkpoint(config, held_out)
    except DataError as error:
        if FOLD in config.init_weights or config.init_weights == SHIPPED:
            raise
        raise DataError(
            f"{error}; of --fold all, each fold starts from a network of its own if "
            f"--init-weights names it by {FOLD}"
        ) from error


def _train(job: Job, data: Dataset, fold: int | None, folder: Path) -> Checkpoint:
    config = dataclasses.replace(job.config, fold=fold)
    options = dataclasses.replace(job.options, out=folder)
    trainer = Trainer(config, options, data, job.pseudo)
    last = folder / LAST
    if last.exists():
        trainer.resume(checkpoints.load(last))
    elif job.resume:
        trainer.begin_anew()
        if options.world.first:
            known = settings_file.begun(job.options.out)
            by = "" if known else f" by recipe {config.recipe}, as no settings are kept there"
            job.say(f"nothing to resume in {folder}; beginning anew{by}")
    if options.world.first and trainer.scored:
        job.say(f"{'training on ' if fold is None else ''}{run_report.part(config)} is finished")
    elif options.world.first:
        remarks = job.pseudo.remarks(fold) if job.pseudo else []
        job.say("\n".join([run_report.opening(trainer), *remarks]))
    try:
        return trainer.run()
    except (KeyboardInterrupt, SystemExit):
        saved = trainer.keeper.saved
        done = [f"{last} has {saved} of {config.epochs} epochs"] if last.exists() else []
        if job.every_fold and fold:
            done.insert(0, f"{job.options.out} has {fold} of {config.folds} folds")
        if options.world.first:
            kept = f"{' and '.join(done)}; --resume goes on from there"
            job.say(kept if done else "no epoch was finished, and nothing of it is kept")
        raise
