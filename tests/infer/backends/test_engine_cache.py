from __future__ import annotations

import dataclasses
import errno
import fcntl
import json
import os
import subprocess
import sys
import tempfile
import threading
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from salt_infer.backends import engine_cache
from salt_infer.backends.engine_cache import EngineCache, EngineKey
from salt_infer.errors import ProviderError

KEY = EngineKey(
    "ab" * 32, "1.31.1", "10.14.1", "NVIDIA L4", "8.9", (32, 2), (("trt_fp16_enable", "True"),)
)
TEXT = st.text(min_size=1, max_size=8)
OPTIONS = st.dictionaries(TEXT, TEXT, max_size=3).map(lambda each: tuple(each.items()))
SHAPES = st.none() | st.tuples(st.integers(1, 64), st.integers(1, 2))
KEYS = st.builds(EngineKey, TEXT, TEXT, TEXT, TEXT, TEXT, SHAPES, OPTIONS)


@given(key=KEYS, other=KEYS, part=st.sampled_from([f.name for f in dataclasses.fields(EngineKey)]))
def test_any_part_that_changes_changes_the_key(key: EngineKey, other: EngineKey, part: str) -> None:
    changed = dataclasses.replace(key, **{part: getattr(other, part)})
    same = sorted(key.options) == sorted(changed.options) and key == dataclasses.replace(
        changed, options=key.options
    )
    assert (changed.digest == key.digest) == same


@given(KEYS)
def test_the_order_of_options_does_not_matter(key: EngineKey) -> None:
    assert dataclasses.replace(key, options=key.options[::-1]).digest == key.digest


def test_parts_cannot_run_into_each_other() -> None:
    a = dataclasses.replace(KEY, onnxruntime="1.3", tensorrt="11.1")
    b = dataclasses.replace(KEY, onnxruntime="1.31", tensorrt="1.1")
    assert a.digest != b.digest


def build(cache: EngineCache, key: EngineKey, told: list[str]) -> Path:
    """What loading a session does: TensorRT leaves its files in the folder."""
    with cache.building(key, "m.onnx", told.append) as folder:
        (folder / "graph_sm89.engine").write_bytes(b"engine")
    return folder


def test_a_build_is_told_of_before_it_starts_and_not_repeated(tmp_path: Path) -> None:
    cache, told = EngineCache(tmp_path / "a" / "b"), list[str]()
    with cache.building(KEY, "m.onnx", told.append) as folder:
        assert told == [f"building a TensorRT engine for m.onnx: takes minutes, once ({folder})"]
        assert folder.name == KEY.digest
        assert folder.stat().st_mode & 0o777 == 0o700
        (folder / "graph_sm89.engine").write_bytes(b"engine")
    assert cache.holds(KEY)
    assert build(cache, KEY, told) == folder
    assert len(told) == 1
    other = dataclasses.replace(KEY, model="cd" * 32)
    assert not cache.holds(other)
    assert build(cache, other, told) != folder
    assert len(told) == 2


def test_a_build_that_fails_or_is_killed_leaves_no_engine_that_counts(tmp_path: Path) -> None:
    cache, told = EngineCache(tmp_path), list[str]()
    with (
        pytest.raises(RuntimeError, match="no"),
        cache.building(KEY, "m", told.append) as folder,
    ):
        (folder / "half.engine").write_bytes(b"half")
        raise RuntimeError("no")
    assert not cache.holds(KEY)
    (entry,) = cache.entries()
    assert entry.about is None
    assert "not finished" in entry.line()
    with cache.building(KEY, "m", told.append) as folder:
        assert not list(folder.glob("*.engine"))  # TensorRT would load the half one


def test_a_session_that_built_nothing_is_not_taken_for_an_engine(tmp_path: Path) -> None:
    cache = EngineCache(tmp_path)
    with cache.building(KEY, "m", print):
        pass
    assert not cache.holds(KEY)


def test_listing_and_pruning_touch_nothing_else(tmp_path: Path) -> None:
    cache = EngineCache(tmp_path)
    assert EngineCache(tmp_path / "none").entries() == []
    build(cache, KEY, [])
    (tmp_path / "notes.txt").write_text("mine")
    (tmp_path / "photos").mkdir()
    (entry,) = cache.entries()
    assert entry.about == json.loads(KEY.to_json())
    for part in ("model abababababab", "NVIDIA L4", "TensorRT 10.14.1", "batches of 32 in 2 views"):
        assert part in entry.line()
    gone, left = cache.prune()
    assert [each.folder for each in gone] == [entry.folder]
    assert left == []
    assert sorted(os.listdir(tmp_path)) == ["notes.txt", "photos"]


def test_an_engine_that_is_being_built_is_left(tmp_path: Path) -> None:
    cache, other = EngineCache(tmp_path), dataclasses.replace(KEY, model="cd" * 32)
    folder = build(cache, other, [])
    with cache.building(KEY, "m", print) as busy:
        (busy / "x.engine").write_text("x")
        gone, left = cache.prune()
        assert [each.folder for each in gone] == [folder]
        assert [each.folder for each in left] == [busy]
        assert (busy / "x.engine").exists()
    assert cache.holds(KEY)
    assert len(cache.prune()[0]) == 1
    assert os.listdir(tmp_path) == []


