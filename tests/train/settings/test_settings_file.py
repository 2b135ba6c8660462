from __future__ import annotations

import dataclasses
import json
from pathlib import Path

import pytest

from salt_train.errors import ConfigError
from salt_train.settings import settings_file
from salt_train.settings.recipes import RECIPES
from salt_train.settings.settings_file import FILE, begun


@pytest.mark.parametrize("name", RECIPES)
def test_they_come_back(tmp_path: Path, name: str) -> None:
    config = dataclasses.replace(RECIPES[name].config, seed=7)
    settings_file.write(tmp_path, config)
    assert begun(tmp_path) == (config, False)


def test_those_of_all_folds_are_in_the_first(tmp_path: Path) -> None:
    (tmp_path / "fold-0").mkdir()
    settings_file.write(tmp_path / "fold-0", RECIPES["scratch"].config)
    assert begun(tmp_path) == (RECIPES["scratch"].config, True)


@pytest.mark.parametrize("folder", ["", "fold-0"])
@pytest.mark.parametrize("threads", [None, 3])
def test_threads_are_kept_beside_them(tmp_path: Path, folder: str, threads: int | None) -> None:
    config = RECIPES["scratch"].config
    (tmp_path / folder).mkdir(exist_ok=True)
    settings_file.write(tmp_path / folder, config, threads)
    assert settings_file.threads(tmp_path) == threads
    assert begun(tmp_path) == (config, bool(folder))
    assert settings_file.threads(tmp_path / "none") is None


@pytest.mark.parametrize("threads", [0, -1, True, "2", 1.0])
def test_no_number_of_threads_is_refused(tmp_path: Path, threads: object) -> None:
    value = RECIPES["scratch"].config.to_json() | {"threads": threads}
    (tmp_path / FILE).write_text(json.dumps(value))
    with pytest.raises(ConfigError, match=r"threads is .*, expected a whole number of 1 or more"):
        begun(tmp_path)


def test_which_pseudo_labels_there_are_is_not_among_them(tmp_path: Path) -> None:
    config = RECIPES["scratch"].config
    labelled = dataclasses.replace(config, pseudo_sha256="12ab", pseudo_fraction=0.7)
    settings_file.write(tmp_path, labelled)
    assert begun(tmp_path) == (dataclasses.replace(labelled, pseudo_sha256=""), False)


def test_where_nothing_was_begun_there_are_none(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    for out in (tmp_path, tmp_path / "none", tmp_path / "file"):
        assert begun(out) is None


@pytest.mark.parametrize(
    "content", [b"", b"\xff", b"[]", b"{}", b"null", b"[" * 100_000, b'{"seed": 1, "colour": 2}']
)
def test_what_cannot_be_read_is_refused(tmp_path: Path, content: bytes) -> None:
    (tmp_path / FILE).write_bytes(content)
    with pytest.raises(ConfigError, match=f"{FILE}, the settings .*; give another --out"):
        begun(tmp_path)


def test_a_setting_out_of_range_is_refused(tmp_path: Path) -> None:
    value = RECIPES["scratch"].config.to_json() | {"batch_size": 0}
    (tmp_path / FILE).write_text(json.dumps(value))
    with pytest.raises(ConfigError, match="batch size is 0"):
        begun(tmp_path)
