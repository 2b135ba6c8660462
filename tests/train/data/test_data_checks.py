from __future__ import annotations

import json
import shutil
import unicodedata
import zipfile
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from salt_infer.data import oddities, png
from salt_infer.errors import InputError
from salt_infer.masks import coverage, rle
from salt_train import synthetic
from salt_train.data import dataset
from salt_train.data.data_checks import check
from salt_train.data.findings import FAULTS, NOTES, SHOWN, Finding, Report
from tests import drawing, pngs

DATA = drawing.draw(12, seed=5)
IDS = DATA.ids
SALT = [i for i in IDS if DATA.masks[IDS.index(i)].any()]
EMPTY = [i for i in IDS if i not in SALT]
BLANK = png.encode(np.zeros((101, 101), dtype=np.uint8))


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """images/, masks/ and a train.csv that all agree."""
    root = tmp_path / "data"
    synthetic.write(DATA, root)
    (root / "tiles").rename(root / "images")
    write_rows(root, dict(zip(IDS, rle.encode(DATA.masks), strict=True)))
    return root


def write_rows(root: Path, rows: dict[str, str]) -> None:
    lines = "".join(f"{name},{text}\n" for name, text in rows.items())
    (root / "train.csv").write_text("id,rle_mask\n" + lines)


def change_row(root: Path, name: str, text: str) -> None:
    rows = dict(zip(IDS, rle.encode(DATA.masks), strict=True))
    write_rows(root, rows | {name: text})


def packed(folder: Path, *names: str) -> Path:
    """The same as a zip, in a folder of its own with the train.csv beside it."""
    archive = folder.parent / "packed" / "train.zip"
    archive.parent.mkdir()
    with zipfile.ZipFile(archive, "w") as file:
        for name in names or ("images", "masks"):
            for path in sorted((folder / name).iterdir()):
                file.write(path, path.relative_to(folder))
    shutil.copy(folder / "train.csv", archive.parent)
    return archive


def write_mask(root: Path, name: str, mask: np.ndarray) -> None:
    """Change a mask and its row alike."""
    pixels = mask.astype(np.uint8)
    (root / "masks" / f"{name}.png").write_bytes(png.encode(pixels * 255))
    change_row(root, name, rle.encode(pixels[None])[0])


def by_kind(report: Report) -> dict[str, Finding]:
    return {finding.kind: finding for finding in report.findings}


def everything_but_places(report: Report) -> object:
    return report.tiles, report.masks, report.facts, list(report.sources.values()), report.findings


def test_a_sound_set(folder: Path) -> None:
    report = check(folder)
    assert report.ok
    assert (report.tiles, report.masks) == (12, 12)
    assert list(report.sources) == [f"{folder}/images", f"{folder}/masks", f"{folder}/train.csv"]
    assert report.facts["tile_modes"] == report.facts["mask_modes"] == {"8-bit grey": 12}
    assert report.facts["tile_sizes"] == report.facts["mask_sizes"] == {"101x101": 12}
    values = {"0": len(EMPTY), "0 and 255": len(SALT)}
    assert report.facts["mask_values"] == values
    assert f"masks are made of 0 ({len(EMPTY)}), 0 and 255 ({len(SALT)})" in report.to_text()
    assert list(report.facts["coverage"]) == [str(number) for number in range(11)]
    assert report.facts["coverage"]["0"] == len(EMPTY) > 0
    assert sum(report.facts["coverage"].values()) == 12
    assert set(by_kind(report)) <= set(NOTES)
    assert "\nsound, but 1 label is doubted (kinds of faults: 0, of notes: " in report.to_text()
    assert "WRONG" not in report.to_text()


@pytest.mark.slow
def test_every_layout_that_training_takes_gives_the_same_report(folder: Path) -> None:
    expected = everything_but_places(check(folder))
    archive = packed(folder)
    assert everything_but_places(check(archive)) == expected
    assert everything_but_places(check(archive.parent)) == expected
    download = folder.parent / "download"
    download.mkdir()
    (folder / "train.csv").rename(download / "train.csv")
    folder.rename(download / "train")
    assert everything_but_places(check(download)) == expected


