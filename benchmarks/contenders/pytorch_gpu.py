"""The best of plain PyTorch on a GPU: float16 in channels_last, both views in a batch, decoded by
worker processes into pinned memory.

``--mode half`` is eager, ``compile`` the same by torch.compile with CUDA graphs, ``bf16`` that in
bfloat16. A few batches go before the clock starts: what is prepared once is not in the time.
"""

from __future__ import annotations

import torch
from torch.utils.data import DataLoader

from contenders.common import EDGE, Task, device, rle, running, write
from contenders.pytorch import Masks, Tiles, filled
from salt_train.checkpoints import checkpoint as checkpoints

WARM = 3  # batches; CUDA graphs are captured in the second


def prepared(task: Task, place: str) -> Masks:
    """The network with everything around it, compiled if asked for, and run."""
    kind = torch.bfloat16 if task.mode == "bf16" else torch.float16
    model = checkpoints.build_model(checkpoints.load(task.model)).to(place, kind)
    masks = Masks(model, task).eval()
    masks.to(memory_format=torch.channels_last)  # type: ignore[call-overload]  # lacks in torch's
    if task.mode != "half":
        masks.compile(dynamic=False, mode="reduce-overhead" if place == "cuda" else "default")
    empty = torch.zeros((task.batch_size, EDGE, EDGE), dtype=torch.uint8)
    for _ in range(WARM):
        masks(empty.to(place)).cpu()
    return masks


def run(masks: Masks, task: Task, place: str) -> None:
    tiles = Tiles(task)
    # Small runs gain nothing from more processes than there is work for.
    workers = max(1, min(task.threads - 1, len(tiles) // task.batch_size))
    loader = DataLoader(tiles, task.batch_size, num_workers=workers, pin_memory=place == "cuda")
    rows: list[str] = []
    for batch in loader:
        whole = filled(batch, task.batch_size).to(place, non_blocking=True)
        rows += [rle(mask) for mask in masks(whole)[: len(batch)].cpu().numpy()]
    write(task.out, tiles.paths, rows)


def main() -> None:
    task, place = Task.parse(), device()
    with torch.inference_mode():
        masks = prepared(task, place)
        with running():
            run(masks, task, place)


if __name__ == "__main__":
    main()
