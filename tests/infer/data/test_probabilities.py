from __future__ import annotations

import struct
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from salt_infer.data.probabilities import Probabilities
from salt_infer.errors import InputError, LabelError

IDS = ("a", "b", "c")
VALUES = np.random.default_rng(0).uniform(size=(3, 101, 101))
SALT = np.array([0.25, np.nan, 1.0], np.float32)
HOLED = np.where(VALUES[1, 5, 5] == VALUES, np.nan, VALUES).astype(np.float32)


def saved(folder: Path, **changed: Any) -> Path:
    """A good file but for what is changed; an array that is None is left out."""
    good = {"ids": np.array(IDS), "probability": VALUES.astype(np.float32), "salt": SALT}
    arrays = good | changed
    path = folder / "p.npz"
    np.savez_compressed(path, **{name: it for name, it in arrays.items() if it is not None})
    return path


def member(header: bytes, data: bytes = b"") -> bytes:
    """An array's file with any header."""
    padded = header + b" " * (-(len(header) + 11) % 64) + b"\n"
    return b"\x93NUMPY\x01\x00" + struct.pack("<H", len(padded)) + padded + data


def forged(folder: Path, **members: bytes) -> Path:
    """A good file in which some members are what they are not."""
    good = zipfile.ZipFile(saved(folder))
    path = folder / "forged.npz"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for name in ("ids", "probability", "salt"):
            archive.writestr(f"{name}.npy", members.get(name) or good.read(f"{name}.npy"))
    return path


@pytest.mark.parametrize("method", [zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA])
def test_what_unpacks_without_a_limit_is_not_unpacked(tmp_path: Path, method: int) -> None:
    good, path = zipfile.ZipFile(saved(tmp_path)), tmp_path / "x.npz"
    with zipfile.ZipFile(path, "w", method) as archive:
        for name in good.namelist():
            archive.writestr(name, good.read(name))
    with pytest.raises(LabelError, match=r"ids is not stored or deflated, as numpy\.savez has it"):
        Probabilities.load(path, IDS)


@pytest.mark.parametrize("kind", ["u1", "f2", "f4", ">f4", ">f2"])
def test_each_kind_of_number(tmp_path: Path, kind: str) -> None:
    scaled = np.rint(VALUES * 255) if kind == "u1" else VALUES
    path = saved(tmp_path, probability=scaled.astype(kind), more=np.zeros(5))
    found = Probabilities.load(path, ["c", "a"])
    assert len(found) == 2
    np.testing.assert_array_equal(found.salt, [1.0, 0.25])
    (_, block), *others = found.blocks()
    assert not others
    assert block.dtype == np.float32
    tolerance = {"u1": 0.5 / 255, "f2": 5e-4, ">f2": 5e-4}.get(kind, 1e-7)
    np.testing.assert_allclose(block, VALUES[[2, 0]], atol=tolerance)


def test_what_training_writes(tmp_path: Path) -> None:
    from salt_train.scoring.evaluate import Prediction

    Prediction(VALUES.astype(np.float32), SALT[[0, 0, 0]]).save(tmp_path / "p.npz", IDS)
    found = Probabilities.load(tmp_path / "p.npz", IDS)
    np.testing.assert_allclose(found.probability, VALUES, atol=5e-4)


def test_the_decision_may_be_there(tmp_path: Path) -> None:
    found = Probabilities.load(saved(tmp_path), IDS)
    assert (found.threshold, found.gate) == (None, None)
    more = {"threshold": np.array(0.25, "f4"), "gate": np.float64(1)}
    found = Probabilities.load(saved(tmp_path, **more), IDS)
    assert (found.threshold, found.gate) == (0.25, 1.0)


def test_columns_first_is_the_same(tmp_path: Path) -> None:
    path = saved(tmp_path, probability=np.asfortranarray(VALUES.astype(np.float32)))
    found = Probabilities.load(path, IDS)
    np.testing.assert_array_equal(found.probability, VALUES.astype(np.float32))


