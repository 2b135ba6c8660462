"""Where something is: a path, or the URL of a bucket or server."""

from __future__ import annotations

import contextlib
import dataclasses
import os
import re
from pathlib import Path, PurePosixPath
from typing import TypeAlias

from salt_infer.errors import InputError

_SCHEME = re.compile(r"[A-Za-z][A-Za-z0-9+.:-]*://")
_HOST_END = re.compile(r"[/?#]")
_HTTP = {"http", "https"}


@dataclasses.dataclass(frozen=True)
class Url:
    """A URL as it was given; a Path would make ``s3:/a`` of ``s3://a``.

    Attributes:
        text: all of it.
    """

    text: str

    @property
    def scheme(self) -> str:
        return self.text.partition("://")[0].lower()

    @property
    def is_http(self) -> bool:
        return self.scheme in _HTTP

    @property
    def suffix(self) -> str:
        """Ending of the last name, with its dot, in lower case."""
        return PurePosixPath(str(self)).suffix.lower()

    def __str__(self) -> str:
        """The URL without what follows ``?`` on a web server: signatures of download links."""
        return self.text.partition("?")[0] if self.is_http else self.text


Location: TypeAlias = Path | Url


def real(path: Path) -> Path:
    """Absolute, links followed. Not Path.resolve, which raises RuntimeError at a link to itself."""
    return Path(os.path.realpath(path))


def absolute(location: Location) -> str:
    """What names the same place from every folder."""
    return str(location) if isinstance(location, Url) else str(real(location))


def typed(text: str) -> Path:
    """A path of a command line. Behind a ``=``, as in ``--out=~/x.csv``, shells leave ``~/`` as it
    is: that is the home here, too, unless there is a file of that name.
    """
    if text.partition("/")[0] == "~" and not os.path.lexists("~"):
        with contextlib.suppress(RuntimeError):  # there is no home
            return Path(text).expanduser()
    return Path(text)


def parse(text: str) -> Location:
    """Understand what stands on a command line. What begins with ``name://`` is a URL; a folder
    of that name can be given as ``./name:/``.

    Raises:
        InputError: it is empty, or a URL that holds a password or token, names a local file, or
            chains several systems by ``::``.
    """
    if not text:
        raise InputError("an empty path was given, expected a directory, zip, list or URL")
    if not _SCHEME.match(text):
        return typed(text)
    url = Url(text)
    user, at, _ = _HOST_END.split(text.partition("://")[2], 1)[0].rpartition("@")
    if ":" in user or (at and url.is_http):  # for a web server, a user's name may be a token
        raise InputError(
            f"a {url.scheme} URL holds a password or token before '@', which logs and process "
            "lists would show; give it in fsspec's configuration or the environment"
        )
    if url.scheme in ("file", "local"):
        raise InputError(f"{url} is a local path; give it without {url.scheme}://")
    if "::" in text:
        raise InputError(f"a {url.scheme} URL chains several systems by '::'; give a plain one")
    return url
