"""From an upload to a tile, and from what the model found to an answer; pure functions."""

from __future__ import annotations

import base64
from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from salt_infer.data import oddities, png, png_file
from salt_infer.data.png import Examined
from salt_infer.errors import TileError
from salt_infer.masks import rle
from salt_infer.predictor.settings import Settings
from salt_infer.system import file_kind
from salt_serve import levels
from salt_serve.errors import RequestError, TooLargeError, UnreadableError, WrongTypeError
from salt_serve.limits import Limits
from salt_serve.predictor import Found
from salt_serve.schemas import Predictions, Problem, TileAnswer, TileRefusal
from salt_serve.uploads import Upload

FAILED = 500


def decode(upload: Upload, limits: Limits) -> Examined | RequestError:
    """The pixels of an upload, uint8 [101, 101], with what is odd, or why there are none."""
    if upload.data is None:
        return TooLargeError(f"has more than {limits.file_bytes} bytes, too large for a tile")
    try:
        return png.examine(upload.data)
    except TileError as error:
        if upload.data.startswith(png_file.SIGNATURE):
            return UnreadableError(str(error))
        what = file_kind.sent(upload.data)
        return WrongTypeError(f"{error}; it is {what}" if what else str(error))


def decode_all(uploads: Sequence[Upload], limits: Limits) -> list[Examined | RequestError]:
    """:func:`decode` of each."""
    return [decode(upload, limits) for upload in uploads]


def answer(
    name: str, found: Found, steps: list[float] | None, odd: Sequence[str] = ()
) -> TileAnswer:
    """What is said of one tile.

    Args:
        name: of the upload.
        found: what the model says.
        steps: levels to tell the probabilities by, None to leave them out.
        odd: what is odd about the tile, keys of :data:`salt_infer.data.oddities.WHAT`.
    """
    probability = found.probability
    if probability is None:
        probability = np.zeros(rle.TILE_SHAPE, dtype=np.float32)
    return TileAnswer(
        name=name,
        salt=found.salt,
        confidence=found.confidence,
        coverage=float(found.mask.mean()),
        rle=rle.encode(found.mask[None])[0],
        above=None if steps is None else _base64(levels.above(probability, steps)),
        expected_px=None if steps is None else float(probability.sum(dtype=np.float64)),
        warnings=[f"the tile is {oddities.WHAT[kind]}" for kind in odd] or None,
    )


def refuse(name: str, error: BaseException) -> TileRefusal:
    """Say why a file has no answer; what went wrong inside the model is for the log alone."""
    if isinstance(error, RequestError):
        status, reason = error.status, str(error)
    else:
        status, reason = FAILED, "the model failed on this tile"
    return TileRefusal.model_validate({"name": name, "status": status, "error": reason})


def summarise(
    results: Sequence[TileAnswer | TileRefusal],
    sha256: str,
    settings: Settings,
    steps: list[float] | None,
    each: bool,
) -> tuple[int, Predictions | Problem]:
    """The answer to a request and its HTTP status: 200 if there is an answer for any file, or if
    ``each`` result is wanted in any case.
    """
    refused = [result for result in results if isinstance(result, TileRefusal)]
    if each or len(refused) < len(results):
        return 200, Predictions(
            sha256=sha256,
            threshold=settings.threshold,
            gate=settings.gate,
            levels=steps,
            results=list(results),
        )
    reasons = {result.status for result in refused}
    status = reasons.pop() if len(reasons) == 1 else UnreadableError.status
    detail = refused[0].error
    if len(refused) > 1:
        detail = f"none of the {len(refused)} files has an answer; the first: {detail}"
    return status, Problem(detail=detail, results=refused)


def _base64(values: npt.NDArray[np.uint8]) -> str:
    return base64.b64encode(values.tobytes()).decode("ascii")