def test_a_prune_that_was_killed_is_finished_by_the_next(tmp_path: Path) -> None:
    folder = build(EngineCache(tmp_path), KEY, [])
    folder.rename(tmp_path / f"{KEY.digest}.gone")
    (tmp_path / "notes.gone").mkdir()
    assert EngineCache(tmp_path).prune() == ([], [])
    assert os.listdir(tmp_path) == ["notes.gone"]


def test_a_folder_that_is_removed_before_it_is_held_is_made_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As when another process prunes just between opening the lock and taking it."""
    cache, honest, calls = EngineCache(tmp_path), fcntl.flock, list[int]()

    def flock(file: int, operation: int) -> None:
        calls.append(operation)
        if len(calls) == 1:
            monkeypatch.setattr(fcntl, "flock", honest)
            assert len(cache.prune()[0]) == 1
            monkeypatch.setattr(fcntl, "flock", flock)
        honest(file, operation)

    monkeypatch.setattr(fcntl, "flock", flock)
    build(cache, KEY, [])
    assert len(calls) == 2
    assert cache.holds(KEY)


def test_a_folder_that_others_may_write_is_refused(tmp_path: Path) -> None:
    folder = EngineCache(tmp_path).folder(KEY)
    folder.mkdir()
    folder.chmod(0o777)
    with (
        pytest.raises(ProviderError, match="may be written by others"),
        EngineCache(tmp_path).building(KEY, "m", print),
    ):
        pass


def test_a_cache_that_others_may_empty_is_refused_unless_they_may_not(tmp_path: Path) -> None:
    root = tmp_path / "engines"
    root.mkdir()
    root.chmod(0o777)
    cache = EngineCache(root)
    with (
        pytest.raises(ProviderError, match="engines may be written by others"),
        cache.building(KEY, "m", print),
    ):
        pass
    root.chmod(0o1777)  # as folders for temporary files are
    build(cache, KEY, [])
    assert cache.holds(KEY)


def test_a_cache_that_cannot_be_made(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with (
        pytest.raises(ProviderError, match=r"cannot be used \(File exists\); give another"),
        EngineCache(tmp_path / "file").building(KEY, "m", print),
    ):
        pass


def test_two_processes_build_one_after_the_other(tmp_path: Path) -> None:
    code = (
        "import sys, json\n"
        "from salt_infer.backends.engine_cache import EngineCache, EngineKey\n"
        "from pathlib import Path\n"
        "value = json.loads(sys.argv[2])\n"
        "value['shape'] = tuple(value['shape'])\n"
        "value['options'] = tuple(map(tuple, value['options']))\n"
        "key = EngineKey(**value)\n"
        "with EngineCache(Path(sys.argv[1])).building(key, 'm', print) as folder:\n"
        "    (folder / 'x.engine').write_text('x')\n"
        "    print('holding', flush=True)\n"
        "    sys.stdin.readline()\n"
    )
    command = [sys.executable, "-c", code, str(tmp_path), KEY.to_json()]
    told: list[str] = []
    with subprocess.Popen(
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout is not None
        assert process.stdin is not None
        while "holding" not in process.stdout.readline():
            assert process.poll() is None
        mine = threading.Thread(target=build, args=(EngineCache(tmp_path), KEY, told))
        mine.start()
        while not told:
            assert mine.is_alive()
        assert told == [
            "another process is building or loading this TensorRT engine; waiting for it"
        ]
        process.stdin.write("\n")
        process.stdin.flush()
        mine.join(timeout=600)
    assert not mine.is_alive()
    assert len(told) == 1  # it was built meanwhile


def test_the_default_is_in_the_users_cache(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    assert EngineCache().root == tmp_path / "salt-toolkit" / "engines"
    monkeypatch.delenv("XDG_CACHE_HOME")
    monkeypatch.setenv("HOME", str(tmp_path))
    assert engine_cache.default_root() == tmp_path / ".cache" / "salt-toolkit" / "engines"


def test_an_empty_home_is_none(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.delenv("XDG_CACHE_HOME", raising=False)
    monkeypatch.setenv("HOME", "")
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    assert engine_cache.default_root().parent == tmp_path


def test_a_user_without_a_home_has_one_among_temporary_files(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    def homeless() -> Path:
        raise RuntimeError("Could not determine home directory.")

    monkeypatch.delenv("XDG_CACHE_HOME", raising=False)
    monkeypatch.setattr(Path, "home", homeless)
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    assert engine_cache.default_root() == tmp_path / f"salt-toolkit-engines-{os.geteuid()}"
    build(EngineCache(), KEY, [])
    assert EngineCache().holds(KEY)


@pytest.mark.parametrize("number", [errno.ENOSYS, errno.ENOLCK, errno.EOPNOTSUPP])
def test_where_there_are_no_locks_engines_are_built_one_after_the_other(
    number: int, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    def flock(file: int, operation: int) -> None:
        raise OSError(number, os.strerror(number))

    monkeypatch.setattr(fcntl, "flock", flock)
    cache = EngineCache(tmp_path)
    with cache.building(KEY, "m", print) as folder:
        (folder / "x.engine").write_text("x")
        assert [entry.folder for entry in cache.prune()[1]] == [folder]
        told: list[str] = []
        mine = threading.Thread(target=build, args=(cache, KEY, told))
        mine.start()
        while not told:
            assert mine.is_alive()
    mine.join(timeout=600)
    assert not mine.is_alive()
    assert len(told) == 1
