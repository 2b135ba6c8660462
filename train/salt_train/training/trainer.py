"""The training loop: epochs of batches, validation, checkpoints, resume."""

from __future__ import annotations

import contextlib
import dataclasses
import time
from collections.abc import Iterable, Iterator
from typing import Any

import numpy as np
import torch
from tqdm import tqdm

from salt_infer.system.text import shown
from salt_train.checkpoints import checkpoint as checkpoints
from salt_train.checkpoints import shipped, unfold, weights
from salt_train.checkpoints.checkpoint import Checkpoint
from salt_train.checkpoints.weights import Start
from salt_train.data.dataset import Dataset
from salt_train.data.folds import Split
from salt_train.data.held_out import HeldOut
from salt_train.errors import CheckpointError, NotFiniteError, TrainError
from salt_train.scoring import evaluate
from salt_train.settings import settings_file
from salt_train.settings.config import SHIPPED, Stage, TrainConfig
from salt_train.settings.schedule import cycle_ends, learning_rate, snapshots, stage_at, steps_of
from salt_train.training import final_score, resumable
from salt_train.training.epoch_progress import EpochProgress
from salt_train.training.feed import Drawn, Feed
from salt_train.training.final_score import FinalScore
from salt_train.training.history import History, line
from salt_train.training.keeper import LAST, Keeper
from salt_train.training.learner import Learner
from salt_train.training.lineage import Lineage
from salt_train.training.pseudo import Pseudo
from salt_train.training.run_options import RunOptions


