"""How much a client may send, and how much of it is in memory at once."""

from __future__ import annotations

import contextlib
import dataclasses
from collections.abc import Iterator

from salt_infer.errors import InputError
from salt_serve.errors import BusyError

MIB = 1024 * 1024


@dataclasses.dataclass(frozen=True)
class Limits:
    """Bounds on requests. How many pixels there are is no setting: a tile has 101x101.

    Attributes:
        file_bytes: of one file; a tile of the widest accepted kind has 41 kB unpacked.
        files: in one request.
        request_bytes: of one request's body.
        held_bytes: of all bodies that are in memory at once.
        body_s: seconds in which a body must arrive.
    """

    file_bytes: int = 1 * MIB
    files: int = 64
    request_bytes: int = 16 * MIB
    held_bytes: int = 128 * MIB
    body_s: float = 30.0

    def __post_init__(self) -> None:
        for name, value in dataclasses.asdict(self).items():
            if not value > 0:
                raise InputError(f"limit {name} is {value}, expected above 0")
        if not self.file_bytes <= self.request_bytes <= self.held_bytes:
            raise InputError(
                f"limits are {self.file_bytes} bytes a file, {self.request_bytes} a request and "
                f"{self.held_bytes} at once; expected each at least as large as the one before"
            )


class Budget:
    """Bytes of request bodies that may be in memory at once.

    Attributes:
        held: bytes that are taken now.
    """

    def __init__(self, size: int) -> None:
        self.size, self.held = size, 0

    @contextlib.contextmanager
    def hold(self, size: int) -> Iterator[None]:
        """Take so many bytes for the block.

        Raises:
            BusyError: others have taken too many.
        """
        if self.held + size > self.size:
            raise BusyError("too many uploads are under way; try again")
        self.held += size
        try:
            yield
        finally:
            self.held -= size
