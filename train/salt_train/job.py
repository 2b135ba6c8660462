"""One call of ``salt-train``: a fold, or all of them."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from pathlib import Path

import numpy as np

from salt_infer.tiles import shown
from salt_train import checkpoint as checkpoints
from salt_train import crossval, dataset, shipped, weights
from salt_train.checkpoint import Checkpoint
from salt_train.compute import slow_precision
from salt_train.config import TrainConfig
from salt_train.dataset import Dataset
from salt_train.errors import ConfigError
from salt_train.folds import Split
from salt_train.loop import LAST, RunOptions, Trainer
from salt_train.pseudo import Pseudo
from salt_train.schedule import cut_short

SHOWN = 3  # ids that a warning names


@dataclasses.dataclass(frozen=True)
class Job:
    """What was asked for.

    Attributes:
        data: labelled tiles, as :func:`salt_train.dataset.load` takes them.
        config: the run; its fold is not looked at with ``every_fold``.
        options: how it is carried out; ``out`` is the folder of the run, or of the folds' folders.
        every_fold: train each fold in turn and score all tiles out of fold.
        resume: go on with what is in ``out``.
        pseudo: more tiles, labelled by a model.
        say: takes lines about the progress.
    """

    data: Path
    config: TrainConfig
    options: RunOptions
    every_fold: bool = False
    resume: bool = False
    pseudo: Pseudo | None = None
    say: Callable[[str], None] = print


def run(job: Job) -> str:
    """Train; returns what came out, for people.

    Raises:
        ConfigError: ``out`` holds a run and ``resume`` was not asked for.
        DataError: the data cannot be used.
        CheckpointError: what is in ``out`` belongs to another run.
        TrainError: the loss is not finite.
    """
    folders = _folders(job)
    for folder in folders.values():
        _check_folder(folder, job.resume)
    data = dataset.load(job.data)
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


def _folders(job: Job) -> dict[int, Path]:
    if not job.every_fold:
        return {job.config.fold: job.options.out}
    return {fold: job.options.out / f"fold-{fold}" for fold in range(job.config.folds)}


def _check_folder(folder: Path, resume: bool) -> None:
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise ConfigError(f"folder {folder} cannot be made ({error.strerror})") from error
    last = folder / LAST
    if last.exists() and not resume:
        raise ConfigError(f"{last} exists; use --resume to go on with it, or another --out")


def _check_ahead(job: Job, data: Dataset, folders: dict[int, Path]) -> None:
    """What the last of many folds starts from should not turn out wrong after days."""
    if not job.every_fold:
        return
    split = Split.of(data, job.config.folds, job.config.split_seed)
    for fold, folder in folders.items():
        if job.pseudo:
            job.pseudo.load(data, split, fold)
        if job.config.init_weights and not (folder / LAST).exists():
            weights.first_checkpoint(dataclasses.replace(job.config, fold=fold), split)


def _train(job: Job, data: Dataset, fold: int, folder: Path) -> Checkpoint:
    config = dataclasses.replace(job.config, fold=fold)
    options = dataclasses.replace(job.options, out=folder)
    trainer = Trainer(config, options, data, job.pseudo)
    last = folder / LAST
    if last.exists():
        trainer.resume(checkpoints.load(last))
    elif job.resume and options.world.first:
        job.say(f"nothing to resume in {folder}; beginning anew")
    if options.world.first:
        job.say(_opening(trainer))
    try:
        return trainer.run()
    except (KeyboardInterrupt, SystemExit):
        if options.world.first and last.exists():
            job.say(
                f"{last} has {trainer.saved} of the {trainer.epoch} epochs that are done; "
                "--resume goes on from there"
            )
        raise


def _opening(trainer: Trainer) -> str:
    config, labelled = trainer.config, len(trainer.split.ids) - len(trainer.validation_data)
    pseudo = len(trainer.train_data) - labelled
    more = f" and {pseudo} with pseudo-labels" if pseudo else ""
    slow = (
        "\nthis CPU emulates bf16 slowly: --precision fp32 is faster"
        if slow_precision(config, trainer.options.device)
        else ""
    )
    after = f"; resuming after epoch {trainer.epoch}" if trainer.epoch else ""
    return (
        f"{config.recipe}: {config.model.architecture}\n"
        f"fold {config.fold} of {config.folds}: {labelled} tiles{more} to train on, "
        f"{len(trainer.validation_data)} to validate on{after}{slow}"
        f"{_twins(trainer.train_data, trainer.validation_data)}"
    ) + "".join(f"\n{line}" for line in cut_short(config, trainer.steps_per_epoch))


def _twins(train: Dataset, held_out: Dataset) -> str:
    """A line of its own about held-out tiles that are trained on under other names; empty where
    there are none.
    """
    twins = held_out.subset(held_out.pixels_in(train))
    if not len(twins):
        return ""
    order = np.argsort(twins.blank, kind="stable")  # tiles with a picture tell more
    names = ", ".join(shown(twins.ids[index]) for index in order[:SHOWN])
    more = f" and {len(twins) - SHOWN} more" if len(twins) > SHOWN else ""
    return (
        f"\nwarning: validation tiles with the pixels of a training tile: {len(twins)} of "
        f"{len(held_out)}, of one grey value: {np.count_nonzero(twins.blank)} ({names}{more}); the "
        "score takes them for unseen"
    )


def _summary(checkpoint: Checkpoint, path: Path) -> str:
    scores, config = checkpoint.scores, checkpoint.config
    low, high = scores["score_interval"]
    parts = {
        "score_without_tta": "without TTA",  # one of all folds has none, see crossval
        "score_ungated": "without the gate",
        "score_of_empty_masks": "for empty masks",
    }
    doubted = ", which the weights it started from may have seen"
    doubted = doubted if shipped.MAY_HAVE_SEEN in scores else ""
    more = ", ".join(f"{scores[key]:.4f} {what}" for key, what in parts.items() if key in scores)
    return (
        f"{path}: epoch {checkpoint.epoch}, score {scores['score']:.4f} ({low:.3f} to {high:.3f}) "
        f"on fold {config.fold} of {config.folds} with flip TTA{doubted}\n"
        f"{more}; threshold {checkpoint.decision.threshold:g}, gate {checkpoint.decision.gate:.3g}"
    )