class Trainer:
    """One run: the learner, the data it learns from, and how far it has come.

    Attributes:
        config: what is computed.
        options: how.
        world: the processes that train together.
        split: all tiles, dealt to folds.
        held_out: the fold that is not learnt.
        train_data: tiles to learn from, those with pseudo-labels last.
        validation_data: tiles to score: the held-out ones, or all where none are.
        pseudo_tiles: how many have pseudo-labels.
        pseudo_remarks: what is to be told of these.
        data_sha256: digest of the labelled tiles.
        learner: the network, its average and the optimiser.
        feed: the tiles on the device.
        lineage: what the weights come from.
        random: draws order and changes of tiles.
        keeper: which checkpoints are kept.
        history: a row an epoch.
        epoch: how many are done.
        scored: whether the end was scored as it is deployed.
    """

    def __init__(
        self, config: TrainConfig, options: RunOptions, data: Dataset, pseudo: Pseudo | None = None
    ) -> None:
        """Prepare a run.

        Args:
            config: what to compute; what it says of pseudo-labels is filled in here.
            options: how.
            data: labelled tiles; the config says which fold of them is held out. If none is, they
                are scored once, at the end, by a network that has seen them.
            pseudo: more tiles to train on, labelled by a model; never validated on.

        Raises:
            ConfigError: batches cannot be shared out evenly, or the device cannot be used.
            DataError: the pseudo-labels cannot be used.
        """
        self.options, self.world = options, options.world
        self.split = Split.of(data, config.folds, config.split_seed)
        self.held_out = HeldOut(data, self.split, config.fold)
        self.train_data = self.held_out.others
        self.validation_data = data if config.fold is None else self.held_out.data
        self.pseudo_tiles, self.pseudo_remarks = 0, list[str]()
        if pseudo is not None:
            more = pseudo.load(data, self.held_out, self.pseudo_remarks.append)
            self.train_data, self.pseudo_tiles = self.train_data.joined(more), len(more)
            config = dataclasses.replace(
                config, pseudo_sha256=more.sha256, pseudo_fraction=pseudo.fraction
            )
        self.config = config
        self.world.part(self.batch_size)  # says now if it cannot be shared out
        self.data_sha256 = data.sha256
        self.learner = Learner(config, options.device, self.world, options.compiled)
        self.feed = Feed(self.train_data, self.learner.compute.device)
        self.lineage = Lineage.of(self.train_data, self.held_out, pseudo)
        self.epoch = 0
        self.scored = False
        self.random = torch.Generator()
        self.keeper = Keeper(options.out, options.save_every_s)
        self.history = History(options.out)

    @property
    def batch_size(self) -> int:
        """Tiles a step, over all processes."""
        return min(self.config.batch_size, len(self.train_data))

    @property
    def steps_per_epoch(self) -> int:
        return steps_of(len(self.train_data), self.config.batch_size)

    def run(self) -> Checkpoint:
        """Train the epochs that are left, then score as deployed; returns the last checkpoint."""
        if self.world.first:
            self.options.out.mkdir(parents=True, exist_ok=True)
        if self.epoch == 0:
            self._start()
        while self.epoch < self.config.epochs:
            row = self._epoch()
            if self.world.first:
                self._save(row)
                tqdm.write(line(row, self.config.epochs))
            self.world.wait()
        if self.world.first and not self.scored:
            self._final_score().publish(self.options.out / LAST, self.history)
        self.world.wait()
        return checkpoints.load(self.options.out / LAST)

    def begin_anew(self) -> None:
        """Begin a run that has begun and has no checkpoint yet.

        Raises:
            CheckpointError: it has other settings, or other tiles.
        """
        if kept := settings_file.read(self.options.out):
            resumable.check_settings(self.options.out, kept, self.config)
        if self.config.fold is not None and not self.split.is_in(self.options.out):
            raise resumable.changed(self.options.out, "split")

    def resume(self, checkpoint: Checkpoint) -> None:
        """Go on from a checkpoint of the same run.

        Raises:
            CheckpointError: it has other settings, is damaged, or cannot be resumed.
        """
        resumable.check_settings(self.options.out, checkpoint.config, self.config)
        resumable.check_tiles(self.options.out, checkpoint.scores, self._origin())
        if checkpoint.run is None:
            raise CheckpointError("this checkpoint was stripped of what resuming needs")
        if fault := resumable.fault(checkpoint) or self.learner.fault(checkpoint):
            raise CheckpointError(
                f"{self.options.out / LAST} is damaged: {fault}; bring back an intact copy of it, "
                "or remove it, and --resume begins that run anew"
            )
        self.epoch = checkpoint.epoch
        self.scored = resumable.is_scored(checkpoint)
        self.lineage = self.lineage.resumed(checkpoint)
        self.learner.restore(checkpoint)
        self.history.rows = list(checkpoint.history)
        self.keeper.resume(checkpoint)

    def _start(self) -> None:
        """What a new run does and a resumed one must not need again."""
        if self.config.encoder_weights:
            path = weights.fetch(self.config.encoder_weights, self.config.model)
            digest = weights.load_file(self.learner.model.encoder, path)
            self.lineage = dataclasses.replace(self.lineage, sha256=digest)
        if self.config.init_weights:
            self._go_on_from(weights.first_checkpoint(self.config, self.held_out))
        self.learner.average.load_state_dict(self.learner.model.state_dict())
        if self.world.first:  # before anything that takes long: a run killed in it is gone on with
            settings_file.write(self.options.out, self.config, self.options.threads)
            if self.config.fold is not None:
                self.split.write(self.options.out)
        if self.config.init_weights and self.config.fold is not None and self.world.first:
            score = self._final_score().of_start(self.options.out)
            self.lineage = dataclasses.replace(self.lineage, score=score)

    def _go_on_from(self, start: Start) -> None:
        weights.load_checkpoint(self.learner.model, start.checkpoint, start.name)
        was_told, self.lineage = self.lineage.doubted, self.lineage.started(start)
        if self.config.init_weights == SHIPPED:
            # What a file lacks of a network that is to be trained.
            size, most = self.batch_size, self.config.statistics_tiles
            unfold.measure(self.learner.model, self.train_data.tiles, size, most, self.world)
        told = was_told and start.doubt == shipped.DOUBTED
        if start.doubt and not told and self.config.fold is not None and self.world.first:
            tqdm.write(start.doubt)

    def _epoch(self) -> dict[str, Any]:
        started = time.perf_counter()
        stage, within = stage_at(self.config, self.epoch)
        if within == 0:
            self.learner.begin(stage)
        # Everything random in an epoch comes from (seed, epoch): a resumed run draws the same.
        # Order and augmentation are drawn apart from dropout, which is each process's own.
        seed = self.config.seed * 100_003 + self.epoch
        self.random.manual_seed(seed)
        torch.manual_seed(seed + self.world.rank)
        steps = self.steps_per_epoch
        drawn = self.feed.draw(steps * self.batch_size, self.config.augment, self.random)
        with self._naming(stage, drawn):
            for step in self._shown(range(steps)):
                self._step(step, drawn)
            losses = self.learner.watch.finish()
        seconds = time.perf_counter() - started
        self.learner.end_epoch(stage, within, self.train_data.tiles)
        self.epoch += 1
        row: dict[str, Any] = {
            "epoch": self.epoch,
            "loss_name": stage.loss,
            "loss": float(np.mean(losses)),
            "tiles_per_s": len(drawn.order) / seconds,
            "learning_rate": self.learner.optimizer.param_groups[0]["lr"],
        }
        due = self.epoch % self.options.validate_every == 0 or self.epoch == self.config.epochs
        if due and self.world.first and self.config.fold is not None:
            prediction = self._predicted()
            decision = evaluate.default_decision(self.config.model)
            row |= evaluate.brief(prediction, self.validation_data, decision)
        return row | {"seconds": time.perf_counter() - started}

    def _shown(self, steps: Iterable[int]) -> Iterable[int]:
        """The steps, beside which it is shown how far the epoch has come."""
        progress = EpochProgress(
            epoch=f"epoch {self.epoch + 1}/{self.config.epochs}",
            loss=stage_at(self.config, self.epoch)[0].loss,
            steps=self.steps_per_epoch,
            batch_size=self.batch_size,
            watch=self.learner.watch,
        )
        return progress.beside(steps, self.options.progress if self.world.first else False)

    def _step(self, step: int, drawn: Drawn) -> None:
        stage, _ = stage_at(self.config, self.epoch)
        rate = learning_rate(self.config, self.epoch, step, self.steps_per_epoch)
        part, start = self.world.part(self.batch_size), step * self.batch_size
        batch = self.feed.batch(drawn, slice(start + part.start, start + part.stop))
        number = self.epoch * self.steps_per_epoch + step
        self.learner.step(batch, stage, rate, number)

    @contextlib.contextmanager
    def _naming(self, stage: Stage, drawn: Drawn) -> Iterator[None]:
        """Say of a step that was not finite, whenever that is seen, which tiles it had."""
        try:
            yield
        except NotFiniteError as error:
            start = error.step * self.batch_size
            batch = drawn.order[start : start + self.batch_size].tolist()
            names = ", ".join(shown(self.train_data.ids[index]) for index in batch)
            coarse = self.config.precision != "fp32"
            raise TrainError(
                f"{error} at epoch {self.epoch + 1}, step {error.step + 1}, tiles {names}; lower "
                "the learning rate or what else was raised "
                f"(--set stages.{self.config.stages.index(stage)}.learning_rate=...)"
                f"{', or use --precision fp32' if coarse else ''}"
            ) from error

    def _predicted(self) -> evaluate.Prediction:
        """Of the held-out tiles, for a line in the history: in the run's own precision. What is
        deployed is scored in float32.
        """
        with self.learner.compute.autocast():
            predicted = evaluate.predict(self.learner.average, self.validation_data.tiles, "none")
        return predicted.where_known(self.validation_data)

    def _save(self, row: dict[str, Any]) -> None:
        self.history.add(row)
        plain = self._plain(row)
        if "score" in row:
            self.keeper.choose(plain, row["score"], self.validation_data.learnt)
        stage, within = stage_at(self.config, self.epoch - 1)
        if stage.snapshots and cycle_ends(stage, within):
            name = f"snapshot-{snapshots(self.config, self.epoch - 1)}.pth"
            checkpoints.save(self._final_score().of(plain)[0], self.options.out / name)
        if self.keeper.is_due(last_epoch=self.epoch == self.config.epochs):
            self.keeper.save(plain, self.learner.state())
            self.history.refresh()

    def _plain(self, row: dict[str, Any]) -> Checkpoint:
        """The weights as they are, without what resuming takes. Until the run is scored as
        deployed, at its end, there is no "score".
        """
        measured = {"score_in_training": row["score"]} if "score" in row else {}
        return Checkpoint(
            config=self.config,
            epoch=self.epoch,
            scores=self._origin() | measured,
            weights=dict(self.learner.average.state_dict()),
            history=tuple(self.history.rows),
            decision=evaluate.default_decision(self.config.model),
            learnt=self.lineage.learnt,
        )

    def _final_score(self) -> FinalScore:
        return FinalScore(self.learner.average, self.validation_data, self._origin())

    def _origin(self) -> dict[str, Any]:
        return final_score.origin(self.config, self.split, self.data_sha256, self.lineage)
