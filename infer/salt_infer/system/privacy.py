"""Nothing phones home: the packages that this one stands on are told so before they are imported.

Their switches are read once, at import. So this is done as soon as anything of the toolkit is
imported, and processes that it starts inherit it. Whoever wants a package to report to its makers
sets its variable the other way; what is set is left alone. ``docs/privacy.md`` says who would write
what where.
"""

from __future__ import annotations

import contextlib
import importlib
import os
import sys
import threading
from collections.abc import Iterator, MutableMapping
from types import ModuleType

SWITCHES = {
    # ONNX Runtime, since 1.29 on Linux, too: a device id and events in the home, and uploads.
    "ORT_DISABLE_TELEMETRY": "1",
    # Ray: what is run on which machine.
    "RAY_USAGE_STATS_ENABLED": "0",
    # Whoever keeps to the convention, such as Hugging Face's hub, which fsspec may be told to use.
    "DO_NOT_TRACK": "1",
}

# OpenVINO and NNCF report through this package, and do without where it is not installed.
_REPORTER = "openvino_telemetry"

_imported: dict[str, ModuleType] = {}  # what was imported here, and told to be quiet
_lock = threading.Lock()
_within = 0  # how many threads are within unreported()


def switch_off(environment: MutableMapping[str, str] = os.environ) -> None:
    """Set all switches that nobody has set."""
    for name, value in SWITCHES.items():
        if not environment.get(name):  # an empty one would count as not set, or as no
            environment[name] = value


def imported(name: str) -> ModuleType:
    """Import a runtime so that it reports nothing; from any thread, and quickly the second time.

    Raises:
        ImportError: it is not installed; or what else a broken package raises.
    """
    known = _imported.get(name)
    if known is not None and sys.modules.get(name) is known:
        return known
    with unreported():
        module = importlib.import_module(name)
    # Of use where a program had imported ONNX Runtime before the toolkit: no more events then,
    # which would hold a model's metadata.
    quiet = getattr(module, "disable_telemetry_events", None)
    if quiet and os.environ.get("ORT_DISABLE_TELEMETRY") == SWITCHES["ORT_DISABLE_TELEMETRY"]:
        quiet()
    _imported[name] = module
    return module


@contextlib.contextmanager
def unreported() -> Iterator[None]:
    """Within, packages of OpenVINO's makers are imported as if that which reports were not there.
    It is none of ours to take from a program that has imported it already. Of several threads in
    here, the first hides it and the last to leave shows it again.
    """
    hidden = _hide()
    try:
        yield
    finally:
        if hidden:
            _show()


def _hide() -> bool:
    global _within
    with _lock:
        if not _within:
            if _REPORTER in sys.modules:
                return False
            sys.modules[_REPORTER] = None  # type: ignore[assignment]  # how Python notes an absence
        _within += 1
        return True


def _show() -> None:
    global _within
    with _lock:
        _within -= 1
        if not _within:
            sys.modules.pop(_REPORTER, None)
