"""Do the shipped models still give the masks they gave?

Three tiles are computed from integers, so they are the same everywhere. What each shipped file
says of them is in ``models/golden.json``, by the file's sha256. After a model is replaced,
``python -m salt_infer.cli.selftest --write`` runs the shipped files on the CPU provider and writes
the golden masks anew; they belong into the same commit.
"""

from __future__ import annotations

import dataclasses
import json
from importlib import resources
from pathlib import Path

import numpy as np
import numpy.typing as npt

from salt_infer.backends import availability
from salt_infer.backends.providers import AUTO, Provider, ProviderRequest
from salt_infer.errors import ModelError, ProviderError, SaltError
from salt_infer.masks import rle
from salt_infer.modelfile.signature import sha256_of
from salt_infer.models import default_model
from salt_infer.predictor.model import SaltModel
from salt_infer.system.whole_files import write_whole

GOLDEN = Path(str(resources.files("salt_infer") / "models" / "golden.json"))

# A pixel on the knife's edge may fall to either side where arithmetic is rounded otherwise; a
# runtime that computes something else misses by far more.
MAX_PIXELS = 0.01  # share of each tile's
MAX_SALT = 0.05

_EDGE = rle.TILE_SHAPE[0]


@dataclasses.dataclass(frozen=True)
class Golden:
    """What a model says of the built-in tiles, with every mask drawn.

    Attributes:
        file: name of the model.
        rows: run-length strings.
        salt: the judge's probabilities.
    """

    file: str
    rows: tuple[str, ...]
    salt: tuple[float, ...]


@dataclasses.dataclass(frozen=True)
class Outcome:
    """A provider put to the test.

    Attributes:
        provider: its name.
        problems: why it cannot run, with remedies; nothing else is known then.
        model: name of the file.
        runs_on: what ran it, by its own name.
        nodes: of each provider.
        failure: what was wrong with the answer; empty where it was right.
        pixels: that differ from the golden masks, of all.
        refused: it could not load the model: ``--provider auto`` then takes the next. Any other
            failure would end a run.
    """

    provider: str
    problems: tuple[str, ...] = ()
    model: str = ""
    runs_on: str = ""
    nodes: dict[str, int] = dataclasses.field(default_factory=dict)
    failure: str = ""
    pixels: tuple[int, int] = (0, 0)
    refused: bool = False

    @property
    def usable(self) -> bool:
        return not self.problems

    @property
    def works(self) -> bool:
        return self.usable and not self.failure