def test_a_zip_with_faults_is_told_of_like_the_folder(folder: Path) -> None:
    (folder / "images" / f"{IDS[0]}.png").write_bytes(b"")
    (folder / "masks" / f"{IDS[1]}.png").write_bytes(pngs.good_tile())
    (folder / "masks" / f"{IDS[2]}.png").unlink()
    change_row(folder, IDS[3], "1")
    report = check(folder)
    assert set(by_kind(report)) >= {"bad-tile", "bad-mask", "no-label", "bad-row"}
    assert everything_but_places(check(packed(folder))) == everything_but_places(report)


def test_rows_alone(folder: Path) -> None:
    shutil.rmtree(folder / "masks")
    change_row(folder, IDS[0], "0 1")
    for path in (folder, packed(folder, "images")):
        report = check(path)
        assert (report.masks, report.facts["mask_modes"]) == (12, {})
        assert sum(report.facts["coverage"].values()) == 11
        bad = by_kind(report)["bad-row"]
        assert (bad.ids, report.ok) == ((IDS[0],), False)
        assert "out of range" in bad.details[0]


Change = Callable[[Path], object]


def image(name: str, data: bytes) -> Change:
    return lambda root: (root / "images" / f"{name}.png").write_bytes(data)


def mask(name: str, data: bytes) -> Change:
    return lambda root: (root / "masks" / f"{name}.png").write_bytes(data)


FULL = png.encode(np.full((101, 101), 255, np.uint8))


def values(root: Path, salt: dict[str, int]) -> None:
    """Write masks with these values instead of 255."""
    for name, value in salt.items():
        path = root / "masks" / f"{name}.png"
        path.write_bytes(png.encode(png.decode_mask(path.read_bytes()) * np.uint8(value)))


def unknown(root: Path, name: str, data: bytes) -> None:
    (root / "unknown").mkdir()
    (root / "unknown" / f"{name}.png").write_bytes(data)


def copy_tile(root: Path) -> None:
    shutil.copy(root / "images" / f"{SALT[0]}.png", root / "images" / f"{EMPTY[0]}.png")


FAULTY: dict[str, tuple[str, Change, tuple[str, ...], str]] = {
    name: ("bad-tile", image(IDS[1], data), (IDS[1],), reason)
    for name, (data, reason) in pngs.bad_tiles().items()
} | {
    "mask truncated": ("bad-mask", mask(IDS[2], BLANK[:40]), (IDS[2],), "truncated"),
    "mask grey": ("bad-mask", mask(IDS[2], pngs.good_tile()), (IDS[2],), "grey levels"),
    "mask of two greys": (
        "bad-mask",
        mask(IDS[2], pngs.grey([[10] * 101, *[[20] * 101] * 100])),
        (IDS[2],),
        "has the values 10 and 20, expected 0 and another",
    ),
    "mask small": (
        "bad-mask", mask(IDS[2], pngs.grey([[0] * 9] * 9, 9, 9)), (IDS[2],), "9x9 pixels",
    ),
    "mask of another class": (
        "other-value", lambda root: values(root, {SALT[0]: 128}), (SALT[0],),
        "128, where others have 255",
    ),
    "masks of several classes": (
        "other-value", lambda root: values(root, dict.fromkeys(SALT, 2) | {SALT[1]: 3}),
        (SALT[1],), "3, where others have 2",
    ),
    "most masks of another value": (
        "other-value", lambda root: values(root, dict.fromkeys(SALT[1:], 128)), tuple(SALT[1:]),
        "128, where others have 255",
    ),
    "mask missing": (
        "no-label", lambda root: (root / "masks" / f"{IDS[4]}.png").unlink(), (IDS[4],),
        "not in masks",
    ),
    "row missing": (
        "no-label", lambda root: write_rows(root, dict.fromkeys(EMPTY, "")), tuple(SALT),
        "not in train.csv",
    ),
    "tile missing": (
        "no-tile", lambda root: (root / "images" / f"{IDS[4]}.png").unlink(), (IDS[4],),
        "in masks and train.csv only",
    ),
    "row of no tile": (
        "no-tile", lambda root: change_row(root, "other", ""), ("other",), "in train.csv only",
    ),
    "row broken": (
        "bad-row", lambda root: change_row(root, IDS[5], "1 2 3"), (IDS[5],), "even count",
    ),
    "row of a library": (
        "bad-row", lambda root: change_row(root, EMPTY[0], "None"), (EMPTY[0],),
        "'None' is no mask; an empty mask is an empty cell",
    ),
    "row differs": (
        "row-differs", lambda root: change_row(root, EMPTY[0], "7 3"), (EMPTY[0],),
        "3 pixels differ",
    ),
    "twins differ": (
        "conflict", copy_tile, tuple(sorted([SALT[0], EMPTY[0]])),
        f"same as {max(SALT[0], EMPTY[0])}",
    ),
    "unknown broken": (
        "bad-unknown", lambda root: unknown(root, SALT[0], pngs.good_tile()), (SALT[0],),
        "grey levels",
    ),
    "all unknown": (
        "bad-unknown", lambda root: unknown(root, EMPTY[0], FULL), (EMPTY[0],), "leave it out",
    ),
    "unknown of no tile": (
        "unknown-no-tile", lambda root: unknown(root, "other", BLANK), ("other",),
        "in unknown only",
    ),
    "blank with salt": ("blank-salt", image(SALT[0], BLANK), (SALT[0],), "pixels of salt"),
}  # fmt: skip