@pytest.mark.parametrize(
    ("changed", "says"),
    [
        ({"salt": None}, "there is no array 'salt'"),
        ({"ids": np.array(["a", "b"])}, "2 ids, 3 tiles of probability and 3 of salt"),
        ({"ids": np.array(["a", "b", "a"])}, "has an id twice"),
        ({"ids": np.array(["a", "b", "x"])}, "does not have 1 of the 3 tiles: c"),
        ({"ids": np.array([1, 2, 3])}, r"ids is int64 \[3\], expected text"),
        ({"ids": np.array(["a" * 256, "b", "c"])}, "text of up to 255 characters"),
        ({"ids": np.array([["a", "b", "c"]])}, r"\[1, 3\], expected"),
        ({"ids": np.array(IDS, dtype=object)}, "object"),
        ({"probability": VALUES}, "float64 .* expected uint8, float16 or float32"),
        ({"probability": VALUES[:, :9].astype("f4")}, r"\[3, 9, 101\], .*\[N, 101, 101\]"),
        ({"probability": VALUES.astype("f4") * 2}, r"3 of 3 tiles .*\n +a: not within 0..1"),
        ({"probability": HOLED}, "b: not within"),
        ({"salt": np.array([0, 0, 1.1])}, "c: not within"),
        ({"salt": np.array([0, np.inf, 1])}, "b: not within"),
        ({"salt": np.float32(0.5)}, r"salt is float32 \[\], expected"),
        ({"gate": np.float32(1.1)}, r"gate is 1\.1\d*, expected 0 to 1"),
        ({"gate": np.float32(np.nan)}, "gate is nan, expected 0 to 1"),
        ({"threshold": np.array([0.5])}, r"threshold is float64 \[1\], expected a single float32"),
        ({"threshold": np.array("0.5")}, "expected a single float32"),
    ],
)  # fmt: skip
def test_other_arrays_are_refused(tmp_path: Path, changed: dict[str, Any], says: str) -> None:
    with pytest.raises(LabelError, match=f"(?s)p.npz.*{says}"):
        Probabilities.load(saved(tmp_path, **changed), IDS)


def claim(kind: str, shape: tuple[int, ...], data: bytes = b"") -> bytes:
    """An array's file that says so of itself."""
    text = f"{{'descr': '{kind}', 'fortran_order': False, 'shape': {shape}, }}"
    return member(text.encode(), data)


@pytest.mark.parametrize(
    ("members", "says"),
    [
        ({"probability": claim("|u1", (10**12, 101, 101))}, "no more than 50000 are read at once"),
        ({"probability": claim("<f4", (20_000, 101, 101))}, "does not have the 816"),
        ({"salt": claim("<f4", (-3,))}, "N from 1"),
        ({"salt": claim("<f4", (3,), bytes(13))}, "does not have the 12 bytes"),
        ({"salt": claim("|O", (3,), bytes(99))}, "object"),
        ({"ids": claim("<U1", (3,), b"\xff" * 12)}, "not made of characters"),
        ({"ids": claim(">U1", (3,), bytes(12))}, "expected text"),
        ({"salt": member(b"__import__('os').abort()")}, "cannot be read"),
        ({"salt": member(b"{[]: 1}")}, "header is damaged"),
        ({"salt": member(b"{1: 2, 'a': 3}")}, "header is damaged"),
        ({"salt": member(b"(" * 3000)}, "cannot be read"),
        ({"salt": b"nothing of the kind"}, "magic string"),
        ({"salt": b"\x93NUMPY\x09\x00" + bytes(99)}, r"version \(9, 0\)"),
    ],
)  # fmt: skip
def test_headers_are_not_believed(tmp_path: Path, members: dict[str, bytes], says: str) -> None:
    with pytest.raises(LabelError, match=says):
        Probabilities.load(forged(tmp_path, **members), IDS)


def test_damage(tmp_path: Path) -> None:
    data = saved(tmp_path).read_bytes()
    path = tmp_path / "x.npz"
    for broken in (b"", b"no zip", data[:-40], data[:5000] + b"\x55" * 500 + data[5500:]):
        path.write_bytes(broken)
        with pytest.raises(LabelError, match="cannot be read"):
            Probabilities.load(path, IDS)
    with pytest.raises(InputError, match=r"there is no file .*none\.npz"):
        Probabilities.load(tmp_path / "none.npz", IDS)
    with pytest.raises(LabelError, match=r"is a folder, expected one \.npz"):
        Probabilities.load(tmp_path, IDS)


def test_pickles_stay_closed(tmp_path: Path) -> None:
    class Bomb:
        def __reduce__(self) -> tuple[Any, ...]:
            return Path.touch, (tmp_path / "gone off",)

    path = tmp_path / "p.npz"
    np.savez(path, ids=np.array(IDS), probability=VALUES.astype("f4"), salt=np.array([Bomb()] * 3))
    with pytest.raises(LabelError):
        Probabilities.load(path, IDS)
    assert not (tmp_path / "gone off").exists()


def test_blocks_are_all_of_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("salt_infer.data.probabilities.BLOCK", 2)
    given = Probabilities(VALUES.astype(np.float16), SALT.astype(np.float64))
    parts = [block for _, block in given.blocks()]
    assert [len(part) for part in parts] == [2, 1]
    np.testing.assert_array_equal(np.concatenate(parts), VALUES.astype(np.float16))
