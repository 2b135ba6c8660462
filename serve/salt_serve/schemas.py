"""What the API is asked for and answers; the OpenAPI description is made of this."""

from __future__ import annotations

from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field

_NAME = (
    "The file's name as it was sent, at most 255 characters; of a Windows path, what follows the "
    "last backslash, and of two backslashes in a row one."
)


class _Strict(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class Wanted(_Strict):
    """What a request asks for in its query; what is not known would have no effect: refused."""

    probabilities: bool = Field(
        default=False,
        description="Tell each pixel's probability too, to 0.005: see `above`.",
    )
    each: bool = Field(
        default=False,
        description="Answer 200 with a result for each file even if none is a tile.",
    )


class TileAnswer(_Strict):
    """What was found in one file."""

    name: str = Field(description=_NAME)
    status: Literal[200] = 200
    salt: float = Field(ge=0, le=1, description="Probability that the tile has any salt.")
    confidence: float = Field(
        ge=0,
        le=1,
        description="The score that the model itself expects for the tile: to sort tiles by, the "
        "least sure first. It promises too much where it is low.",
    )
    coverage: float = Field(ge=0, le=1, description="Share of the tile's pixels in the mask.")
    rle: str = Field(
        description="The mask as 'start length' pairs; pixels are numbered from 1, down the "
        "columns first. Empty where there is no salt."
    )
    above: str | None = Field(
        default=None,
        description="With probabilities=true: base64 of 101x101 bytes, row by row, of the "
        "probability that a pixel is salt if the tile has any; times `salt` that in any case "
        "(of a model without a judge it is that already), by itself it means nothing where "
        "`salt` is small. Byte q of a pixel says that this "
        "probability is above the first q of `levels` and not above the next: "
        "levels[q-1] < p <= levels[q]. So its precision is 0.005, and at any threshold of "
        "`levels` the mask (q > index) is to the pixel that of the full float32 probabilities.",
    )
    expected_px: float | None = Field(
        default=None,
        ge=0,
        description="With probabilities=true: the sum of these probabilities over all pixels, how "
        "many pixels of salt to expect if the tile has any; times `salt` in any case (of a model "
        "without a judge that already). So what `above` rounds can be summed.",
    )
    warnings: list[str] | None = Field(
        default=None,
        description="Where the tile's values can hardly be meant, such as a colour map's: why.",
    )


class TileRefusal(_Strict):
    """Why one file has no answer."""

    name: str = Field(description=_NAME)
    status: Literal[413, 415, 422, 500] = Field(
        description="413: too large. 415: not a PNG. 422: damaged, or not 101x101 pixels. "
        "500: the model failed on it."
    )
    error: str


class Predictions(_Strict):
    """One result for each file, in the order of the files."""

    sha256: str = Field(description="Of the model file that answered, as /v1/model tells it.")
    threshold: float = Field(
        description="A pixel is in the mask of a tile with one if its probability, see `above`, is "
        "above this."
    )
    gate: float = Field(description="A tile has a mask if `salt` is above this.")
    levels: list[float] | None = Field(
        default=None, description="With probabilities=true: thresholds, ascending; see `above`."
    )
    results: list[TileAnswer | TileRefusal]


class Problem(_Strict):
    """Why a request has no answer."""

    detail: str
    results: list[TileRefusal] | None = Field(
        default=None,
        description="Where the files were read, and none of them has an answer: each reason.",
    )


class ServerLimits(_Strict):
    """What a request may hold."""

    file_bytes: int
    files: int
    request_bytes: int


class ServedModel(_Strict):
    """The model, and how its answers are read."""

    file: str
    sha256: str
    provider: str
    threshold: float
    gate: float
    tta: str
    judged: bool = Field(
        description="Whether a judge of the model gives `salt`; of one without it is the tile's "
        "highest probability."
    )
    limits: ServerLimits
    contract: dict[str, Any] = Field(description="All that the model file promises of itself.")


class Health(_Strict):
    """Whether the server works."""

    status: str
