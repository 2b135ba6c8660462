"""The best of plain PyTorch: worker processes, bf16 in channels_last, both views in one batch.

``--mode compile`` has torch.compile make one graph of it, with frozen weights, before the run; the
last batch is filled up, so that it is not compiled a second time.
"""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor, nn
from torch.utils.data import DataLoader, Dataset

from contenders.common import EDGE, Task, decode, rle, running, write
from salt_train.checkpoints import checkpoint as checkpoints
from salt_train.network.model import SaltNet


class Tiles(Dataset[Tensor]):
    """uint8 [101, 101]: a quarter of the bytes between processes."""

    def __init__(self, task: Task) -> None:
        self.paths = task.paths

    def __len__(self) -> int:
        return len(self.paths)

    def __getitem__(self, index: int) -> Tensor:
        return torch.from_numpy(np.array(decode(self.paths[index])))


class Masks(nn.Module):
    """uint8 [B, 101, 101] -> bool [B, 101, 101], everything between in one graph."""

    def __init__(self, model: SaltNet, task: Task) -> None:
        super().__init__()
        self.model, self.threshold, self.gate = model, task.threshold, task.gate

    def forward(self, tiles: Tensor) -> Tensor:
        grey = tiles[:, None].float() / 255.0
        features = self.model.encode(torch.cat([grey, grey.flip(3)]))
        logits = self.model.decode(features)
        plain, flipped = torch.sigmoid(logits.float()).chunk(2)
        probability = (plain + flipped.flip(2)) / 2
        salt = self.model.salt(features, logits).reshape(2, -1).mean(dim=0)
        return (probability > self.threshold) & (salt > self.gate)[:, None, None]


def filled(batch: Tensor, size: int) -> Tensor:
    """A batch with empty tiles behind it, so that there are ``size``."""
    return torch.cat([batch, batch.new_zeros(size - len(batch), *batch.shape[1:])])


def prepared(task: Task) -> nn.Module:
    model = checkpoints.build_model(checkpoints.load(task.model))
    masks = Masks(model, task).eval()
    masks.to(memory_format=torch.channels_last)  # type: ignore[call-overload]  # lacks in torch's
    if task.mode == "compile":
        masks.compile(dynamic=False, options={"freezing": True})
        masks(torch.zeros((task.batch_size, EDGE, EDGE), dtype=torch.uint8))
    return masks


def run(masks: nn.Module, task: Task) -> None:
    tiles = Tiles(task)
    rows: list[str] = []
    for batch in DataLoader(tiles, task.batch_size, num_workers=task.threads):
        whole = filled(batch, task.batch_size) if task.mode == "compile" else batch
        rows += [rle(mask) for mask in masks(whole)[: len(batch)].numpy()]
    write(task.out, tiles.paths, rows)


def main() -> None:
    task = Task.parse()
    torch.set_num_threads(task.threads)
    with torch.inference_mode(), torch.autocast("cpu", dtype=torch.bfloat16):
        masks = prepared(task)
        with running():
            run(masks, task)


if __name__ == "__main__":
    main()