@pytest.mark.parametrize("name", FAULTY)
def test_a_fault_is_found_and_told(folder: Path, name: str) -> None:
    kind, change, ids, detail = FAULTY[name]
    change(folder)
    report = check(folder)
    found = by_kind(report)
    assert {kind for kind in found if kind in FAULTS} == {kind}
    assert found[kind].wrong
    assert not report.ok
    assert found[kind].ids == ids
    assert detail in found[kind].details[0]
    text = report.to_text()
    assert f"WRONG: {FAULTS[kind]} ({len(ids)})" in text
    assert f"    {ids[0]}: {found[kind].details[0]}" in text
    assert "\nNOT sound (kinds of faults: 1, of notes: " in text


def test_every_fault_is_provoked_here() -> None:
    provoked = {kind for kind, *_ in FAULTY.values()} | ONE_SIDED.keys()
    elsewhere = {"bad-labels", "turned"}  # the latter in test_label_orientation.py
    assert {*FAULTS, "whole", "no-empty"} == provoked | elsewhere


def test_ids_that_other_systems_do_not_tell_apart(folder: Path) -> None:
    other = IDS[0].upper()
    for name in ("images", "masks"):
        shutil.copy(folder / name / f"{IDS[0]}.png", folder / name / f"{other}.png")
    (folder / "train.csv").unlink()
    report = check(folder)
    assert report.ok
    found = by_kind(report)["case"]
    assert dict(zip(found.ids, found.details, strict=True)) == {
        IDS[0]: f"beside {other}", other: f"beside {IDS[0]}",
    }  # fmt: skip


def test_tiles_without_a_label_may_be_taken_for_empty(folder: Path) -> None:
    (folder / "train.csv").unlink()
    (folder / "masks" / f"{SALT[0]}.png").unlink()
    found = by_kind(check(folder))["no-label"]
    assert found.ids == (SALT[0],)
    assert found.details[0].endswith(
        "; --missing-as-empty takes each tile without a label for empty"
    )
    report = check(folder, missing_as_empty=True)
    assert report.ok
    assert by_kind(report)["assumed"].ids == (SALT[0],)
    assert report.facts["coverage"]["0"] == len(EMPTY) + 1
    (folder / "masks" / f"{SALT[1]}.png").rename(folder / "masks" / f"{SALT[1]}_mask.png")
    renamed = by_kind(check(folder, missing_as_empty=True))
    assert set(renamed["no-label"].ids) == {SALT[0], SALT[1]}
    assert not any("--missing" in detail for detail in renamed["no-label"].details)
    assert renamed["no-tile"].ids == (f"{SALT[1]}_mask",)


ONE_SIDED = {
    "no-salt": lambda mask: mask * 0,
    "only-salt": lambda mask: mask * 0 + 1,
    "whole": lambda mask: mask * 0 + mask.any(),
    "no-empty": lambda mask: np.maximum(mask, np.eye(101, dtype=np.uint8)),
}


