"""TensorRT engines kept on disk, each in a folder named by all that it depends on.

TensorRT's own file names carry no versions and cannot tell two models of one architecture apart:
in a shared folder a retrained model would run yesterday's engine.
"""

from __future__ import annotations

import contextlib
import dataclasses
import hashlib
import json
import os
import re
import shutil
import stat
import tempfile
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import IO, Any

from salt_infer.errors import ProviderError
from salt_infer.system.callbacks import Tell
from salt_infer.system.locks import held, still_there
from salt_infer.system.whole_files import write_whole

_DIGEST = re.compile(r"[0-9a-f]{64}")
_ABOUT = "engine.json"  # written last: a folder without it holds no finished engine
_LOCK = ".lock"
_GONE = ".gone"  # ending of a folder that is being removed


@dataclasses.dataclass(frozen=True)
class EngineKey:
    """All that an engine depends on; another value of any part is another engine.

    Attributes:
        model: sha256 of the file.
        onnxruntime, tensorrt: versions.
        gpu: name of the device.
        capability: its compute capability.
        shape: tiles and views of a batch; None with the user's profiles, which are options.
        options: of the provider, without where the engine lies and the device's number; and the
            sha256 of files that they name.
    """

    model: str
    onnxruntime: str
    tensorrt: str
    gpu: str
    capability: str
    shape: tuple[int, int] | None
    options: tuple[tuple[str, str], ...]

    def to_json(self) -> str:
        """Canonical: the order of the options does not matter."""
        value = dataclasses.asdict(self) | {"options": sorted(self.options)}
        return json.dumps(value, sort_keys=True, separators=(",", ":"))

    @property
    def digest(self) -> str:
        """Hex sha256 of it: the name of the folder."""
        return hashlib.sha256(self.to_json().encode()).hexdigest()


@dataclasses.dataclass(frozen=True)
class CachedEngine:
    """A folder of the cache.

    Attributes:
        folder: where it is.
        about: the key it was built for; None where a build was not finished.
        size: bytes.
    """

    folder: Path
    about: Mapping[str, Any] | None
    size: int

    def line(self) -> str:
        """For people."""
        start = f"{self.folder.name[:12]}: {self.size / 1e6:.1f} MB"
        if self.about is None:
            return f"{start}, not finished"
        shape = self.about.get("shape")
        batch = f"batches of {shape[0]} in {shape[1]} views" if shape else "the user's profiles"
        return (
            f"{start}, model {str(self.about.get('model'))[:12]}, {batch}, "
            f"{self.about.get('gpu')}, TensorRT {self.about.get('tensorrt')}, "
            f"ONNX Runtime {self.about.get('onnxruntime')}"
        )


def default_root() -> Path:
    """``engines`` in the user's cache directory; a user without a home, as in some containers and
    batch jobs, has a folder of their own among the temporary ones.
    """
    if base := os.environ.get("XDG_CACHE_HOME"):
        return Path(base) / "salt-toolkit" / "engines"
    if os.environ.get("HOME") != "":  # Python takes that for /
        # Without HOME there may be no entry in the list of users, either.
        with contextlib.suppress(RuntimeError):
            return Path.home() / ".cache" / "salt-toolkit" / "engines"
    return Path(tempfile.gettempdir()) / f"salt-toolkit-engines-{os.geteuid()}"


