"""Options that other programs have, and what there is here instead."""

from __future__ import annotations


def _of_stages(setting: str, what: str) -> str:
    return f"each stage has {what} of its own, --set stages.N.{setting}=..., with N from 0"


_KNOWN = {
    ("--lr", "--lr0", "--learning-rate"): _of_stages("learning_rate", "a learning rate"),
    ("--loss", "--criterion"): _of_stages("loss", "a loss"),
    ("--optimizer", "--optim"): _of_stages("optimizer", "an optimiser"),
    ("--momentum",): _of_stages("momentum", "a momentum"),
    ("--scheduler", "--schedule", "--lr-scheduler"): _of_stages("schedule", "a schedule"),
    ("--encoder", "--backbone", "--model", "--arch", "--architecture"): (
        "--set model.encoder=..., such as resnet50 or efficientnet-lite2"
    ),
    ("--val", "--val-data", "--val-split", "--valid", "--validation", "--groups"): (
        "--data is split, by --fold and --folds, or by --split with a table of your own"
    ),
    ("--patience", "--early-stopping"): (
        "stages have a fixed length, --epochs, at whose end the rate is low; best.pth is of the "
        "best epoch"
    ),
    ("--config", "--cfg", "--yaml"): (
        "settings are a --recipe and --set; settings.json in --out has those of a run"
    ),
    ("--dropout",): "--set model.judge_dropout=..., before the judge's last layer",
    ("--image-size", "--imgsz", "--img-size"): (
        "tiles have 101x101 pixels; --set model.zoom=2 --set model.canvas_px=224 shows them to the "
        "encoder at twice their size"
    ),
    ("--gpu", "--gpus", "--cuda"): "--device cuda",
    ("--amp", "--fp16", "--bf16", "--half"): "--precision fp16 or bf16",
    ("--pretrained",): "--encoder-weights imagenet, or --init-weights",
    ("--finetune", "--ckpt", "--checkpoint", "--weights"): "--init-weights FILE.pth or default",
    ("--output-dir", "--output", "--save-dir", "--project"): "--out DIR",
    ("--weight-decay", "--wd"): "--set weight_decay=...",
    ("--workers", "--num-workers"): "all tiles are in memory, and nothing has to load them",
}
OF_OTHERS = {name: instead for names, instead in _KNOWN.items() for name in names}
