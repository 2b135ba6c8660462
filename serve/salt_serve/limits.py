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
        head_s: seconds in which a request's head must arrive on an open connection.
        read_s: seconds that a client has to read its answer after a connection was to be closed.
        connections: open at once; beyond them, those without a request are closed.
    """

    file_bytes: int = 1 * MIB
    files: int = 64
    request_bytes: int = 16 * MIB
    held_bytes: int = 128 * MIB
    body_s: float = 30.0
    head_s: float = 10.0
    read_s: float = 60.0
    connections: int = 1000

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

    @property
    def left(self) -> int:
        """Bytes that may still be taken."""
        return self.size - self.held

    @contextlib.contextmanager
    def share(self) -> Iterator[Share]:
        """A share of it for the block, empty at first; all of it is given back at the end."""
        share = Share(self)
        try:
            yield share
        finally:
            self.held -= share.held


class Share:
    """What one request has taken of a budget.

    Attributes:
        held: bytes.
    """

    def __init__(self, budget: Budget) -> None:
        self._budget, self.held = budget, 0

    def take(self, size: int) -> None:
        """Take so many bytes more.

        Raises:
            BusyError: others have taken too many.
        """
        if size > self._budget.left:
            raise BusyError("too many uploads are under way; try again")
        self._budget.held += size
        self.held += size
