"""``salt-train``: labelled tiles to checkpoints."""

from __future__ import annotations

from pathlib import Path

import click
import torch

from salt_train import checkpoint as checkpoints
from salt_train import dataset
from salt_train.checkpoint import Checkpoint
from salt_train.config import ModelConfig, PrecisionName, TrainConfig, default_stages
from salt_train.errors import ConfigError
from salt_train.loop import LAST, RunOptions, Trainer

_COUNT = click.IntRange(1)


@click.command("salt-train", context_settings={"show_default": True})
@click.option(
    "--data", type=click.Path(path_type=Path), required=True,
    help="Folder or zip with images/ and masks/, or images/ and a train.csv beside it.",
)  # fmt: skip
@click.option(
    "--out", type=click.Path(path_type=Path), required=True,
    help="Folder for checkpoints and metrics.",
)  # fmt: skip
@click.option("--fold", default=0, help="Fold that is held out for validation.")
@click.option("--folds", default=10, help="Number of folds, stratified by salt coverage.")
@click.option("--epochs", type=_COUNT, default=60, help="Passes over the training tiles.")
@click.option("--batch-size", "-b", default=32, help="Tiles a step.")
@click.option("--learning-rate", default=1e-3, help="AdamW's highest learning rate.")
@click.option("--depth", type=click.Choice(["18", "34", "50"]), default="18", help="ResNet depth.")
@click.option("--width", default=32, help="Channels of the first encoder level.")
@click.option(
    "--stem-pool/--no-stem-pool", default=False,
    help="Halve every feature map after the stem, as torchvision's ResNets do.",
)  # fmt: skip
@click.option(
    "--encoder-weights", default="", metavar="FILE|imagenet",
    help="Start the encoder from a torchvision-format ResNet file (width 64), or download it.",
)  # fmt: skip
@click.option("--decoder-channels", default=32, help="Channels of every decoder level.")
@click.option(
    "--precision", type=click.Choice(["fp32", "bf16", "fp16"]), default="fp32",
    help="Arithmetic of the forward pass; weights and losses stay fp32.",
)  # fmt: skip
@click.option("--device", default="cpu", help="torch device, such as cpu or cuda:0.")
@click.option("--threads", type=_COUNT, help="CPU threads; torch's own choice if not given.")
@click.option("--seed", default=0, help="Seed of the split, the weights and the augmentation.")
@click.option("--validate-every", type=_COUNT, default=1, help="Epochs between validations.")
@click.option("--resume/--no-resume", default=False, help="Go on with the run in --out.")
@click.option("--progress/--no-progress", default=True, help="Show a progress bar.")
@click.version_option(package_name="salt-toolkit")
def cli(
    data: Path, out: Path, fold: int, folds: int, epochs: int, batch_size: int,
    learning_rate: float, depth: str, width: int, stem_pool: bool, encoder_weights: str,
    decoder_channels: int,
    precision: PrecisionName, device: str, threads: int | None, seed: int,
    validate_every: int, resume: bool, progress: bool,
) -> None:  # fmt: skip
    """Train a network on labelled 101x101 tiles and write checkpoints to --out."""
    config = TrainConfig(
        model=ModelConfig(
            depth=int(depth), width=width, stem_pool=stem_pool, decoder_channels=decoder_channels
        ),
        encoder_weights=encoder_weights,
        stages=default_stages(epochs, learning_rate),
        fold=fold, folds=folds, batch_size=batch_size, precision=precision, seed=seed,
    )  # fmt: skip
    if threads:
        torch.set_num_threads(threads)
    final = train(config, RunOptions(out, device, progress, validate_every), data, resume)
    scores = final.scores
    click.echo(
        f"{out / LAST}: epoch {final.epoch}, score {scores['score']:.4f} on fold {fold} of {folds} "
        f"with flip TTA ({scores['score_without_tta']:.4f} without, empty masks "
        f"{scores['score_of_empty_masks']:.4f})"
    )


def train(config: TrainConfig, options: RunOptions, data: Path, resume: bool) -> Checkpoint:
    """Load the data, start or resume the run, train to the end.

    Raises:
        ConfigError: ``options.out`` holds a run and ``resume`` was not asked for.
    """
    try:
        options.out.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise ConfigError(f"folder {options.out} cannot be made ({error.strerror})") from error
    last = options.out / LAST
    if last.exists() and not resume:
        raise ConfigError(f"{last} exists; use --resume to go on with it, or another --out")
    trainer = Trainer(config, options, dataset.load(data))
    click.echo(
        f"{config.model.architecture}; {len(trainer.train_data)} tiles to train on, "
        f"{len(trainer.validation_data)} to validate on"
    )
    if last.exists():
        trainer.resume(checkpoints.load(last))
        click.echo(f"resuming after epoch {trainer.epoch}")
    return trainer.run()
