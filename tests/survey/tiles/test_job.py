"""Folders of tiles, from the command that writes them to those that read them."""

from __future__ import annotations

import csv
import os
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
from click.testing import CliRunner

from salt_infer.data import png
from salt_infer.errors import SaltError
from salt_infer.masks.rle import TILE_SHAPE
from salt_survey.cli.survey import cli
from salt_survey.reading.survey import Survey
from salt_survey.segy.create import Kind
from salt_survey.synthetic import Plan, draw
from salt_survey.tiles import tile_folder
from salt_survey.volume.store import Store
from salt_train.data.dataset import load

Grey = npt.NDArray[np.uint8]
SHAPE = (20, 400, 110)  # inlines, crosslines, samples
AT = 10  # the place of the line with a label
SHOWN = ("--zoom", "1.25/1", "--polarity", "reversed")


@pytest.fixture(scope="module")
def drawn(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """A survey and the label of its inline 110."""
    folder = tmp_path_factory.mktemp("drawn")
    plan = Plan(*SHAPE, kind=Kind(SHAPE[2], 4.0, 400))
    survey, label = draw(plan, folder, labelled=(AT,))
    return survey, label


def tiles(*arguments: object) -> tuple[int, str, str]:
    """Exit code, standard output and error; what the program's main would make of an error."""
    done = CliRunner().invoke(cli, ["tiles", *map(str, arguments)])
    if isinstance(done.exception, SaltError):
        return 2, done.stdout, str(done.exception)
    return done.exit_code, done.stdout, done.stderr


def unsure(label: Path, path: Path) -> Path:
    """The same label, of whose salt a strip that every tile has is unknown."""
    values = png.decode(label.read_bytes(), (SHAPE[2], SHAPE[1])).copy()
    values[40:60] = 128
    path.write_bytes(png.encode(values))
    return path


def stored(survey: Path, path: Path, salt: Grey, **settings: object) -> Path:
    said = {"zoom": "1/1", "polarity": "normal", "threshold": 0.4, "calibration": "by eye"}
    with Survey.open(survey) as opened:
        store = Store.create(path, opened, {"probability": (20, 400)})
        store.write("probability", "inline", slice(0, SHAPE[0]), slice(0, SHAPE[2]), salt)
        store.describe({"scan": opened.scan.to_dict(), "settings": said | settings})
    return path


def rows(out: Path) -> list[dict[str, str]]:
    with open(out / "tiles.csv", newline="", encoding="utf-8") as file:
        return list(csv.DictReader(file))


def test_salt_train_takes_what_is_cut(drawn: tuple[Path, Path], tmp_path: Path) -> None:
    survey, label = drawn
    out = tmp_path / "cut"
    arguments = [survey, "--labels", f"110={label}", "--out", out, "--count", 30, *SHOWN]
    code, said, errors = tiles(*arguments)
    assert (code, errors) == (0, "")
    assert said == (
        f"{out}: 30 tiles of line 110, 15 of them with salt\n"
        "shown with zoom 1.25/1, polarity reversed, stretch tile: run what learns from them alike\n"
        "tiles of a line overlap: learn from all of them, --fold none, and score on another line\n"
    )
    assert sorted(os.listdir(tmp_path)) == ["cut"]
    data = load(out)
    assert data.ids == tuple(row["id"] for row in rows(out))
    assert data.tiles.shape == (30, *TILE_SHAPE)
    shares = [f"{mask.mean():.4f}" for mask in data.masks]
    assert shares == [row["salt"] for row in rows(out)]
    assert {(row["line"], row["polarity"]) for row in rows(out)} == {("110", "reversed")}


@pytest.mark.slow
def test_the_same_call_gives_the_same_bytes_and_another_seed_others(
    drawn: tuple[Path, Path], tmp_path: Path
) -> None:
    survey, label = drawn
    tables = []
    for name, seed in (("a", 0), ("b", 0), ("c", 1)):
        code, _, errors = tiles(
            survey, "--labels", f"110={label}", "--out", tmp_path / name, *SHOWN, "--seed", seed
        )
        assert code == 0, errors
        files = sorted((tmp_path / name).rglob("*.*"))
        tables.append([(path.name, path.read_bytes()) for path in files])
    assert tables[0] == tables[1]
    assert tables[0] != tables[2]


def test_a_run_decides_what_a_label_leaves_unknown(
    drawn: tuple[Path, Path], tmp_path: Path
) -> None:
    survey, label = drawn
    vague = unsure(label, tmp_path / "vague.png")
    code, _, errors = tiles(survey, "--labels", f"110={vague}", "--out", tmp_path / "x", *SHOWN)
    assert code == 2
    assert "no tile with salt can be cut: line 110: tiles with any of the 18.2% that is" in errors
    assert "unknown are left out; give --volume of a run, which decides there, or --max-" in errors
    assert not (tmp_path / "x").exists()

    salt = np.zeros((SHAPE[0], SHAPE[1], SHAPE[2]), np.uint8)
    salt[:, 30:60] = 110  # .43, above the run's threshold
    volume = stored(survey, tmp_path / "v.zarr", salt)
    arguments = [survey, "--labels", f"110={vague}", "--volume", volume]
    code, said, errors = tiles(*arguments, "--out", tmp_path / "x")
    assert code == 0
    assert "100 tiles with salt and 0 without: it has no more places for others" in errors
    assert "shown with zoom 1/1, polarity normal, stretch tile" in said  # as the run
    whole = png.decode(vague.read_bytes(), (SHAPE[2], SHAPE[1])) == 255
    whole[40:60, 30:60] = True
    for row, mask in zip(rows(tmp_path / "x"), load(tmp_path / "x").masks, strict=True):
        down, along = int(row["row"]), int(row["column"])
        assert np.array_equal(mask, whole[down : down + 101, along : along + 101])


def test_what_a_label_leaves_unknown_may_not_count(
    drawn: tuple[Path, Path], tmp_path: Path
) -> None:
    survey, label = drawn
    vague, out = unsure(label, tmp_path / "vague.png"), tmp_path / "x"
    arguments = [survey, "--labels", f"110={vague}", "--out", out, "--count", 20, *SHOWN]
    arguments[-3:] = ["1/1", *SHOWN[2:]]
    code, _, errors = tiles(*arguments, "--max-unknown", 0.5)
    assert code == 0, errors
    drawn_label, data = png.decode(vague.read_bytes(), (SHAPE[2], SHAPE[1])), load(out)
    assert data.unknown is not None
    for row, mask, unknown in zip(rows(out), data.masks, data.unknown, strict=True):
        down, along = int(row["row"]), int(row["column"])
        part = drawn_label[down : down + 101, along : along + 101]
        assert np.array_equal(mask, part == 255)
        assert np.array_equal(unknown, part == 128)
    assert 0 < data.unknown.mean() < 0.25
    assert len(list((out / "unknown").iterdir())) == np.count_nonzero(data.unknown.any((1, 2)))
    assert tiles(*arguments, "--max-unknown", 1, "--overwrite")[0] == 0
    (out / "unknown" / "mine.png").touch()
    code, _, errors = tiles(*arguments, "--max-unknown", 1, "--overwrite")
    assert code == 2
    assert "holds 'mine.png', which salt-survey tiles has not written" in errors


def test_only_what_was_run_is_decided(drawn: tuple[Path, Path], tmp_path: Path) -> None:
    survey, label = drawn
    vague = unsure(label, tmp_path / "vague.png")
    volume = stored(survey, tmp_path / "v.zarr", np.zeros(SHAPE, np.uint8), lines="100:105")
    code, _, errors = tiles(
        survey, "--labels", f"110={vague}", "--volume", volume, "--out", tmp_path / "x"
    )
    assert code == 2
    assert "that is unknown and was not run are left out; run it, or --max-unknown, or la" in errors


def test_lines_do_not_change_each_other(drawn: tuple[Path, Path], tmp_path: Path) -> None:
    survey, label = drawn
    dry = tmp_path / "dry.png"
    dry.write_bytes(png.encode(np.zeros((SHAPE[2], SHAPE[1]), np.uint8)))
    alone, both = tmp_path / "alone", tmp_path / "both"
    one = ["--labels", f"110={label}", *SHOWN, "--count", 40]
    assert tiles(survey, *one, "--out", alone)[0] == 0
    code, said, errors = tiles(survey, "--labels", f"105={dry}", *one, "--out", both)
    assert code == 0
    assert errors == (
        "salt-survey: warning: line 105 gives 0 tiles with salt and 20 without: its label has no "
        "salt\n"
    )
    assert "60 tiles of line 105, line 110, 20 of them with salt" in said
    assert rows(both)[20:] == rows(alone)
    assert {row["salt"] for row in rows(both)[:20]} == {"0.0000"}


def test_a_label_that_lies_otherwise_than_what_was_found_is_told_of(
    drawn: tuple[Path, Path], tmp_path: Path
) -> None:
    survey, label = drawn
    values = png.decode(label.read_bytes(), (SHAPE[2], SHAPE[1]))
    salt = np.zeros(SHAPE, np.uint8)
    salt[AT] = values.T
    volume = stored(survey, tmp_path / "v.zarr", salt)
    arguments = ["--volume", volume, "--overwrite", "--out", tmp_path / "x"]
    code, _, errors = tiles(survey, "--labels", f"110={label}", *arguments)
    assert (code, "fits what was found better" in errors) == (0, False)
    turned = tmp_path / "turned.png"
    turned.write_bytes(png.encode(np.ascontiguousarray(values[::-1])))
    code, _, errors = tiles(survey, "--labels", f"110={turned}", *arguments)
    assert code == 0
    assert "warning: line 110: its label fits what was found better upside down" in errors


@pytest.mark.parametrize(
    ("ran", "told"), [({"lines": "100:105"}, False), ({"times": "200:436"}, False), ({}, True)]
)
def test_a_label_is_held_against_what_was_run_alone(
    drawn: tuple[Path, Path], tmp_path: Path, ran: dict[str, str], told: bool
) -> None:
    """Here from sample 50 on, as drawn; what the volume has elsewhere was not found by a run."""
    survey, label = drawn
    values = png.decode(label.read_bytes(), (SHAPE[2], SHAPE[1]))
    salt = np.zeros(SHAPE, np.uint8)
    salt[AT] = 255 - values.T
    if "times" in ran:
        salt[AT, :, 50:] = values[50:].T
    volume = stored(survey, tmp_path / "v.zarr", salt, **ran)
    code, _, errors = tiles(
        survey, "--labels", f"110={label}", "--volume", volume, "--out", tmp_path / "x"
    )
    assert code == 0
    assert ("its label fits what was found better" in errors) == told


@pytest.mark.slow
def test_names_tell_apart_surveys_of_one_name_and_zooms(
    drawn: tuple[Path, Path], tmp_path: Path
) -> None:
    survey, label = drawn
    other = tmp_path / "other" / survey.name
    other.parent.mkdir()
    content = bytearray(survey.read_bytes())
    content[-1] ^= 1  # another amplitude, of the last line
    other.write_bytes(content)
    shown = ["--polarity", "normal", "--count", 40]
    last, names = 100 + SHAPE[0] - 1, []
    for number, (path, line, zoom) in enumerate(
        [(survey, 110, "1.25/1"), (survey, 110, "1.5/1"), (survey, 110, "1.25/1"),
         (other, 110, "1.25/1"), (survey, last, "1.25/1"), (other, last, "1.25/1")]
    ):  # fmt: skip
        out = tmp_path / str(number)
        asked = ["--labels", f"{line}={label}", *shown, "--zoom", zoom, "--out", out]
        asked += ["--stretch", "section"] if number == 2 else []
        assert tiles(path, *asked)[0] == 0
        names.append({row["id"] for row in rows(out)})
    plain, zoomed, stretched, same, end, changed = names
    assert plain == same  # the very pixels
    assert not plain & zoomed
    assert not plain & stretched
    assert not end & changed


def test_a_line_with_few_tiles_is_told_of(drawn: tuple[Path, Path], tmp_path: Path) -> None:
    survey, label = drawn
    values = png.decode(label.read_bytes(), (SHAPE[2], SHAPE[1])).copy()
    values[:, :150] = values[:, 253:] = 128
    few = tmp_path / "few.png"
    few.write_bytes(png.encode(values))
    arguments = [survey, "--labels", f"110={few}", *SHOWN, "--count", 18]
    code, _, errors = tiles(*arguments, "--out", tmp_path / "x")
    assert code == 0, errors
    assert "warning: line 110 gives 9 tiles with salt and 0 without: tiles with any of" in errors
    assert "the 74.2% that is unknown are left out; give --volume of a run" in errors


def test_uncalibrated_lines_are_told_of(drawn: tuple[Path, Path], tmp_path: Path) -> None:
    survey, label = drawn
    code, said, errors = tiles(survey, "--labels", f"110={label}", "--out", tmp_path / "x")
    assert code == 0
    assert "polarity both" in said
    assert "warning: not calibrated: the zoom is the default" in errors
    ways = [row["polarity"] for row in rows(tmp_path / "x")]
    assert {"normal", "reversed"} == set(ways)


@pytest.mark.parametrize(
    ("there", "more", "says"),
    [
        ("precious.txt", ["--overwrite"], "holds 'precious.txt', which salt-survey tiles has not"),
        ("tiles.csv", ["--overwrite"], "holds 'tiles.csv', which salt-survey tiles has not"),
        ("", [], ""),
    ],
)
def test_a_folder_is_replaced_if_it_is_one_of_these(
    drawn: tuple[Path, Path], tmp_path: Path, there: str, more: list[str], says: str
) -> None:
    survey, label = drawn
    out = tmp_path / "out"
    out.mkdir()
    if there:
        (out / there).write_text("old")
    code, _, errors = tiles(survey, "--labels", f"110={label}", "--out", out, *SHOWN, *more)
    assert code == (2 if says else 0)
    assert says in errors
    assert sorted(os.listdir(out)) == ([there] if says else ["images", "masks", "tiles.csv"])


def test_what_this_wrote_is_replaced_and_nothing_else(
    drawn: tuple[Path, Path], tmp_path: Path
) -> None:
    """A training set of somebody else's has folders of the same names."""
    survey, label = drawn
    arguments = [survey, "--labels", f"110={label}", "--out", tmp_path / "x", *SHOWN]
    assert tiles(*arguments)[0] == 0
    before = rows(tmp_path / "x")
    code, _, errors = tiles(*arguments)
    assert code == 2
    assert "is not empty; give --overwrite to replace all of it" in errors
    assert tiles(*arguments, "--seed", 1, "--overwrite")[0] == 0
    assert rows(tmp_path / "x") != before
    for name in ("notes.txt", "tile-of-another-survey.png"):
        (tmp_path / "x/images" / name).touch()
        assert f"holds '{name}', which" in tiles(*arguments, "--overwrite")[2]
        (tmp_path / "x/images" / name).unlink()
    (tmp_path / "x/tiles.csv").unlink()
    code, _, errors = tiles(*arguments, "--overwrite")
    assert code == 2
    assert "holds 'images', which salt-survey tiles has not written" in errors
    assert len(os.listdir(tmp_path / "x/images")) == len(before)


def test_what_is_read_is_not_written_over_or_into(drawn: tuple[Path, Path], tmp_path: Path) -> None:
    survey, label = drawn
    volume = stored(survey, tmp_path / "v.zarr", np.zeros(SHAPE, np.uint8))
    arguments = [survey, "--labels", f"110={label}", "--volume", volume]
    for out in (survey.parent, volume / "x"):
        code, _, errors = tiles(*arguments, "--out", out)
        assert code == 2
        assert "which is read, lie in each other; name another" in errors


def test_what_comes_while_tiles_are_cut_is_kept(
    drawn: tuple[Path, Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    survey, label = drawn
    out, write = tmp_path / "x", tile_folder.write

    def late(*arguments: Any) -> None:
        write(*arguments)
        out.mkdir()
        (out / "precious.txt").touch()

    monkeypatch.setattr(tile_folder, "write", late)
    assert tiles(survey, "--labels", f"110={label}", "--out", out, *SHOWN)[0] == 2
    assert os.listdir(out) == ["precious.txt"]
    assert os.listdir(tmp_path) == ["x"]


@pytest.mark.parametrize(
    ("name", "stem"),
    [(".hid.sgy", "hid"), ("a b\n\udcff.sgy", "a_b"), ("l" * 240 + ".sgy", "l" * 80)],
)
def test_names_of_tiles_are_plain(
    drawn: tuple[Path, Path], tmp_path: Path, name: str, stem: str
) -> None:
    survey, label = drawn
    (tmp_path / name).symlink_to(survey)
    out = tmp_path / "x"
    arguments = ["--labels", f"110={label}", "--out", out, "--count", 2, *SHOWN]
    assert tiles(tmp_path / name, *arguments)[0] == 0
    assert {each.partition("-110-")[0] for each in load(out).ids} == {stem}


def test_a_volume_says_how_lines_are_shown(drawn: tuple[Path, Path], tmp_path: Path) -> None:
    survey, label = drawn
    volume = stored(survey, tmp_path / "v.zarr", np.zeros(SHAPE, np.uint8))
    arguments = [survey, "--labels", f"110={label}", "--volume", volume, "--out", tmp_path / "x"]
    code, _, errors = tiles(*arguments, *SHOWN)
    assert code == 2
    assert "--volume says how its survey was read and shown" in errors


def test_a_file_whose_traces_fall_is_told_of(drawn: tuple[Path, Path], tmp_path: Path) -> None:
    """Its label may be drawn as they lie."""
    survey, label = drawn
    data = survey.read_bytes()
    size = 240 + 4 * SHAPE[2]
    traces = [data[at : at + size] for at in range(3600, len(data), size)]
    (tmp_path / "falls.sgy").write_bytes(data[:3600] + b"".join(traces[::-1]))
    arguments = ["--labels", f"110={label}", *SHOWN]
    code, _, errors = tiles(tmp_path / "falls.sgy", *arguments, "--out", tmp_path / "x")
    assert code == 0
    assert "line 110: the file has its traces from the last number to the first" in errors
    assert tiles(survey, *arguments, "--out", tmp_path / "y")[0] == 0
    masks = [load(tmp_path / name).masks for name in ("x", "y")]
    assert np.array_equal(*masks)