@pytest.mark.parametrize("kind", ONE_SIDED)
@pytest.mark.parametrize("labels", ["masks", "train.csv"])
def test_masks_that_are_all_of_one_side(folder: Path, kind: str, labels: str) -> None:
    masks = np.stack([ONE_SIDED[kind](mask) for mask in DATA.masks])
    for name, mask in zip(IDS, masks, strict=True):
        (folder / "masks" / f"{name}.png").write_bytes(
            png.encode((mask > 0).astype(np.uint8) * 255)
        )
    write_rows(folder, dict(zip(IDS, rle.encode(masks), strict=True)))
    if labels == "train.csv":
        shutil.rmtree(folder / "masks")
    report = check(folder)
    found = by_kind(report)
    assert found.keys() & ONE_SIDED.keys() == {kind}
    assert set(found[kind].ids) == set(IDS)
    assert report.ok == (kind in NOTES)
    assert f"{coverage.ONE_SIDED[kind]}; " in report.to_text()


def test_where_most_masks_cannot_be_used_the_rest_says_nothing_of_all(folder: Path) -> None:
    (folder / "train.csv").unlink()
    for number, path in enumerate(sorted((folder / "masks").iterdir())):
        grey = np.zeros((101, 101), np.uint8)
        grey[0] = np.arange(101) * (number > 0)
        path.write_bytes(png.encode(grey))
    assert by_kind(check(folder)).keys() & {"bad-mask", *ONE_SIDED} == {"bad-mask"}


def test_where_no_mask_can_be_read_none_is_said_to_have_salt_or_not(folder: Path) -> None:
    (folder / "train.csv").unlink()
    for path in (folder / "masks").iterdir():
        path.write_bytes(b"no PNG")
    text = check(folder).to_text()
    assert "masks that cannot be used" in text
    assert "masks are empty" not in text
    assert "tenths of salt" not in text


def test_nor_where_those_with_salt_are_the_ones_that_cannot_be_used(folder: Path) -> None:
    """As after masks were resized smoothly: those without salt come out of it whole."""
    (folder / "train.csv").unlink()
    for name in SALT:
        (folder / "masks" / f"{name}.png").write_bytes(
            png.encode(np.tile(np.arange(101, dtype=np.uint8), (101, 1)))
        )
    assert by_kind(check(folder)).keys() & {"bad-mask", *ONE_SIDED} == {"bad-mask"}


@pytest.mark.parametrize("name", ["masks", "train.csv"])
def test_labels_that_cannot_be_listed_hide_nothing_else(folder: Path, name: str) -> None:
    (folder / "images" / f"{IDS[0]}.png").write_bytes(b"")
    if name == "masks":
        for path in (folder / "masks").iterdir():
            path.unlink()
    else:
        (folder / "train.csv").write_text("tile,mask\n")
    report = check(folder)
    faults = [finding.kind for finding in report.findings if finding.wrong]
    assert faults == ["bad-labels", "bad-tile"]
    assert by_kind(report)["bad-labels"].ids == (str(folder / name),)
    assert report.masks == 12


def test_masks_of_a_zip_that_cannot_be_listed_are_told(folder: Path) -> None:
    with zipfile.ZipFile(packed(folder), "a") as file:
        file.write(folder / "masks" / f"{IDS[0]}.png", f"masks/again/{IDS[0]}.png")
    report = check(folder.parent / "packed")
    bad = by_kind(report)["bad-labels"]
    assert not report.ok
    assert bad.ids == (str(folder.parent / "packed/train.zip/masks"),)
    assert "two tiles have the id" in bad.details[0]
    assert report.masks == 12


def test_no_label_is_missed_where_none_can_be_listed(folder: Path) -> None:
    shutil.rmtree(folder / "masks")
    (folder / "train.csv").write_text("")
    report = check(folder)
    assert [finding.kind for finding in report.findings if finding.wrong] == ["bad-labels"]
    assert report.masks == 0


def test_all_faults_are_collected(folder: Path) -> None:
    for number, (data, _) in enumerate(pngs.bad_tiles().values()):
        (folder / "images" / f"bad-{number:02d}.png").write_bytes(data)
    mask(SALT[1], b"")(folder)
    copy_tile(folder)
    report = check(folder)
    found = by_kind(report)
    assert {"bad-tile", "bad-mask", "no-label", "conflict"} <= set(found)
    assert [finding.wrong for finding in report.findings] == sorted(
        (finding.wrong for finding in report.findings), reverse=True
    )
    count = len(pngs.bad_tiles())
    assert len(found["bad-tile"].ids) == len(found["no-label"].ids) == count > SHOWN
    assert f"and {count - SHOWN} more" in report.to_text()
    assert f"bad-{count - 1:02d}" not in report.to_text()
    assert report.facts["tile_sizes"]["50000x50000"] == 1