class EngineCache:
    """A folder of engines.

    Attributes:
        root: the folder; made when the first engine is built.
    """

    def __init__(self, root: Path | None = None) -> None:
        self.root = root or default_root()

    def folder(self, key: EngineKey) -> Path:
        """Where the engine for ``key`` is or would be."""
        return self.root / key.digest

    def holds(self, key: EngineKey) -> bool:
        """Whether the engine is built."""
        return (self.folder(key) / _ABOUT).is_file()

    @contextlib.contextmanager
    def building(self, key: EngineKey, what: str, tell: Tell) -> Iterator[Path]:
        """The engine's folder, to load a session with; tells of a build before it starts, and
        lets no two processes build the same one.

        Args:
            key: of the engine.
            what: for people, such as the file's name.
            tell: is given one line.

        Raises:
            ProviderError: the folder cannot be used.
        """
        folder = self.folder(key)
        with _locked(folder, tell):
            built = self.holds(key)
            if not built:
                for half in folder.glob("*.engine"):  # of a build that was killed
                    half.unlink()
                tell(f"building a TensorRT engine for {what}: takes minutes, once ({folder})")
            yield folder
            if not built and any(folder.glob("*.engine")):
                write_whole(folder / _ABOUT, key.to_json().encode(), overwrite=True)

    def entries(self) -> list[CachedEngine]:
        """What is there, by name; other files and folders are none of ours."""
        if not self.root.is_dir():
            return []
        ours = [each for each in self.root.iterdir() if _DIGEST.fullmatch(each.name)]
        return [_entry(folder) for folder in sorted(ours) if folder.is_dir()]

    def prune(self) -> tuple[list[CachedEngine], list[CachedEngine]]:
        """Remove all engines but those that a process is building or loading.

        Returns:
            What was removed, and what was left.
        """
        gone: list[CachedEngine] = []
        left: list[CachedEngine] = []
        for entry in self.entries():
            (gone if _removed(entry.folder) else left).append(entry)
        if self.root.is_dir():
            for rest in self.root.glob(f"*{_GONE}"):  # of a prune that was killed
                if _DIGEST.fullmatch(rest.stem):
                    shutil.rmtree(rest, ignore_errors=True)
        return gone, left


def _removed(folder: Path) -> bool:
    """Remove an engine's folder unless somebody holds it."""
    with contextlib.ExitStack() as stack:
        with contextlib.suppress(FileNotFoundError):  # one without a lock nobody holds
            file = stack.enter_context(open(folder / _LOCK, "rb"))
            try:
                stack.enter_context(held(file.fileno()))
            except BlockingIOError:
                return False
        # First out of the way, at once: a process that wants the engine now makes a new folder.
        away = folder.with_name(folder.name + _GONE)
        shutil.rmtree(away, ignore_errors=True)
        folder.rename(away)
        shutil.rmtree(away)
    return True


def _entry(folder: Path) -> CachedEngine:
    size = sum(path.stat().st_size for path in folder.rglob("*") if path.is_file())
    try:
        about = json.loads((folder / _ABOUT).read_text())
    except (OSError, ValueError):
        about = None
    return CachedEngine(folder, about if isinstance(about, dict) else None, size)


@contextlib.contextmanager
def _locked(folder: Path, tell: Tell) -> Iterator[None]:
    """Make the folder, for its owner alone, and hold it."""
    while True:
        with _lock_file(folder) as file, contextlib.ExitStack() as stack:
            try:
                stack.enter_context(held(file.fileno()))
            except BlockingIOError:
                tell("another process is building or loading this TensorRT engine; waiting for it")
                stack.enter_context(held(file.fileno(), wait=True))
            if still_there(folder / _LOCK, file.fileno()):
                yield
                return
        # The folder was removed between opening and locking.


def _lock_file(folder: Path) -> IO[bytes]:
    """Engines are programs: a folder that others may write to is refused."""
    try:
        # Each by itself: of parents that are made on the way, a umask decides who may write there.
        folder.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        folder.mkdir(mode=0o700, exist_ok=True)
        for each, others in ((folder, 0), (folder.parent, stat.S_ISVTX)):
            state = each.stat()
            safe = not state.st_mode & 0o022 or state.st_mode & others
            if state.st_uid not in (os.geteuid(), 0) or not safe:
                raise ProviderError(
                    f"{each} may be written by others, and an engine is a program; chmod go-w it, "
                    "or give another --engine-cache"
                )
        return open(folder / _LOCK, "wb")
    except OSError as error:
        raise ProviderError(
            f"the engine cache {folder} cannot be used ({error.strerror or error}); give another "
            "--engine-cache"
        ) from error
