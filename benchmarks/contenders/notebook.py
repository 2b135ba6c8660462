"""The case study's notebook: PIL, eager PyTorch in float32, a loop over pixels, pandas.

Its dataset gives tiles divided by 255 in a data loader without workers, and masks become strings
one after another at the end. It padded tiles on the way in; this network pads them itself. With
``--mode cuda`` it runs on a GPU, in TF32 as torch does by itself, after a batch that warms up.
"""

from __future__ import annotations

import numpy as np
import pandas as pd
import torch
from PIL import Image
from rle import loop_one
from torch import Tensor
from torch.utils.data import DataLoader, Dataset

from contenders.common import EDGE, Task, device, running
from salt_train.checkpoints import checkpoint as checkpoints
from salt_train.network.model import SaltNet


class Tiles(Dataset[Tensor]):
    """Float [1, 101, 101] in 0..1; the three channels of a tile are the same."""

    def __init__(self, task: Task) -> None:
        self.paths = task.paths

    def __len__(self) -> int:
        return len(self.paths)

    def __getitem__(self, index: int) -> Tensor:
        image = np.array(Image.open(self.paths[index]).convert("RGB"))
        normalized = image.astype(np.float32) / 255.0  # mean (0, 0, 0), std (1, 1, 1)
        return torch.from_numpy(normalized.transpose(2, 0, 1)[:1])


def predict(model: SaltNet, tiles: Tensor) -> tuple[Tensor, Tensor]:
    """Mean over a tile and its mirror image: mask float [B, 101, 101], judge float [B]."""
    plain, flipped = model(tiles), model(tiles.flip(3))
    mask = (torch.sigmoid(plain.mask) + torch.sigmoid(flipped.mask).flip(2)) / 2
    judge = (torch.sigmoid(plain.judge) + torch.sigmoid(flipped.judge)) / 2
    return mask, judge


def main() -> None:
    task = Task.parse()
    torch.set_num_threads(task.threads)
    place = device() if task.mode else "cpu"
    model = checkpoints.build_model(checkpoints.load(task.model)).to(place)
    if task.mode:
        with torch.no_grad():
            predict(model, torch.zeros((task.batch_size, 1, EDGE, EDGE), device=place))[0].cpu()
    with running(), torch.no_grad():
        tiles = Tiles(task)
        masks: list[np.ndarray] = []
        for batch in DataLoader(tiles, batch_size=task.batch_size):
            mask, judge = predict(model, batch.to(place))
            salt = (mask > task.threshold) & (judge > task.gate)[:, None, None]
            masks.extend(salt.cpu().numpy())
        rows = {path.stem: loop_one(mask) for path, mask in zip(tiles.paths, masks, strict=True)}
        submission = pd.DataFrame.from_dict(rows, orient="index", columns=["rle_mask"])
        submission.to_csv(task.out, index_label="id")


if __name__ == "__main__":
    main()