def test_what_is_odd_is_noted_and_nothing_is_wrong(folder: Path) -> None:
    names = SALT[:3]
    for name, change in zip(names, [np.s_[:, 40:60], np.s_[3:8, 5:10], np.s_[:, :]], strict=True):
        pixels = np.zeros((101, 101), dtype=np.uint8)
        pixels[change] = 1
        write_mask(folder, name, pixels)
    write_rows(folder, {n: rle.encode(m[None])[0] for n, m in masks_in(folder).items()})
    (folder / "images" / f"{EMPTY[0]}.png").write_bytes(BLANK)
    (folder / "images" / f"{EMPTY[1]}.png").write_bytes(BLANK)
    shutil.copy(folder / "images" / f"{EMPTY[2]}.png", folder / "images" / f"{EMPTY[3]}.png")
    report = check(folder)
    found = by_kind(report)
    assert report.ok
    others = {"whole", "no-empty", "assumed", "case", "doubtful", "strange", "unknown"}
    others |= oddities.WHAT.keys()
    assert set(found) == set(NOTES) - others
    assert [found[kind].ids for kind in ("vertical", "tiny", "full")] == [(n,) for n in names]
    assert set(found["blank"].ids) >= set(EMPTY[:2])
    assert found["duplicate"].ids == tuple(EMPTY[2:4])
    assert found["duplicate"].details == (f"same as {EMPTY[3]}", f"same as {EMPTY[2]}")
    text = report.to_text()
    assert f"note: {NOTES['vertical']} (1)\n    {names[0]}\n" in text
    few = "too few masks with a boundary (2) to tell whether they lie as their tiles do"
    assert text.endswith(f"\n\n{few}\n{report.doubts}\nsound (kinds of faults: 0, of notes: 5)")


def test_salt_may_be_1_in_some_masks_and_the_largest_value_in_others(folder: Path) -> None:
    values(folder, {SALT[0]: 1})
    assert "other-value" not in by_kind(check(folder))
    values(folder, dict.fromkeys(SALT, 7))
    assert "other-value" not in by_kind(check(folder))


def test_where_masks_do_not_count_they_are_not_looked_at(folder: Path) -> None:
    """Neither for what they are made of nor beside what the shipped model finds."""
    whole = np.ones((101, 101), np.uint8)
    write_mask(folder, EMPTY[0], whole)
    whole[:50] = 0
    unknown(folder, EMPTY[0], png.encode(whole * 255))
    found = by_kind(check(folder))
    assert found["unknown"].said() == {EMPTY[0]: "5151 pixels"}
    assert "full" not in found
    assert "doubtful" not in found or EMPTY[0] not in found["doubtful"].ids


def test_twins_may_differ_where_one_is_unknown(folder: Path) -> None:
    (folder / "train.csv").unlink()
    copy_tile(folder)
    drawn = masks_in(folder)[SALT[0]]
    unknown(folder, EMPTY[0], png.encode(drawn * 255))
    found = by_kind(check(folder))
    assert "conflict" not in found
    assert SALT[0] in found["duplicate"].ids


def masks_in(folder: Path) -> dict[str, np.ndarray]:
    return {
        path.stem: png.decode_mask(path.read_bytes())
        for path in sorted((folder / "masks").iterdir())
    }


def test_the_report_as_json(folder: Path) -> None:
    mask(IDS[2], b"")(folder)
    report = check(folder)
    value = json.loads(report.to_json())
    assert value["ok"] is False
    assert value["path"] == str(folder)
    assert value["facts"] == report.facts
    assert value["findings"][0] == {
        "kind": "bad-mask", "what": FAULTS["bad-mask"], "wrong": True,
        "tiles": {IDS[2]: "empty file (0 bytes)"},
    }  # fmt: skip


