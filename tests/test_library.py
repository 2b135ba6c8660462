"""The programs of docs/library.md: each is run, and does what the page says."""

from __future__ import annotations

import json
import re
import shlex
import shutil
import subprocess
import sys
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import pytest
import segyio
import zarr
from matplotlib.path import Path as MplPath
from PIL import Image

import salt_survey
import salt_train
from salt_infer import SaltModel, read_tiles, stretched
from salt_infer.models import default_model
from salt_train.checkpoints import checkpoint as checkpoints
from salt_train.data import dataset
from tests import pages
from tests.conftest import ROOT
from tests.survey import small

PAGE = ROOT / "docs" / "library.md"
LOOP, FILE, FORMS, POLYGONS, CUT, JOINED, PICTURE, FOUND, SURVEY = pages.blocks(PAGE, "python")


@pytest.fixture(autouse=True)
def examples(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The folder of example tiles, where the programs look for it."""
    monkeypatch.chdir(tmp_path)
    return Path(shutil.copytree(ROOT / "examples", tmp_path / "examples"))


def run(program: str) -> None:
    exec(program, {})


def rows_of_the_program(model: Path) -> str:
    shutil.copy(model, "model.onnx")
    run(FILE)
    return Path("own.csv").read_text()


def rows_of_salt_infer(model: Path) -> str:
    command("salt-infer", "--images", "examples/tiles", "--out", "a.csv", "--model", str(model))
    return Path("a.csv").read_text()


def command(name: str, *arguments: str) -> str:
    program = Path(sys.executable).with_name(name)
    done = subprocess.run([program, *arguments], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.mark.slow
def test_masks_are_the_same_in_other_forms() -> None:
    """COCO's counts are unpacked here as its definition has them, and overlays looked at."""
    run(FORMS)
    found = json.loads(Path("coco.json").read_text())
    ids, tiles = read_tiles("examples/tiles")
    masks = dict(zip(ids, SaltModel.load().predict(tiles).masks, strict=True))
    names = {each["id"]: each["file_name"].removesuffix(".png") for each in found["images"]}
    assert list(names.values()) == ids
    assert {each["iscrowd"] for each in found["annotations"]} == {0}
    drawn = {names[each["image_id"]]: each for each in found["annotations"]}
    assert drawn.keys() == {name for name, mask in masks.items() if mask.any()}
    for name, each in drawn.items():
        counts, mask = each["segmentation"]["counts"], masks[name]
        pixels = np.repeat(np.arange(len(counts)) % 2 == 1, counts)
        np.testing.assert_array_equal(pixels.reshape(101, 101, order="F"), mask)
        left, top, width, height = each["bbox"]
        inside = mask[top : top + height, left : left + width]
        assert inside.sum() == mask.sum() == each["area"]
        assert all(edge.any() for edge in (inside[0], inside[-1], inside[:, 0], inside[:, -1]))
    for name, tile in zip(ids, tiles, strict=True):
        with Image.open(f"{name}-overlay.png") as image:
            colours = np.asarray(image)
        np.testing.assert_array_equal((colours == tile[:, :, None]).all(axis=2), ~masks[name])


@pytest.mark.slow
def test_polygons_go_around_the_masks() -> None:
    """Every pixel's centre is within an odd number of them where there is salt."""
    run(POLYGONS)
    ids, tiles = read_tiles("examples/tiles")
    found = json.loads(Path("polygons.json").read_text())
    assert list(found) == ids
    centres = np.stack(np.meshgrid(np.arange(101), np.arange(101)), axis=2).reshape(-1, 2)
    for name, mask in zip(ids, SaltModel.load().predict(tiles).masks, strict=True):
        inside = [MplPath(line).contains_points(centres) for line in found[name]]
        within = np.bitwise_xor.reduce(inside, axis=0) if inside else np.zeros(101 * 101, bool)
        np.testing.assert_array_equal(within.reshape(101, 101), mask)


@pytest.mark.slow
def test_pictures_of_any_size_become_tiles_and_masks_pictures() -> None:
    """Of another size in colours, and a section of several tiles in 16 bits."""
    tiles = stretched(read_tiles("examples/tiles").pixels)
    masks = SaltModel.load().predict(tiles).masks
    salty = [at for at, mask in enumerate(masks) if 0.2 < mask.mean() < 0.8][:4]
    section = np.block([[tiles[salty[0]], tiles[salty[1]]], [tiles[salty[2]], tiles[salty[3]]]])
    Path("pictures").mkdir()
    other = Image.fromarray(tiles[salty[0]]).resize((130, 120), Image.Resampling.LANCZOS)
    other.convert("RGB").save("pictures/a.jpg", quality=100, subsampling=0)
    Image.fromarray(section.astype(np.uint16) * 257).save("pictures/b.tif")
    Image.fromarray((section - 100.0).astype(np.float32) * 0.01).save("pictures/a.tiff")
    Path("pictures/notes.txt").write_text("no picture")
    box = [[50, 0], [202, 0], [202, 100], [50, 100]]
    Path("outlines.json").write_text(json.dumps({"b.tif": [box]}))
    program: dict[str, Any] = {}
    exec(CUT, program)
    ids, cut = read_tiles("own/images")
    parts = range(4)
    assert ids == ["a.jpg-0", *(f"{name}-{at}" for name in ("a.tiff", "b.tif") for at in parts)]
    for first in (1, 5):
        np.testing.assert_array_equal(cut[first : first + 4], tiles[salty])
    assert np.abs(cut[0].astype(int) - tiles[salty[0]]).mean() < 8
    drawn = [Image.open(f"own/masks/{name}.png") for name in ids]
    assert [np.count_nonzero(mask) for mask in drawn] == [0] * 5 + [51 * 101, 101 * 101, 0, 0]
    folds = dict(line.split(",") for line in Path("folds.csv").read_text().splitlines())
    pictures = ["a.jpg", "a.tiff", "b.tif"]
    assert folds == {"id": "fold"} | {name: str(pictures.index(name[:-2])) for name in ids}
    assert len(dataset.load(Path("own"))) == 9
    exec(JOINED, program)
    with Image.open("a-salt.png") as image:
        found = np.asarray(image)
    assert found.shape == (120, 130)
    small = np.asarray(Image.fromarray(found).resize((101, 101), Image.Resampling.NEAREST))
    assert (small != masks[salty[0]]).mean() < 0.03
    for name in ("b.tif", "a.tiff"):
        exec(JOINED.replace("a.jpg", name).replace("a-salt", "b-salt"), program)
        with Image.open("b-salt.png") as image:
            whole = np.asarray(image)
        first, second, third, fourth = masks[salty]
        np.testing.assert_array_equal(whole, np.block([[first, second], [third, fourth]]))


def test_polygons_and_back_are_the_same_masks() -> None:
    run(POLYGONS)
    polygons = json.loads(Path("polygons.json").read_text())
    Path("pictures").mkdir()
    hole = [[[10, 10], [90, 10], [90, 90], [10, 90]], [[40, 40], [60, 40], [60, 60], [40, 60]]]
    Path("outlines.json").write_text(
        json.dumps({f"{name}.png": each for name, each in polygons.items()} | {"hole.png": hole})
    )
    for path in Path("examples/tiles").iterdir():
        shutil.copy(path, "pictures")
    shutil.copy(path, "pictures/hole.png")
    run(CUT)
    ids, tiles = read_tiles("examples/tiles")
    for name, mask in zip(ids, SaltModel.load().predict(tiles).masks, strict=True):
        with Image.open(f"own/masks/{name}.png-0.png") as image:
            np.testing.assert_array_equal(np.asarray(image) > 0, mask)
    with Image.open("own/masks/hole.png-0.png") as image:
        drawn = np.asarray(image)
    assert (drawn[50, 50], drawn[20, 20]) == (0, 255)


@pytest.mark.slow
def test_a_picture_of_a_section_and_back() -> None:
    with salt_survey.Survey.open(small.survey(Path())) as survey:
        line = survey.read(slice(2, 3), slice(None)).amplitude[0]
    Image.fromarray(stretched(line.T)).save("section.png")
    run(PICTURE)
    _, commands = PAGE.read_text().split(PICTURE)
    look, found = re.findall(r"^salt-survey .*", commands, flags=re.M)[:2]
    for each in (look, found):
        command(*shlex.split(each))
    run(FOUND)
    with Image.open("salt.png") as image:
        drawn = np.asarray(image) > 0
    assert drawn.shape == line.T.shape
    volume = zarr.open_group("section.zarr", mode="r")["probability"]
    np.testing.assert_array_equal(drawn, volume[0].T > 127)


@pytest.mark.slow
def test_a_loop_of_ones_own_leaves_a_checkpoint(capsys: pytest.CaptureFixture[str]) -> None:
    run(LOOP)
    checkpoint = checkpoints.load(Path("own.pth"))
    assert f"score {checkpoint.scores['score']:.4f}" in capsys.readouterr().out
    assert checkpoint.config.fold == checkpoint.scores["fold"] == 0
    assert checkpoint.learnt.complete
    assert 0 < len(checkpoint.learnt.fingerprints) <= 18
    checkpoints.build_model(checkpoint)


@pytest.mark.slow
def test_salt_export_takes_it() -> None:
    run(LOOP)
    assert "warning" not in command("salt-export", "own.pth", "made.onnx")
    assert rows_of_the_program(Path("made.onnx")) == rows_of_salt_infer(Path("made.onnx"))


def as_other_kinds(folder: Path) -> None:
    """Tiles in every mode that a tile may have; of some, names that a CSV has to quote."""
    grey = Image.open(folder / "synthetic-00001.png")
    wide = np.asarray(grey, np.uint16) * 255 + np.arange(101, dtype=np.uint16)
    colours = np.stack([np.roll(np.asarray(grey), by, 0) for by in (0, 1, 2, 3)], axis=2)
    kinds: dict[str, Any] = {
        "16 bits": Image.fromarray(wide), "1 bit": grey.convert("1"),
        "RGB": Image.fromarray(colours[..., :3]), "RGBA": Image.fromarray(colours),
        "palette, of 16": Image.fromarray(colours[..., :3]).quantize(16),
    }  # fmt: skip
    for name, image in kinds.items():
        image.save(folder / f"{name}.png")


@pytest.mark.parametrize("target", ["cpu", pytest.param("cuda", marks=pytest.mark.slow)])
@pytest.mark.slow
def test_the_other_program_gives_the_rows_of_salt_infer(examples: Path, target: str) -> None:
    as_other_kinds(examples / "tiles")
    model = default_model(target)
    own = rows_of_the_program(model)
    assert own == rows_of_salt_infer(model)
    assert own.count(" ") > 100  # there is salt in them


def test_the_other_program_needs_nothing_else() -> None:
    words = {line.split()[1] for line in FILE.splitlines() if line.startswith(("import", "from"))}
    assert words == {"csv", "json", "pathlib", "numpy", "onnxruntime", "PIL"}


@pytest.mark.parametrize("package", [salt_train, salt_survey])
def test_the_names_that_are_told_of_are_there(package: ModuleType) -> None:
    for name in package.__all__:
        assert getattr(package, name)
        assert f"`{name}`" in PAGE.read_text()
    assert dir(package) == sorted(package.__all__)
    with pytest.raises(AttributeError, match="no attribute 'nonsense'"):
        _ = package.nonsense


def test_a_survey_is_run_from_a_program(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    small.survey(tmp_path)
    run(SURVEY)
    said = capsys.readouterr().out
    assert "40 sections, 40 tiles -> salt.zarr" in said
    assert float(said.splitlines()[-1].removeprefix("inline 120: ").split("%")[0]) > 0
    with segyio.open("salt.sgy") as written:
        assert written.tracecount == small.INLINES * small.CROSSLINES


def test_the_package_alone_imports_no_torch() -> None:
    code = "import sys, salt_train; sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
