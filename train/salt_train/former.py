"""Names that modules had before they lay in rooms, see :mod:`salt_infer.former`."""

NAMES = {
    "augment": "training.augment",
    "checkpoint": "checkpoints.checkpoint",
    "config": "settings.config",
    "dataset": "data.dataset",
    "evaluate": "scoring.evaluate",
    "folds": "data.folds",
    "losses": "training.losses",
    "model": "network.model",
    "recipes": "settings.recipes",
    "trainer": "training.trainer",
}