def test_the_text_says_where_all_tiles_are_named(folder: Path) -> None:
    """Only where it leaves some out, or they are already written."""
    here = folder / "found.json"
    assert "--report" not in check(folder).to_text()
    for number in range(SHOWN + 1):
        image(f"bad-{number:02d}", b"")(folder)
    report = check(folder)
    *_, asked, verdict = report.to_text().splitlines()
    assert asked == "--report FILE.json names all tiles of each kind"
    assert verdict.startswith("NOT sound")
    assert report.to_text(here).splitlines()[-2:] == [f"all tiles by name: {here}", verdict]
    tiles = json.loads(report.to_json())["findings"][0]["tiles"]
    assert tiles == {f"bad-{number:02d}": "empty file (0 bytes)" for number in range(SHOWN + 1)}


def test_what_cannot_be_looked_at_at_all(folder: Path, tmp_path: Path) -> None:
    def refused(path: Path) -> str:
        with pytest.raises(InputError) as by_training:
            dataset.load(path)
        with pytest.raises(InputError) as here:
            check(path)
        assert str(here.value) == str(by_training.value)
        return str(here.value)

    (tmp_path / "empty").mkdir()
    assert "no training data" in refused(tmp_path / "empty")
    assert "no training data" in refused(tmp_path / "missing")
    assert "is a table, expected the folder or zip" in refused(folder / "train.csv")
    (folder / "images" / "again").mkdir()
    shutil.copy(folder / "images" / f"{IDS[0]}.png", folder / "images" / "again")
    assert "two tiles have the id" in refused(folder)
    (folder / "train.csv").unlink()
    shutil.rmtree(folder / "masks")
    assert "neither masks/ nor train.csv" in refused(folder)


@pytest.mark.slow
def test_the_competitions_data_is_sound(tgs: Path) -> None:
    report = check(tgs)
    found = by_kind(report)
    assert report.ok, report.to_text()
    assert report.tiles == report.masks > 3000
    assert report.facts["tile_modes"] == {"8-bit RGB": report.tiles}
    assert set(report.facts["mask_modes"]) == {"16-bit grey", "8-bit grey"}
    assert report.facts["mask_modes"]["8-bit grey"] == report.facts["coverage"]["0"]
    assert len(report.sources) == 3
    assert 70 <= len(found["blank"].ids) <= 80
    assert 100 <= len(found["vertical"].ids) <= 113
    assert "duplicate" not in found


def test_tiles_that_can_hardly_be_meant_are_noted(folder: Path) -> None:
    """Numbers of 12 bits, never stretched: each PNG is valid, and a model sees black."""
    for name in IDS[:3]:
        path = folder / "images" / f"{name}.png"
        grey = png.decode(path.read_bytes()).astype(np.uint16)
        Image.fromarray(grey * 8).save(path)
    report = check(folder)
    (found,) = [each for each in report.findings if each.kind == "narrow-16"]
    assert set(found.ids) == set(IDS[:3])
    assert not found.wrong
    assert f"note: {NOTES['narrow-16']} (3)\n" in report.to_text()


def test_labels_written_with_other_characters_are_found(folder: Path) -> None:
    """As training does: a letter may be one character or several."""
    composed, decomposed = (unicodedata.normalize(form, "Été") for form in ("NFC", "NFD"))
    (folder / "images" / f"{SALT[0]}.png").rename(folder / "images" / f"{composed}.png")
    (folder / "masks" / f"{SALT[0]}.png").rename(folder / "masks" / f"{decomposed}.png")
    rows = dict(zip(IDS, rle.encode(DATA.masks), strict=True))
    write_rows(folder, {decomposed if name == SALT[0] else name: rows[name] for name in IDS})
    report = check(folder)
    assert report.ok
    assert not by_kind(report).keys() & FAULTS.keys()
    assert len(dataset.load(folder)) == len(IDS)


def test_of_labels_that_are_missing_it_is_told_why(folder: Path) -> None:
    """In the words that training ends with."""
    (folder / "train.csv").unlink()
    for name in IDS:
        (folder / "masks" / f"{name}.png").rename(folder / "masks" / f"{name}_mask.png")
    first = by_kind(check(folder))["no-label"].details[0]
    assert first == (
        f"not in masks: labels are called like their tiles, and there is {IDS[0]}_mask: is it "
        f"meant for {IDS[0]}?"
    )