def tiles() -> npt.NDArray[np.uint8]:
    """Three tiles, uint8 [3, 101, 101]: layers beside a smooth body, layers over a dark one, and
    layers alone.
    """
    y, x = np.indices(rle.TILE_SHAPE)
    layers = _smooth((_wave(3 * y + x // 4, 24) * 2 + _noise(1)) // 3, 1)
    steep = _smooth((_wave(2 * y - x // 3 + _noise(7) // 64, 17) * 2 + _noise(2)) // 3, 1)
    beside = np.where(x + y // 3 > 70, _smooth(_noise(6), 2) * 2 // 3 + 30, steep)
    above = y < 45 + _wave(x, 80) * 25 // 255
    over = np.where(above, layers, 30 + _smooth(_noise(4), 2) // 8)
    return np.stack([beside, over, layers]).clip(0, 255).astype(np.uint8)


def _noise(seed: int) -> npt.NDArray[np.int64]:
    """0..255, from a hash of each pixel's place."""
    y, x = np.indices(rle.TILE_SHAPE)
    mixed = (x * 374761393 + y * 668265263 + seed * 2246822519) & 0xFFFFFFFF
    mixed = ((mixed ^ mixed >> 13) * 1274126177) & 0xFFFFFFFF
    return np.asarray((mixed ^ mixed >> 16) & 255)


def _wave(value: npt.NDArray[np.int64], period: int) -> npt.NDArray[np.int64]:
    """A triangle of 0..255."""
    return np.asarray(abs(value % period * 2 - period) * 255 // period)


def _smooth(values: npt.NDArray[np.int64], times: int) -> npt.NDArray[np.int64]:
    for _ in range(times):
        wide = np.pad(values, 1, mode="edge")
        around = wide[:-2, 1:-1] + wide[2:, 1:-1] + wide[1:-1, :-2] + wide[1:-1, 2:]
        values = (around + 4 * values) // 8
    return values


def golden(path: Path = GOLDEN) -> dict[str, Golden]:
    """By sha256 of a model, what it says."""
    value = json.loads(path.read_text())
    return {
        digest: Golden(each["file"], tuple(each["rows"]), tuple(each["salt"]))
        for digest, each in value.items()
    }


def answer(model: SaltModel) -> Golden:
    """What a model says of the built-in tiles."""
    found = model.predict(tiles(), batch_size=len(tiles()))
    salt = tuple(round(value, 4) for value in found.salt.tolist())
    return Golden(model.session.path.name, tuple(rle.encode(found.masks)), salt)


def compare(seen: Golden, expected: Golden) -> tuple[int, str]:
    """Pixels that differ, and what is wrong; nothing is where the difference is small."""
    masks = [np.stack([rle.decode(row) for row in each.rows]) for each in (seen, expected)]
    wrong = (masks[0] != masks[1]).sum(axis=(1, 2))
    salt = abs(np.subtract(seen.salt, expected.salt)).max()
    failure = ""
    if not salt <= MAX_SALT:
        failure = f"the judge is off by {salt:.3f}, expected at most {MAX_SALT}"
    elif wrong.max() > MAX_PIXELS * _EDGE**2:
        failure = (
            f"{wrong.max()} pixels of one tile differ from the golden mask, expected at most "
            f"{MAX_PIXELS:.0%} of {_EDGE**2}"
        )
    return int(wrong.sum()), failure


def load(request: ProviderRequest) -> SaltModel:
    """The shipped model as the self-test runs it: every mask drawn, and nothing left to TF32."""
    return SaltModel.load(provider=request, gate=0.0, batch_size=len(tiles()))


def run_on(provider: Provider, device_id: int = 0, cache: Path | None = None) -> Outcome:
    """Put the model that ships for a provider to the test on it."""
    problems = tuple(map(str, availability.problems(provider, device_id)))
    if problems:
        return Outcome(provider, problems)
    exact = (("use_tf32", "0"),) if provider == "cuda" else ()
    try:
        model = load(ProviderRequest(provider, device_id, exact, engine_cache=cache))
        session = model.session
        known = golden().get(session.sha256)
        pixels, failure = compare(answer(model), known) if known else (0, _unknown(session.path))
        failure = failure or _drawn_otherwise(model)
    except SaltError as error:
        refused = isinstance(error, ProviderError)
        return Outcome(provider, failure=str(error), refused=refused)
    size = len(tiles()) * _EDGE**2
    return Outcome(
        provider, (), session.path.name, session.provider, session.placement.nodes, failure,
        (pixels, size),
    )  # fmt: skip


def _drawn_otherwise(model: SaltModel) -> str:
    """What is wrong with masks where the device draws them; elsewhere nothing can be."""
    host, device = (
        model.decide(model.run(tiles(), probabilities=told)).masks for told in (True, False)
    )
    wrong = int(np.count_nonzero(host != device))
    return f"{wrong} pixels that the device draws differ from the host's" if wrong else ""


def _unknown(path: Path) -> str:
    return f"{path} is not a file that came with this version: there is no golden mask for it"


def write(path: Path = GOLDEN) -> list[str]:
    """Write what the shipped models say on the CPU provider; returns their names.

    Raises:
        ModelError: a model says that there is no salt in any tile, and would prove nothing.
    """
    value = {}
    for file in sorted({default_model(provider) for provider in AUTO}):
        says = answer(SaltModel.load(file, gate=0.0, provider=ProviderRequest("cpu")))
        if not any(says.rows):
            raise ModelError(f"{file} draws nothing on the built-in tiles; change them")
        value[sha256_of(file)] = dataclasses.asdict(says)
    write_whole(path, (json.dumps(value, indent=1) + "\n").encode(), overwrite=True)
    return [each["file"] for each in value.values()]
