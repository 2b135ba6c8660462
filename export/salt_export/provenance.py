"""Where a file comes from: checkpoints, versions, source, command line."""

from __future__ import annotations

import platform
import shlex
import subprocess
import sys
from collections.abc import Mapping, Sequence
from importlib import metadata
from pathlib import Path
from typing import Any

from salt_export.loading import Seen
from salt_infer.modelfile.learnt import Learnt
from salt_infer.system.text import shown
from salt_train.checkpoints.checkpoint import Checkpoint
from salt_train.scoring.calibrate import SEEN

PACKAGES = ("salt-toolkit", "torch", "onnx", "onnxscript", "onnxruntime", "numpy")
EXPORTERS = ("torch", "onnxscript")  # they name tensors and fold constants; others may do it anew


def versions() -> dict[str, str]:
    """Packages that had a part in the file; those that are not installed are left out."""
    found = {"python": platform.python_version()}
    for name in PACKAGES:
        try:
            found[name] = metadata.version(name)
        except metadata.PackageNotFoundError:  # ONNX Runtime has several names
            continue
    return found


def other_exporters(written: Mapping[str, str]) -> str:
    """Versions that wrote a file, in words, where they are not those here; else empty."""
    here = versions()
    return ", ".join(
        f"{name} {shown(str(written.get(name)))}, here {here.get(name)}"
        for name in EXPORTERS
        if written.get(name) != here.get(name)
    )


def validation(checkpoints: Sequence[Checkpoint]) -> dict[str, Any]:
    """What was measured in training, and on what. For an ensemble the members' own figures: none
    was measured for the whole, and together they may have seen every tile.
    """
    own = [{"epoch": each.epoch, **each.scores} for each in checkpoints]
    return own[0] if len(own) == 1 else {"members": own}


def unscored(validation: Mapping[str, Any]) -> list[str]:
    """Lines about the networks of which no score is of unseen tiles, where there are such."""
    members = validation.get("members", [validation])
    seen = [member[SEEN] for member in members if isinstance(member.get(SEEN), float)]
    unfinished = sum(map(_is_unfinished, members))
    lines = []
    if seen:
        scores = ", ".join(f"{score:.4f}" for score in seen)
        lines.append(
            f"{len(seen)} of {len(members)} networks trained on every tile: score of seen tiles "
            f"{scores}, which says nothing of others"
        )
    if unfinished:
        lines.append(
            f"warning: {unfinished} of {len(members)} networks of runs that have not ended: no "
            "score, and a threshold and gate that nothing was chosen by; salt-train --resume ends "
            "them"
        )
    return lines


def _is_unfinished(member: Mapping[str, Any]) -> bool:
    """Whether a run wrote it before it was scored; what was picked by its score never is."""
    ended = {"score", SEEN, "selected_on_its_own_fold"}
    return "split_sha256" in member and not ended & member.keys()


def learnt(checkpoints: Sequence[Checkpoint]) -> Learnt:
    """The tiles that any of the networks has learnt from."""
    first, *others = (each.learnt for each in checkpoints)
    return first.joined(*others)


def flattered(known: Learnt, seen: Seen) -> list[str]:
    """A warning where the labelled tiles are some that the networks have learnt from."""
    count = 0 if seen.masks is None else int(known.among(seen.tiles).sum())
    if not count:
        return []
    return [
        f"warning: the model has learnt from {count} of the {len(seen.tiles)} labelled tiles: what "
        "is lost or gained on them says less of others"
    ]


def command_line() -> str:
    """The command as it was given, without the folders of the program itself."""
    return shlex.join([Path(sys.argv[0]).name, *sys.argv[1:]])


def git_commit() -> str:
    """Commit of the working copy that this package runs from, with ``-dirty`` where it has been
    changed since; empty where it runs from elsewhere.
    """
    here = Path(__file__)
    try:
        # An installed package may lie inside somebody else's working copy.
        _git(here.parent, "ls-files", "--error-unmatch", here.name)
        return _git(here.parent, "describe", "--always", "--dirty", "--abbrev=40", "--exclude=*")
    except (OSError, subprocess.SubprocessError):
        return ""


def _git(folder: Path, *arguments: str) -> str:
    done = subprocess.run(  # noqa: S603  # fixed words, no input of anybody's
        ["git", "-C", str(folder), *arguments],  # noqa: S607  # where git is differs
        capture_output=True,
        text=True,
        check=True,
        timeout=10,
    )
    return done.stdout.strip()
