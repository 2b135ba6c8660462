"""One call of ``salt-train``: a fold, or all of them."""

from __future__ import annotations

import contextlib
import dataclasses
import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from salt_infer.data import cut_tiles, oddities
from salt_infer.data.dataset import find
from salt_infer.system.output_locks import writing
from salt_train.checkpoints import checkpoint as checkpoints
from salt_train.checkpoints import shipped, weights
from salt_train.checkpoints.checkpoint import Checkpoint
from salt_train.compute.device import slow_precision
from salt_train.data import dataset, folds, run_warnings
from salt_train.data.dataset import Dataset
from salt_train.data.folds import Split
from salt_train.data.held_out import HeldOut
from salt_train.data.split_table import SplitTable
from salt_train.errors import ConfigError, DataError
from salt_train.job import crossval
from salt_train.scoring import verdict
from salt_train.scoring.calibrate import BY_OWN_CHOICE, SEEN
from salt_train.settings.config import FOLD, IMAGENET, SHIPPED, TrainConfig
from salt_train.settings.schedule import cut_short
from salt_train.training.keeper import LAST
from salt_train.training.pseudo import Pseudo
from salt_train.training.run_options import RunOptions
from salt_train.training.trainer import Trainer


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
    if job.split:
        data = job.split.of(data)
    if job.options.world.first:
        _tell_of(data, job.say)
        if job.config.fold is not None:
            for line in run_warnings.of_lines(cut_tiles.lines_of(find(job.data)), data):
                job.say(line)
    _check_ahead(job, data, folders)
    for fold, folder in folders.items():
        checkpoint = _train(job, data, fold, folder)
    if not job.every_fold:
        return _summary(checkpoint, job.options.out / LAST)
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


def _check_folder(folder: Path, resume: bool) -> None:
    last = folder / LAST
    if last.exists() and not resume:
        raise ConfigError(f"{last} exists; use --resume to go on with it, or another --out")


def _check_ahead(job: Job, data: Dataset, folders: dict[int | None, Path]) -> None:
    """What the last of many folds starts from should not turn out wrong after days."""
    if not job.every_fold:
        return
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
            job.say(f"nothing to resume in {folder}; beginning anew")
    if options.world.first and trainer.scored:
        job.say(f"{'training on ' if fold is None else ''}{_part(config)} is finished")
    elif options.world.first:
        remarks = job.pseudo.remarks(fold) if job.pseudo else []
        job.say("\n".join([_opening(trainer), *remarks]))
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


def _opening(trainer: Trainer) -> str:
    config, world = trainer.config, (trainer.train_data, trainer.validation_data)
    after = f"; resuming after epoch {trainer.epoch}" if trainer.epoch else ""
    lines = [
        f"{config.recipe}: {config.model.architecture}",
        f"{_dealt(trainer)}{after}",
        *trainer.pseudo_remarks,
        *_started_from(trainer),
        *(
            [f"this CPU computes {config.precision} slowly: --precision fp32 is faster"]
            if slow_precision(config, trainer.options.device)
            else []
        ),
        *([shipped.DOUBTED] if trainer.lineage.doubted and config.fold is not None else []),
        *(run_warnings.of_all(*world) if config.fold is None else run_warnings.of_parts(*world)),
        *run_warnings.of_pseudo(trainer.train_data, trainer.pseudo_tiles),
        *cut_short(config, trainer.steps_per_epoch),
    ]
    return "\n".join(lines)


def _part(config: TrainConfig) -> str:
    """Which part of the tiles a network is of."""
    return "every tile" if config.fold is None else f"fold {config.fold} of {config.folds}"


def _dealt(trainer: Trainer) -> str:
    """Which tiles are for what."""
    config = trainer.config
    labelled = len(trainer.split.ids) - int(trainer.split.held_out(config.fold).sum())
    pseudo = len(trainer.train_data) - labelled
    more = f" and {pseudo} with pseudo-labels" if pseudo else ""
    held_out = "none held out" if config.fold is None else len(trainer.validation_data)
    return f"{_part(config)}: {labelled} tiles{more} to train on, {held_out} to validate on"


def _started_from(trainer: Trainer) -> list[str]:
    """Whose weights a new run goes on from; nothing of random ones."""
    config = trainer.config
    if trainer.epoch or not (config.init_weights or config.encoder_weights):
        return []
    if config.init_weights == SHIPPED:
        return ["starts from the shipped network"]
    if config.init_weights:
        return [f"starts from {config.init_weights.replace(FOLD, config.fold_name)}"]
    published = config.encoder_weights == IMAGENET
    named = "ImageNet's weights" if published else config.encoder_weights
    return [f"the encoder starts from {named}"]


def _summary(checkpoint: Checkpoint, path: Path) -> str:
    scores, config = checkpoint.scores, checkpoint.config
    if config.fold is None:
        return _summary_of_all(checkpoint, path)
    low, high = scores["score_interval"]
    decision = checkpoint.decision
    parts = {
        "score_without_tta": "without TTA",  # one of all folds has none, see crossval
        "score_ungated": "without the gate",
        "score_of_empty_masks": "for empty masks",
    }
    more = ", ".join(f"{scores[key]:.4f} {what}" for key, what in parts.items() if key in scores)
    lines = [
        f"{path}: epoch {checkpoint.epoch}, score {scores['score']:.4f} ({low:.3f} to {high:.3f}) "
        f"on fold {config.fold} of {config.folds} with flip TTA{shipped.doubted(scores)}",
        f"{more}; threshold {decision.threshold:g}, gate {decision.gate:.3g}"
        f"{_by_own_choice(scores)}",
        *verdict.beside_start(scores),
        *verdict.beside_empty_masks(scores),
    ]
    return "\n".join(lines)


def _by_own_choice(scores: Mapping[str, Any]) -> str:
    """What an exported file scores on these tiles; too high, and no contradiction."""
    if (score := scores.get(BY_OWN_CHOICE)) is None:
        return ""
    return f" ({score:.4f} with these, which were chosen on the same tiles)"


def _summary_of_all(checkpoint: Checkpoint, path: Path) -> str:
    scores, decision = checkpoint.scores, checkpoint.decision
    lines = [
        f"{path}: epoch {checkpoint.epoch}, trained on every tile; score of seen tiles "
        f"{scores[SEEN]:.4f} with flip TTA, which says nothing of others",
        f"{scores['score_of_empty_masks']:.4f} for empty masks; threshold {decision.threshold:g}, "
        f"gate {decision.gate:.3g}, the neutral ones: there are no unseen tiles to choose them on",
        *verdict.beside_empty_masks(scores),
    ]
    return "\n".join(lines)
