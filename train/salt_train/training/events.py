"""A run's numbers as TensorBoard reads them.

They are there to be looked at: where they cannot be written, a run says so once and goes on
without. TensorBoard's own writer has a thread, which would print a traceback then and end the run.
"""

from __future__ import annotations

import io
import os
import re
import socket
import time
from collections.abc import Mapping, Sequence
from pathlib import Path

from tensorboard.compat.proto.event_pb2 import Event, SessionLog
from tensorboard.compat.proto.summary_pb2 import Summary
from tensorboard.summary.writer.record_writer import RecordWriter
from tqdm import tqdm

TENSORBOARD = "tensorboard"  # folder in a run's
_VERSION = "brain.Event:2"  # of the format, which a file begins with


class Events:
    """Events of one process, in a file of its own, made with the first."""

    def __init__(self, out: Path) -> None:
        self._folder = out / TENSORBOARD
        self._file: Path | None = None
        self._given_up = False

    def add(self, step: int, values: Mapping[str, float]) -> None:
        """A point on the curve of each name, at once for who looks on. From the first step on, what
        earlier processes wrote of these curves is void.
        """
        if self._given_up:
            return
        try:
            if self._file is None:
                self._file = self._begun(step)
            _append(self._file, [_of_values(step, values)])
        except OSError as error:
            self._given_up = True
            why = error.strerror or error
            tqdm.write(f"warning: {self._folder} cannot be written ({why}); no more events there")

    def _begun(self, step: int) -> Path:
        self._folder.mkdir(exist_ok=True)
        host = re.sub(r"[^A-Za-z0-9.-]", "_", socket.gethostname())
        path = self._folder / f"events.out.tfevents.{time.time_ns()}.{host}.{os.getpid()}"
        _append(path, _first(step))
        return path


def _first(step: int) -> list[Event]:
    """What a file begins with: its format, and from which step on others' events are void."""
    start = SessionLog(status=SessionLog.START)
    return [
        Event(wall_time=time.time(), file_version=_VERSION),
        Event(wall_time=time.time(), step=step, session_log=start),
    ]


def _of_values(step: int, values: Mapping[str, float]) -> Event:
    points = [Summary.Value(tag=name, simple_value=value) for name, value in values.items()]
    return Event(wall_time=time.time(), step=step, summary=Summary(value=points))


def _append(path: Path, events: Sequence[Event]) -> None:
    """Add whole records, with their lengths and checksums; raises OSError."""
    records = io.BytesIO()
    writer = RecordWriter(records)
    for event in events:
        writer.write(event.SerializeToString())
    with open(path, "ab") as file:
        file.write(records.getvalue())
