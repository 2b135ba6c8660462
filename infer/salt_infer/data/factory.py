"""Where tiles are: a directory, a zip, a list or a URL, listed as ids and read as bytes."""

from __future__ import annotations

import stat

from salt_infer.data.folder import TileFolder
from salt_infer.data.list_file import LIST_SUFFIXES, TileList
from salt_infer.data.remote import open_remote
from salt_infer.data.source import TileSource
from salt_infer.data.zip_archive import TileZip
from salt_infer.errors import InputError
from salt_infer.system import file_kind
from salt_infer.system.location import Location, Url
from salt_infer.system.text import shown

_EXPECTED = "expected a directory of PNG tiles, a .zip of them, or a .txt or .csv that names them"


def open_tiles(location: Location) -> TileSource:
    """List the tiles of a directory (recursively), a .zip, a list or a URL, sorted by id.

    Args:
        location: a directory; a ``.txt`` or ``.csv``, see
            :class:`salt_infer.data.list_file.TileList`; any other file, which has to be a zip; or
            a URL, see :func:`salt_infer.data.remote.open_remote`.

    Raises:
        InputError: no such path, or none of these; no tiles in it; or two with one id (both are
            named).
    """
    if isinstance(location, Url):
        return open_remote(location)
    name = shown(str(location))
    try:
        mode = location.stat().st_mode
    except FileNotFoundError as error:
        raise InputError(f"{name} does not exist; {_EXPECTED}") from error
    except (OSError, ValueError) as error:  # a name too long for the system, or with a NUL
        why = getattr(error, "strerror", None) or error
        raise InputError(f"{name} cannot be opened ({why})") from error
    is_list = stat.S_ISREG(mode) and location.suffix.lower() in LIST_SUFFIXES
    if not is_list and (stat.S_ISDIR(mode) or stat.S_ISREG(mode)) and file_kind.is_survey(location):
        raise InputError(f"{name} is a survey, which salt-survey run takes; {_EXPECTED}")
    if stat.S_ISDIR(mode):
        return TileFolder(location)
    if not stat.S_ISREG(mode):
        raise InputError(f"{name} is a pipe or device; {_EXPECTED}")
    return TileList(location) if is_list else TileZip(location)
