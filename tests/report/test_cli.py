from __future__ import annotations

import base64
import contextlib
import csv
import io
import itertools
import json
import math
import os
import re
import shutil
import signal
import subprocess
import sys
import unicodedata
from collections.abc import Callable, Iterator
from html.parser import HTMLParser
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from click.testing import CliRunner
from markupsafe import Markup
from PIL import Image

from salt_infer.cli import console
from salt_infer.data import png
from salt_infer.errors import UsageError
from salt_infer.job.job import Job
from salt_infer.job.job import run as infer
from salt_infer.job.watcher import Watcher
from salt_infer.masks import metric, rle
from salt_infer.system.output_locks import writing
from salt_report.cli import cli
from salt_report.common import coverage
from salt_report.common.reading import LabelledTiles, Submission
from salt_report.dataset import charts as dataset_charts
from salt_report.errors import ReportError
from salt_report.predictions import charts as look_charts
from salt_report.predictions import corrections, overview
from salt_report.submission import charts as submission_charts
from salt_train.data import dataset
from tests import pngs
from tests.conftest import ROOT
from tests.report.conftest import write_rows

Main = Callable[..., tuple[int, str]]
EMPTY_TAGS = {"meta", "img", "br", "link", "hr", "input"}


@pytest.fixture
def main(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Iterator[Main]:
    """Calls the command as a shell would; gives the exit code and what is on stderr."""

    def call(*arguments: object) -> tuple[int, str]:
        monkeypatch.setattr(sys, "argv", ["salt-report", *map(str, arguments)])
        with pytest.raises(SystemExit) as ended:
            console.run(cli)
        return int(ended.value.code or 0), capsys.readouterr().err

    handler = signal.getsignal(signal.SIGTERM)
    yield call
    signal.signal(signal.SIGTERM, handler)


@contextlib.contextmanager
def no_charts() -> Iterator[None]:
    """Pages whose charts are empty, for tests of their words: drawing takes most of the time."""

    def empty(name: str, alt: str, *_: object, **__: object) -> Markup:
        return Markup('<svg class="chart" role="img" aria-label="{}"></svg>').format(alt)

    with pytest.MonkeyPatch.context() as patch:
        for module in (coverage, dataset_charts, look_charts, submission_charts):
            patch.setattr(module, "chart", empty)
        yield


@pytest.fixture
def words() -> Iterator[None]:
    with no_charts():
        yield


def run(*arguments: object) -> list[str]:
    """The command in this process, which is faster; what it says."""
    result = CliRunner().invoke(
        cli, list(map(str, arguments)), catch_exceptions=False, standalone_mode=False
    )
    return result.output.splitlines()


class Page(HTMLParser):
    """What a browser and its reader need to be right about a page."""

    def __init__(self, path: Path) -> None:
        super().__init__()
        self.text = path.read_text()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.open: list[str] = []
        self.feed(self.text)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))
        if tag not in EMPTY_TAGS:
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def all(self, tag: str) -> list[dict[str, str | None]]:
        return [attributes for name, attributes in self.tags if name == tag]


def check(page: Page) -> None:
    """Self-contained, well-formed, accessible."""
    assert page.open == []
    assert page.all("html") == [{"lang": "en"}]
    for tag, attributes in page.tags:
        assert tag not in ("script", "link", "iframe", "object")
        assert not [name for name in attributes if name.startswith("on")]
        for name in ("src", "href", "xlink:href"):
            assert (attributes.get(name) or "#").startswith(("#", "data:image/png;base64,"))
    assert "url(http" not in page.text
    assert "&amp;nbsp" not in page.text
    assert all(image.get("alt") for image in page.all("img"))
    assert all(svg.get("aria-label") for svg in page.all("svg"))
    assert all(cell.get("scope") for cell in page.all("th"))
    assert len(page.all("caption")) == len(page.all("table")) >= 1
    levels = [int(tag[1]) for tag, _ in page.tags if re.fullmatch("h[1-6]", tag)]
    assert levels[0] == 1
    assert all(b - a <= 1 for a, b in itertools.pairwise(levels))
    ids = [str(attributes["id"]) for _, attributes in page.tags if "id" in attributes]
    assert len(ids) == len(set(ids))
    targets = {link["href"] for link in page.all("a")}
    assert targets == {f"#{section['id']}" for section in page.all("section")}


@pytest.fixture(scope="module")
def evaluated(folder: Path, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, list[str]]:
    """A page of everything, and what was said."""
    out = tmp_path_factory.mktemp("evaluated")
    said = run(
        "evaluate", "--submission", folder / "sub.csv", "--labels", folder / "labels.csv",
        "--images", folder / "images", "--against", folder / "other.csv",
        "--probabilities", folder / "p.npz", "--out", out / "x.html", "--json", out / "x.json",
    )  # fmt: skip
    return out, said


def test_a_data_set_explored(folder: Path, tmp_path: Path) -> None:
    out = tmp_path / "eda.html"
    said = run("data", folder, "--split", folder / "split.csv", "--out", out)
    page = Page(out)
    check(page)
    assert said[0].startswith("60 tiles: ")
    twins = "duplicates: 4 tiles in 2 groups, 1 of these with differing masks"
    assert f"{twins} (tiles of one grey value, such as black ones, not counted)" in said
    assert said[-2].startswith("4 folds of 15 to 15 tiles")
    assert said[-1] == f"-> {out}"
    assert {str(it["id"]) for it in page.all("section")} == {
        "coverage",
        "place",
        "kinds",
        "pixels",
        "split",
        "words",
    }
    assert len(page.all("svg")) == 8
    assert "<h3>Vertical (1 of 1)</h3>" in page.text
    assert "; class 0<" in page.text
    again = tmp_path / "again.html"
    run("data", folder, "--split", folder / "split.csv", "--out", again)
    assert again.read_bytes() == out.read_bytes()


@pytest.mark.usefixtures("words")
def test_a_data_set_in_another_folder(folder: Path, tmp_path: Path) -> None:
    """Its depths too."""
    inner = tmp_path / "a" / "b"
    inner.mkdir(parents=True)
    for name in ("images", "masks", "depths.csv"):
        (inner / name).symlink_to(folder / name)
    said = run("data", tmp_path / "a", "--out", tmp_path / "x.html")
    assert said[0].startswith("60 tiles: ")
    assert [line for line in said if line.startswith("depth of 60 tiles")]


@pytest.mark.usefixtures("words")
def test_depths_in_kilometres(folder: Path, tmp_path: Path) -> None:
    """Of one fold no tile's depth is known."""
    rows = (folder / "split.csv").read_text().splitlines()[1:]
    folds = dict(row.split(",")[:2] for row in rows)
    deep = [f"{name},0.{place + 10}\n" for place, name in enumerate(folds) if folds[name] != "3"]
    (tmp_path / "depths.csv").write_text("id,z\n" + "".join(deep))
    run(
        "data", folder, "--split", folder / "split.csv", "--depths", tmp_path / "depths.csv",
        "--out", tmp_path / "x.html",
    )  # fmt: skip
    text = (tmp_path / "x.html").read_text()
    ends = re.findall(r"<td>([^<]+)</td></tr>", text[text.index("mean depth (m)") :])
    assert ends == ["0.38", "0.39", "0.40", "–"]
    assert "against depth of 45 tiles, 0.10 to 0.68 m deep." in text


def test_a_data_set_without_depths_or_split(folder: Path, tmp_path: Path) -> None:
    for name in ("images", "masks"):
        (tmp_path / name).symlink_to(folder / name)
    run("data", tmp_path, "--out", tmp_path / "x.html")
    page = Page(tmp_path / "x.html")
    check(page)
    assert "split" not in {it["id"] for it in page.all("section")}
    assert "with salt there" in page.text
    assert "depth (m)" not in page.text


def test_tiles_without_anything(tmp_path: Path) -> None:
    """Black tiles with empty masks: no salt, no brightness, nothing to draw but axes."""
    for name in ("images", "masks"):
        (tmp_path / name).mkdir()
        for tile in "ab":
            (tmp_path / name / f"{tile}.png").write_bytes(pngs.grey([[0] * 101] * 101))
    run("data", tmp_path, "--out", tmp_path / "x.html")
    check(Page(tmp_path / "x.html"))


def test_a_submission_examined(
    evaluated: tuple[Path, list[str]], drawn: LabelledTiles, predicted: np.ndarray
) -> None:
    out, said = evaluated
    page = Page(out / "x.html")
    check(page)
    score = metric.score(drawn.masks, predicted)
    assert said[0].startswith(f"score {score.mean:.4f} (")
    assert f"{score.mean:.4f}" in page.text
    assert len(page.all("section")) == 9
    assert len(page.all("svg")) == 12
    value = json.loads((out / "x.json").read_text())
    assert value["headline"]["score"] == pytest.approx(score.mean)
    assert [row["score"] for row in value["outcome"]] == pytest.approx(score.per_tile.tolist())
    assert [row["id"] for row in value["outcome"]] == list(drawn.ids)
    assert [it["role"] for it in value["inputs"]] == [
        "submission", "labels", "images", "against", "probabilities",
    ]  # fmt: skip
    assert value["pairs"]["wins"] + value["pairs"]["losses"] + value["pairs"]["ties"] == 60
    assert len(value["sweep"]["grid"]) == 19
    assert "<h2>Against other.csv</h2>" in page.text
    assert "are not tried" not in page.text  # the file has probabilities of all tiles


# What readers asked about who work with neither statistics nor networks.
ASKED = (
    "IoU", "bootstrap", "Brier", "Receiver operating", "calibration error", "judge", "gate",
    "threshold", "rank correlation", "logarithmic", "stratified", "paired", "confidence",
    "coverage class", "presence", "contrast", "noise", "95 %",
)  # fmt: skip


@pytest.mark.slow
def test_the_words_of_each_page_are_explained_on_it(
    evaluated: tuple[Path, list[str]], folder: Path, looked_at: Path, tmp_path: Path
) -> None:
    for name in ("data", "look"):
        given = [folder, "--split", folder / "split.csv"]
        if name == "look":
            given = ["--submission", looked_at, "--images", folder / "images"]
        run(name, *given, "--out", tmp_path / f"{name}.html")
    for path in (evaluated[0] / "x.html", tmp_path / "data.html", tmp_path / "look.html"):
        text = re.sub("<[^>]*>", " ", path.read_text().partition("</style>")[2])
        text = text.replace("\N{NO-BREAK SPACE}", " ").lower()
        page, _, words = text.rpartition("coverage, coverage class")
        unknown = [each for each in ASKED if each.lower() in page and each.lower() not in words]
        assert unknown == [] or unknown == ["coverage class"], path


OTHERWISE = "; the submission was made otherwise: --threshold and --gate say how, or by --min-area"

ROUNDED = "; its probabilities were rounded after masks were made, which matters here"


@pytest.mark.usefixtures("words")
def test_the_submissions_own_probabilities(folder: Path, tmp_path: Path) -> None:
    with np.load(folder / "p.npz") as found:
        arrays = dict(found)
    drawn = arrays["probability"] > 0.5 * (255 if arrays["probability"].dtype == np.uint8 else 1)
    masks = drawn & (arrays["salt"] > 0.5)[:, None, None]
    rows = zip(arrays["ids"], rle.encode(masks), strict=True)
    lines = "".join(f"{name},{mask}\n" for name, mask in rows)
    (tmp_path / "own.csv").write_text(f"id,rle_mask\n{lines}")
    arguments = [
        "evaluate", "--submission", tmp_path / "own.csv", "--labels", folder / "labels.csv",
        "--probabilities", folder / "p.npz", "--out", tmp_path / "x.html", "--overwrite",
    ]  # fmt: skip
    assert run(*arguments, "--threshold", 0.5, "--gate", 0.5)[-2].endswith("gate 0.5 (--gate)")
    assert run(*arguments, "--threshold", 0.5, "--gate", 0.9)[-2].endswith(OTHERWISE)


@pytest.mark.usefixtures("words")
@pytest.mark.parametrize("threshold", [0.0, 0.001, 0.003, 0.997])
def test_where_rounding_matters_the_submission_is_not_blamed(
    folder: Path, tmp_path: Path, threshold: float
) -> None:
    """Most pixels of a sure network are so near to 0 or to 1."""
    with np.load(folder / "p.npz") as found:
        arrays = dict(found)
    random = np.random.default_rng(0)
    near = 0.001 + 0.004 * random.random(arrays["probability"].shape)
    probability = np.where(arrays["probability"] > 127, 1 - near, near)
    drawn = (probability > threshold) & (arrays["salt"] > 0.5)[:, None, None]
    rows = zip(arrays["ids"], rle.encode(drawn), strict=True)
    lines = "".join(f"{name},{mask}\n" for name, mask in rows)
    (tmp_path / "own.csv").write_text(f"id,rle_mask\n{lines}")
    arrays["probability"] = np.round(probability * 255).astype(np.uint8)
    np.savez(tmp_path / "own.npz", **arrays)
    said = run(
        "evaluate", "--submission", tmp_path / "own.csv", "--labels", folder / "labels.csv",
        "--probabilities", tmp_path / "own.npz", "--out", tmp_path / "x.html",
        "--threshold", threshold, "--gate", 0.5,
    )[-2]  # fmt: skip
    assert said.endswith((ROUNDED, "gate 0.5 (--gate)"))
    assert threshold or said.endswith(ROUNDED)


@pytest.mark.usefixtures("words")
def test_a_tile_that_could_not_be_read_is_not_asked_for(
    drawn: LabelledTiles, folder: Path, tmp_path: Path
) -> None:
    """As of salt-infer --on-error empty: it has a row, and no salt that the model would know."""
    shutil.copytree(folder / "images", tmp_path / "images")
    (tmp_path / "images" / f"{drawn.ids[3]}.png").write_bytes(b"junk")
    salt = [math.nan if place == 3 else 0.5 for place in range(60)]
    masks = drawn.masks * (np.arange(60) != 3)[:, None, None].astype(np.uint8)
    sub = write_rows(tmp_path / "s.csv", drawn.ids, masks, salt)
    numbers = tmp_path / "x.json"
    run(
        "evaluate", "--submission", sub, "--labels", folder / "labels.csv",
        "--images", tmp_path / "images", "--out", tmp_path / "x.html", "--json", numbers,
    )  # fmt: skip
    known = json.loads(numbers.read_text())
    assert known["headline"]["tiles"] == 60
    (tmp_path / "images" / f"{drawn.ids[4]}.png").unlink()
    with pytest.raises(ReportError, match=f"does not have 1 of the 59 tiles: {drawn.ids[4]}"):
        run(
            "evaluate", "--submission", sub, "--labels", folder / "labels.csv",
            "--images", tmp_path / "images", "--out", tmp_path / "y.html",
        )  # fmt: skip


def test_what_is_tried_needs_probabilities(folder: Path, tmp_path: Path) -> None:
    arguments = ["--submission", folder / "sub.csv", "--labels", folder / "labels.csv"]
    result = CliRunner().invoke(
        cli, ["evaluate", *map(str, arguments), "--out", str(tmp_path / "x.html"), "--gate", "0.4"]
    )
    assert isinstance(result.exception, UsageError)
    assert "--gate are tried with --probabilities" in str(result.exception)


@pytest.mark.slow
def test_the_probabilities_of_a_gated_run(folder: Path, tmp_path: Path) -> None:
    """Zeros where the gate, .5, stopped a tile: the page says so and leaves lower gates out."""
    with np.load(folder / "p.npz") as found:
        arrays = dict(found)
    arrays["probability"][arrays["salt"] <= 0.5] = 0
    np.savez_compressed(tmp_path / "p.npz", **arrays)
    arguments = [
        "evaluate", "--submission", folder / "sub.csv", "--labels", folder / "labels.csv",
        "--probabilities", tmp_path / "p.npz", "--out", tmp_path / "x.html", "--overwrite",
    ]  # fmt: skip
    said = run(*arguments)
    neutral = f"the neutral one, as {tmp_path / 'p.npz'} has none"
    tried = f"others were tried from threshold 0.5 ({neutral}), gate 0.556 ({neutral})"
    assert said[-2] == f"{tried}{OTHERWISE}"
    page = Page(tmp_path / "x.html")
    check(page)
    lowest = arrays["salt"][arrays["salt"] <= 0.5].max()
    assert f"Gates below {lowest:.2f} are not tried" in page.text
    assert any(f"gates below {lowest:.2f} not in the file" in line for line in said)
    decision = {"threshold": np.float32(0.35), "gate": np.float32(0.5)}
    np.savez_compressed(tmp_path / "p.npz", **arrays, **decision)
    with no_charts():
        *_, scored, tried, _ = run(*arguments, "--gate", 0.6)
    assert " at threshold 0.35, gate 0.6; best " in scored
    whose = f"threshold 0.35 (of {tmp_path / 'p.npz'}), gate 0.6 (--gate)"
    assert tried == f"others were tried from {whose}{OTHERWISE}"


def test_the_worst_tiles_are_shown_worst_first(evaluated: tuple[Path, list[str]]) -> None:
    text = (evaluated[0] / "x.html").read_text()
    worst = text[text.index('id="worst"') :]
    missed = worst[worst.index("Missed salt") : worst.index("False salt")]
    sizes = [int(size) for size in re.findall(r"score 0\.0, (\d+) px of salt, 0 px", missed)]
    assert len(sizes) >= 4
    assert sizes[::2] == sorted(sizes[::2], reverse=True)  # in the alt text and below the picture
    assert [meaning in worst for meaning in ("TP: salt, found", "FN: salt, missed")] == [True, True]


@pytest.mark.usefixtures("words")
def test_no_pictures_of_the_worst_tiles_say_nothing_of_these(folder: Path, tmp_path: Path) -> None:
    out = tmp_path / "x.html"
    run("evaluate", "--submission", folder / "sub.csv", "--labels", folder / "labels.csv",
        "--out", out, "--worst", 0)  # fmt: skip
    check(Page(out))
    text = out.read_text()
    assert "Every tile scores 1" not in text
    assert 'id="worst"' not in text
    perfect = tmp_path / "perfect.html"
    run("evaluate", "--submission", folder / "labels.csv", "--labels", folder / "labels.csv",
        "--out", perfect)  # fmt: skip
    assert "Every tile scores 1." in perfect.read_text()


@pytest.mark.usefixtures("words")
def test_depths_of_other_tiles_beside_the_data_are_left_out_by_name(
    folder: Path, tmp_path: Path
) -> None:
    shutil.copytree(folder, tmp_path / "data")
    (tmp_path / "data/depths.csv").write_text("id,z\nother,900\n")
    said = run("data", tmp_path / "data", "--out", tmp_path / "x.html")
    assert f"{tmp_path}/data/depths.csv has none of these tiles and is left out" in said
    assert "depths.csv" not in (tmp_path / "x.html").read_text()


@pytest.mark.usefixtures("words")
def test_rows_without_a_label_are_told_of_both_submissions(folder: Path, tmp_path: Path) -> None:
    """Once each, though both may have them."""
    more, own = tmp_path / "more.csv", tmp_path / "own.csv"
    more.write_text((folder / "other.csv").read_text() + "x,\ny,\n")
    own.write_text((folder / "sub.csv").read_text() + "x,,0.1,0.9\n")
    said = run("evaluate", "--submission", own, "--labels", folder / "labels.csv",
               "--against", more, "--partial", "--out", tmp_path / "x.html")  # fmt: skip
    assert "2 tiles without a label are not scored" in said
    assert "2 tiles of the submissions have no label" in (tmp_path / "x.html").read_text()


def test_a_submission_by_itself(folder: Path, tmp_path: Path) -> None:
    out = tmp_path / "x.html"
    run(
        "evaluate", "--submission", folder / "other.csv", "--labels", folder / "masks", "--out", out
    )
    page = Page(out)
    check(page)
    names = {it["id"] for it in page.all("section")}
    assert names == {"score", "lost", "parts", "border", "worst", "words"}
    assert "Black tiles are counted where the tiles are given" in page.text


@pytest.mark.parametrize("kind", ["perfect", "all empty", "one tile"])
@pytest.mark.slow
def test_submissions_at_the_ends(
    drawn: LabelledTiles, folder: Path, tmp_path: Path, kind: str
) -> None:
    masks = np.zeros_like(drawn.masks) if kind == "all empty" else drawn.masks
    count = 1 if kind == "one tile" else 60
    sub = write_rows(tmp_path / "s.csv", drawn.ids[:count], masks[:count], [0.5] * count)
    run(
        "evaluate", "--submission", sub, "--labels", folder, "--out", tmp_path / "x.html",
        "--against", sub, "--json", tmp_path / "x.json", "--partial", "--worst", 2,
        "--csv", tmp_path / "x.csv",
    )  # fmt: skip
    page = Page(tmp_path / "x.html")
    check(page)
    value = json.loads((tmp_path / "x.json").read_text())
    assert value["pairs"]["difference"] == 0
    table = pd.read_csv(tmp_path / "x.csv", dtype={"id": str})
    assert table.id.tolist() == [each["id"] for each in value["outcome"]] == list(drawn.ids[:count])
    assert (table.score == table.other_score).all()
    np.testing.assert_allclose(table.dice, 2 * table.iou / (1 + table.iou))
    if kind != "all empty":
        assert value["headline"]["score"] == 1
        assert "Every tile scores 1" in page.text
    if kind == "one tile":
        assert "59 labelled tiles are not in both submissions" in page.text


@pytest.mark.slow
def test_a_table_of_the_tiles(
    folder: Path, evaluated: tuple[Path, list[str]], tmp_path: Path
) -> None:
    """The numbers of the JSON, and the other submission's scores as it has them alone."""
    files = ["--labels", folder / "labels.csv", "--out", tmp_path / "x.html"]
    both = [*files, "--submission", folder / "sub.csv", "--against", folder / "other.csv"]
    run("evaluate", *both, "--csv", tmp_path / "a.csv")
    other = [*files, "--submission", folder / "other.csv", "--overwrite"]
    run("evaluate", *other, "--csv", tmp_path / "b.csv")
    found, alone = (pd.read_csv(tmp_path / name, dtype={"id": str}) for name in ("a.csv", "b.csv"))
    rows = json.loads((evaluated[0] / "x.json").read_text())["outcome"]
    for name in rows[0]:
        assert found[name].tolist() == [row[name] for row in rows], name
    assert found.other_score.tolist() == alone.score.tolist()
    assert "other_score" not in alone
    assert any(line.startswith("pixels: IoU 0.") for line in evaluated[1])


@pytest.mark.slow
def test_ids_are_text(tmp_path: Path) -> None:
    """Whatever they look like, to a browser or to a terminal."""
    hostile = [
        '<script>alert("1")</script>',
        "'><img src=x onerror=y>",
        "{{ 7 * 7 }}",
        "a\nb\x1b[2J",
    ]
    masks = np.zeros((4, 101, 101), np.uint8)
    masks[:, :50] = 1
    write_rows(tmp_path / "labels.csv", hostile, masks)
    sub = write_rows(tmp_path / "<b>.csv", hostile, np.zeros_like(masks))
    said = run(
        "evaluate", "--submission", sub, "--labels", tmp_path / "labels.csv",
        "--out", tmp_path / "x.html", "--against", tmp_path / "labels.csv",
    )  # fmt: skip
    page = Page(tmp_path / "x.html")
    check(page)
    assert "&lt;script&gt;alert" in page.text
    assert "{{ 7 * 7 }}" in page.text
    assert r"a\nb\x1b[2J" in page.text
    assert "\x1b" not in page.text + "".join(said)


@pytest.mark.slow
def test_two_runs_give_the_same_bytes(
    evaluated: tuple[Path, list[str]], folder: Path, tmp_path: Path
) -> None:
    """In another process, with another seed of Python's hashes."""
    command = [
        sys.executable, "-m", "salt_report", "evaluate", "--submission", folder / "sub.csv",
        "--labels", folder / "labels.csv", "--images", folder / "images",
        "--against", folder / "other.csv", "--probabilities", folder / "p.npz",
        "--out", tmp_path / "x.html", "--json", tmp_path / "x.json",
    ]  # fmt: skip
    environment = os.environ | {"PYTHONHASHSEED": "77", "MPLBACKEND": "svg", "TZ": "Asia/Tokyo"}
    subprocess.run(command, check=True, capture_output=True, env=environment)
    for name in ("x.html", "x.json"):
        assert (tmp_path / name).read_bytes() == (evaluated[0] / name).read_bytes()


@pytest.mark.usefixtures("words")
def test_outputs_are_not_replaced_unasked(folder: Path, tmp_path: Path, main: Main) -> None:
    out = tmp_path / "x.html"
    out.write_text("mine")
    arguments = ["evaluate", "--submission", folder / "other.csv", "--labels", folder, "--out", out]
    code, said = main(*arguments)
    assert code == 2
    assert "--overwrite" in said
    assert out.read_text() == "mine"
    assert main(*arguments, "--overwrite") == (0, "")
    assert out.read_text().startswith("<!doctype html>")


@pytest.mark.parametrize(
    ("changed", "code", "says"),
    [
        ({"--out": "x.pdf"}, 2, "ends in .html"),
        ({"--out": None}, 2, "Missing option '--out'"),
        ({"--json": "x.html"}, 2, "ends in .json"),
        ({"--gate": "nan"}, 2, "nan is not in the range"),
        ({"--labels": "nowhere"}, 2, "nowhere does not exist"),
        ({"--images": "bad"}, 3, "1 of 60 tiles cannot be read"),
        ({"--submission": "broken.csv"}, 1, "synthetic-00000: run-length string has 3 numbers"),
        ({"--against": "short.csv"}, 1, "short.csv has no row for 59 of 60 tiles"),
        ({"--probabilities": "sub.csv"}, 1, "cannot be read as .npz"),
    ],
)  # fmt: skip
def test_wrong_inputs(
    folder: Path, tmp_path: Path, main: Main, changed: dict[str, str | None], code: int, says: str
) -> None:
    for name in ("sub.csv", "labels.csv"):
        shutil.copy(folder / name, tmp_path)
    shutil.copytree(folder / "images", tmp_path / "bad")
    (tmp_path / "bad" / "synthetic-00004.png").write_bytes(b"no picture")
    with open(folder / "other.csv", newline="") as file:
        rows = list(csv.reader(file))
    (tmp_path / "broken.csv").write_text("id,rle_mask\n" + "".join(
        f"{name},{'1 2 3' if place == 0 else text}\n" for place, (name, text) in enumerate(rows[1:])
    ))  # fmt: skip
    (tmp_path / "short.csv").write_text("id,rle_mask\nsynthetic-00000,\n")
    options = {"--submission": "sub.csv", "--labels": "labels.csv", "--out": "x.html"} | changed
    arguments = [
        part
        for name, value in options.items()
        if value
        for part in (name, value if name == "--gate" else tmp_path / value)
    ]
    before = sorted(tmp_path.rglob("*"))
    ended, said = main("evaluate", *arguments)
    assert ended == code
    assert says in said
    assert sorted(tmp_path.rglob("*")) == before


def test_a_data_set_that_is_none(tmp_path: Path, main: Main) -> None:
    code, said = main("data", tmp_path, "--out", tmp_path / "x.html")
    assert code == 2
    assert "no training data" in said


@pytest.mark.parametrize("value", [0, 255])
@pytest.mark.slow
def test_masks_that_are_all_of_one_side(
    folder: Path, tmp_path: Path, main: Main, value: int
) -> None:
    shutil.copytree(folder / "images", tmp_path / "data" / "images")
    (tmp_path / "data" / "masks").mkdir()
    mask = pngs.grey([[value] * 101] * 101)
    for path in (folder / "images").iterdir():
        (tmp_path / "data" / "masks" / path.name).write_bytes(mask)
    page = tmp_path / "x.html"
    warning = "no mask has salt" if value == 0 else "every mask is nothing but salt"
    assert run("data", tmp_path / "data", "--out", page)[0].startswith(f"warning: {warning}; are")
    assert f"Warning: {warning}; are" in page.read_text()
    with no_charts():
        run("data", folder, "--out", page, "--overwrite")
    assert "Warning" not in page.read_text()


@pytest.mark.usefixtures("words")
def test_two_runs_do_not_write_one_page(folder: Path, tmp_path: Path, main: Main) -> None:
    with writing(tmp_path / "x.html"):
        code, said = main("data", folder, "--out", tmp_path / "x.html")
    assert (code, os.listdir(tmp_path)) == (2, [])
    assert f"another run writes to {tmp_path / 'x.html'}" in said
    numbers, labels = tmp_path / "n.json", ROOT / "examples" / "masks"
    (tmp_path / "s.csv").write_text("id,rle_mask\na,\n")
    with writing(numbers):
        code, said = main(
            "evaluate", "--submission", tmp_path / "s.csv", "--labels", labels, "--out",
            tmp_path / "x.html", "--json", numbers,
        )  # fmt: skip
    assert code == 2
    assert f"another run writes to {numbers}" in said


@pytest.mark.usefixtures("words")
def test_what_salt_infer_writes(tmp_path: Path) -> None:
    """From the examples' tiles to both of its files, and the score that it says itself."""
    examples, sub = ROOT / "examples", tmp_path / "sub.csv"
    job = Job(
        images=examples / "tiles", out=sub, labels=examples / "masks", details=True,
        report=tmp_path / "run.json",
    )  # fmt: skip
    score = infer(job, Watcher()).score
    said = run(
        "evaluate", "--submission", sub, "--labels", examples / "masks",
        "--images", examples / "tiles", "--out", tmp_path / "x.html",
    )  # fmt: skip
    assert said[0].startswith(f"score {score:.4f} ")
    assert [line for line in said if line.startswith("judge: ROC area ")]


@pytest.mark.usefixtures("words")
def test_pictures_are_of_the_tiles_that_a_submission_was_made_of(tmp_path: Path) -> None:
    """Not of others that are called alike, as the tiles of every survey are that numbers them."""
    job = Job(ROOT / "examples/tiles", tmp_path / "sub.csv", details=True)
    infer(job, Watcher())
    given = ["--submission", job.out, "--labels", ROOT / "examples/masks", "--images"]
    run("evaluate", *given, job.images, "--out", tmp_path / "a.html")
    paths = sorted((ROOT / "examples/tiles").glob("*.png"))
    other = tmp_path / "other"
    other.mkdir()
    for path, name in zip(paths, [*paths[1:], paths[0]], strict=True):
        shutil.copy(path, other / name.name)
    with pytest.raises(ReportError) as caught:
        run("evaluate", *given, other, "--out", tmp_path / "b.html")
    assert str(caught.value).startswith(
        f"24 of 24 tiles in {other} have other pixels than those that {job.out} was made of: "
    )
    assert not (tmp_path / "b.html").exists()


@pytest.mark.usefixtures("words")
def test_tiles_that_can_hardly_be_meant(folder: Path, tmp_path: Path) -> None:
    shutil.copytree(folder, tmp_path / "data")
    for path in sorted((tmp_path / "data" / "images").iterdir())[:2]:
        rows = [row.astype(">u2").tobytes() for row in png.decode(path.read_bytes())]
        path.write_bytes(pngs.png(16, 0, rows))
    page = tmp_path / "x.html"
    [first, *_] = run("data", tmp_path / "data", "--out", page)
    # The other of the two is of one grey, of which nothing can be told.
    assert first == (
        "warning: 1 of 60 tiles are 16-bit, with at most 1/16 of the range in use: "
        "stretched to 0..65535? (synthetic-00001)"
    )
    assert f"W{first[1:]}" in page.read_text()


def test_labels_that_are_all_of_one_side(tmp_path: Path) -> None:
    for name in ("labels", "rows"):
        (tmp_path / f"{name}.csv").write_text("id,rle_mask\na,\nb,\n")
    page, numbers = tmp_path / "x.html", tmp_path / "x.json"
    files = "--submission", tmp_path / "rows.csv", "--labels", tmp_path / "labels.csv"
    [first, *_] = run("evaluate", *files, "--out", page, "--json", numbers)
    assert first.startswith("warning: no mask has salt (2); are these the masks")
    assert "Warning: no mask has salt (2)" in page.read_text()
    assert json.loads(numbers.read_text())["warnings"] == [first.removeprefix("warning: ")]


@pytest.mark.usefixtures("words")
def test_a_submission_along_the_rows(tmp_path: Path) -> None:
    y, x = np.indices((101, 101))
    true = np.stack([y > 40 + number + 0.7 * x for number in range(12)])
    for name, masks in (("labels", true), ("rows", true.transpose(0, 2, 1))):
        lines = (f"t{number},{row}" for number, row in enumerate(rle.encode(masks)))
        (tmp_path / f"{name}.csv").write_text("\n".join(["id,rle_mask", *lines, ""]))
    page = tmp_path / "x.html"
    files = "--submission", tmp_path / "rows.csv", "--labels", tmp_path / "labels.csv"
    [first, *_] = run("evaluate", *files, "--out", page)
    assert first.startswith("warning: true and predicted masks fit each other better with rows")
    assert "a mean IoU of 1.00 over 12 tiles" in first
    assert f"W{first[1:]}" in page.read_text()


@pytest.fixture
def looked_at(folder: Path, predicted: np.ndarray, drawn: LabelledTiles, tmp_path: Path) -> Path:
    """A submission whose tiles the model is the less sure of the later they come; the last tile it
    has not seen.
    """
    rows = rle.encode(predicted)
    lines = [
        f"{name},{text},0.5,{1 - place / 64:.4f}\n"
        for place, (name, text) in enumerate(zip(drawn.ids[:-1], rows[:-1], strict=True))
    ]
    path = tmp_path / "sub.csv"
    path.write_text("id,rle_mask,salt,confidence\n" + "".join(lines) + f"{drawn.ids[-1]},,nan,0\n")
    return path


def test_a_submission_looked_at(
    folder: Path, looked_at: Path, predicted: np.ndarray, drawn: LabelledTiles, tmp_path: Path
) -> None:
    out = tmp_path / "look.html"
    given = ["look", "--submission", looked_at, "--images", folder / "images", "--out"]
    said = run(*given, out, "--tiles", 5)
    salt = sum(mask.any() for mask in predicted[:-1])
    share = predicted[:-1].sum() / (60 * 10201)
    assert said[0].startswith(f"60 masks: {salt} with salt (")
    assert said[0].endswith(f"{60 - salt} empty; {share:.1%} of all pixels are salt")
    assert said[1] == "1 tiles could not be read: their masks say nothing"
    # 1 - place / 64 is below 0.8 from place 13 on.
    last = ", ".join(drawn.ids[place] for place in (58, 57, 56))
    assert said[2:] == [f"confidence below 0.8: 46, the least sure {last}", f"-> {out}"]
    page = Page(out)
    check(page)
    assert {str(it["id"]) for it in page.all("section")} == {"masks", "doubt", "kinds", "words"}
    assert len(page.all("svg")) == 3
    assert "<h3>Least sure (5 of 59)</h3>" in page.text
    doubt = page.text[page.text.index("<h3>Least sure") : page.text.index('id="masks"')]
    names = re.findall("<figcaption><code>([^<]+)</code>", doubt)
    assert names == [drawn.ids[place] for place in (58, 57, 56, 55, 54)]
    assert drawn.ids[59] not in page.text
    run(*given, tmp_path / "again.html", "--tiles", 5)
    assert (tmp_path / "again.html").read_bytes() == out.read_bytes()


def test_what_is_shown_is_the_tile_and_its_mask(
    folder: Path, looked_at: Path, predicted: np.ndarray, drawn: LabelledTiles, tmp_path: Path
) -> None:
    out = tmp_path / "look.html"
    run(
        "look", "--submission", looked_at, "--images", folder / "images", "--out", out, "--tiles", 9
    )
    shown = [it for it in Page(out).all("img") if str(it["alt"]).startswith(drawn.ids[58])]
    data = base64.b64decode(str(shown[0]["src"]).partition(",")[2])
    with Image.open(io.BytesIO(data)) as image:
        pixels = np.asarray(image.convert("RGB")).astype(int)
    left, right = pixels[:, :101], pixels[:, 104:]
    assert np.abs(left - drawn.tiles[58][..., None]).max() <= 3
    yellow = right[..., 0] - right[..., 2] > 60
    assert (yellow == (predicted[58] > 0)).all()


@pytest.mark.usefixtures("words")
def test_a_look_at_masks_alone(folder: Path, tmp_path: Path) -> None:
    """Of labels, which know no confidence; and of no pictures."""
    out = tmp_path / "look.html"
    given = ["look", "--submission", folder / "labels.csv", "--images", folder / "images"]
    said = run(*given, "--out", out)
    assert [line for line in said if "confidence" in line] == []
    assert "salt-infer --details" in out.read_text()
    assert "Least sure" not in out.read_text()
    check(Page(out))
    run(*given, "--out", out, "--tiles", 0, "--overwrite")
    assert Page(out).all("img") == []


@pytest.mark.usefixtures("words")
def test_a_look_at_masks_without_salt(folder: Path, drawn: LabelledTiles, tmp_path: Path) -> None:
    rows = "".join(f"{name},\n" for name in drawn.ids[:3])
    (tmp_path / "sub.csv").write_text("id,rle_mask\n" + rows)
    out = tmp_path / "look.html"
    said = run("look", "--submission", tmp_path / "sub.csv", "--images", folder, "--out", out)
    assert said[0] == (
        "3 masks: 0 with salt (0 of 1 to 50 px, 0 full), 3 empty; 0.0% of all pixels are salt"
    )
    check(Page(out))
    assert {str(it["id"]) for it in Page(out).all("section")} == {"masks", "doubt", "words"}


@pytest.mark.parametrize(
    ("rows", "code", "says"),
    [
        ("", 1, "has no rows, expected one for each tile"),
        ("nobody,,0.5,0.5\n", 1, "does not have 1 of the 1 tiles: nobody"),
        ("synthetic-00000,,0.5,1.5\n", 1, "in the column confidence are no probabilities"),
        ("synthetic-00000,,0.5,nan\n", 1, "in the column confidence are no probabilities"),
        ("synthetic-00000,,2,0.5\n", 1, "in the column salt are no probabilities"),
        ("synthetic-00000,9,0.5,0.5\n", 1, "synthetic-00000"),
    ],
)
def test_a_look_at_what_is_none(
    folder: Path, tmp_path: Path, main: Main, rows: str, code: int, says: str
) -> None:
    path = tmp_path / "sub.csv"
    path.write_text(f"id,rle_mask,salt,confidence\n{rows}")
    ended, said = main(
        "look", "--submission", path, "--images", folder / "images", "--out", tmp_path / "x.html"
    )
    assert (ended, os.listdir(tmp_path)) == (code, ["sub.csv"])
    assert says in said


@pytest.mark.usefixtures("words")
def test_the_least_sure_tiles_are_a_data_set_to_correct(
    folder: Path, looked_at: Path, predicted: np.ndarray, drawn: LabelledTiles, tmp_path: Path,
    main: Main,
) -> None:  # fmt: skip
    given = ["look", "--submission", looked_at, "--images", folder / "images", "--tiles", 7]
    fix = tmp_path / "fix"
    fix.mkdir()  # an empty one may be there
    said = run(*given, "--out", tmp_path / "a.html", "--to-correct", fix)
    assert said[-2] == f"to correct: 7 tiles and their masks -> {fix}"
    data = dataset.load(fix)
    assert data.ids == drawn.ids[52:59]
    np.testing.assert_array_equal(data.tiles, drawn.tiles[52:59])
    np.testing.assert_array_equal(data.masks, predicted[52:59])
    # Somebody's work may be in it by now.
    before = {path: path.read_bytes() for path in fix.rglob("*.png")}
    code, errors = main(*given, "--out", tmp_path / "b.html", "--to-correct", fix, "--overwrite")
    assert code == 2
    assert f"{fix} is not empty: it may hold masks that were corrected" in errors
    assert before == {path: path.read_bytes() for path in fix.rglob("*.png")}
    assert not (tmp_path / "b.html").exists()


@pytest.mark.usefixtures("words")
def test_what_was_corrected_is_known_however_its_name_is_composed(
    drawn: LabelledTiles, tmp_path: Path
) -> None:
    """As on a Mac, which writes a letter and its accent one after the other."""
    names = [f"\xe9{name}" for name in drawn.ids[:9]]
    for folder, form, some in (("a", "NFC", 9), ("b", "NFD", 4)):
        shown = [unicodedata.normalize(form, name) for name in names[:some]]
        for what, of in (("images", drawn.tiles), ("masks", drawn.masks * 255)):
            (tmp_path / folder / what).mkdir(parents=True)
            for name, pixels in zip(shown, of, strict=False):
                Image.fromarray(pixels).save(tmp_path / folder / what / f"{name}.png")
    rows = "".join(f"{name},,0.5,{place / 10}\n" for place, name in enumerate(names))
    (tmp_path / "s.csv").write_text(f"id,rle_mask,salt,confidence\n{rows}", encoding="utf-8")
    said = run(
        "look", "--submission", tmp_path / "s.csv", "--images", tmp_path / "a" / "images",
        "--corrected", tmp_path / "b", "--to-correct", tmp_path / "c", "--out", tmp_path / "l.html",
    )  # fmt: skip
    assert "4 tiles were corrected before" in said
    assert sorted(dataset.load(tmp_path / "c").ids) == sorted(names[4:])


@pytest.mark.slow
def test_what_was_corrected_is_not_asked_for_again(
    folder: Path, looked_at: Path, drawn: LabelledTiles, tmp_path: Path, main: Main
) -> None:
    """The least sure first, then those that come after them, until there are no more."""
    given = ["look", "--submission", looked_at, "--images", folder / "images"]
    seen: list[str] = []
    rounds: list[Path] = []
    with open(looked_at, newline="") as file:
        rows = [row for row in csv.DictReader(file) if row["id"] != drawn.ids[59]]  # unread
    for number, tiles in enumerate((7, 5, 200)):
        rounds.append(tmp_path / f"fix-{number}")
        said = run(
            *given, "--tiles", tiles, "--out", tmp_path / f"{number}.html",
            "--to-correct", rounds[-1],
            *(part for path in rounds[:-1] for part in ("--corrected", path)),
        )  # fmt: skip
        assert (f"{len(seen)} tiles were corrected before" in said) == bool(number)
        unsure = sum(float(row["confidence"]) < 0.8 for row in rows if row["id"] not in seen)
        of_these = " of those not corrected before" if number else ""
        (line,) = [line for line in said if line.startswith("confidence below")]
        assert line.startswith(f"confidence below 0.8: {unsure}{of_these}, the least sure ")
        new = dataset.load(rounds[-1]).ids
        assert not set(new) & set(seen)
        seen += new
    text = (tmp_path / "2.html").read_text()
    assert "The least sure first, without those that were corrected before." in text
    assert all(path.name in text for path in rounds[:-1])  # among what the page was made from
    assert set(seen) == set(drawn.ids[:59])  # the last could not be read
    more = [part for path in rounds for part in ("--corrected", path)]
    code, errors = main(*given, "--out", tmp_path / "x.html", "--to-correct", tmp_path / "x", *more)
    assert code == 2
    assert f"all tiles of {looked_at} were corrected before" in errors
    assert not (tmp_path / "x.html").exists()


def test_what_is_to_correct_lies_apart(folder: Path, looked_at: Path, main: Main) -> None:
    """Tiles are looked for in all of a folder."""
    before = sorted(folder.rglob("*"))
    out = looked_at.with_name("a.html")
    for inside in (folder / "images" / "fix", folder, out):
        code, errors = main(
            "look", "--submission", looked_at, "--images", folder / "images", "--out", out,
            "--to-correct", inside,
        )  # fmt: skip
        assert code == 2
        assert "lie in each other; keep them apart" in errors or "is not empty" in errors
    assert sorted(folder.rglob("*")) == before
    assert not out.exists()


def test_without_a_confidence_there_is_nothing_to_correct_first(
    folder: Path, tmp_path: Path, main: Main
) -> None:
    code, errors = main(
        "look", "--submission", folder / "labels.csv", "--images", folder / "images",
        "--out", tmp_path / "a.html", "--to-correct", tmp_path / "fix",
    )  # fmt: skip
    assert (code, os.listdir(tmp_path)) == (2, [])
    assert "write it with salt-infer --details" in errors


def test_an_id_is_not_a_way_out_of_the_folder(tmp_path: Path) -> None:
    masks = np.zeros((1, 101, 101), np.uint8)
    given = Submission(tmp_path / "a.csv", masks, np.array([0.5]), np.array([0.5]))
    for name in ("../x", "a/b", "", "a\nb"):
        found = overview.look([name], given, 1)
        with pytest.raises(UsageError, match="has no name that a file could have"):
            corrections.write(tmp_path, corrections.chosen(found), {name: masks[0]}, found)
        shutil.rmtree(tmp_path / "images")
        shutil.rmtree(tmp_path / "masks")
    assert os.listdir(tmp_path) == []


@pytest.mark.usefixtures("words")
def test_a_score_does_not_hang_on_a_column_that_it_is_not_about(
    folder: Path, tmp_path: Path
) -> None:
    """As of a program of one's own, whose confidence is something else."""
    rows = (folder / "other.csv").read_text().splitlines()
    lines = [f"{rows[0]},confidence", *(f"{row},high" for row in rows[1:])]
    (tmp_path / "sub.csv").write_text("\n".join(lines))
    given = ["--labels", folder / "labels.csv", "--out"]
    said = run("evaluate", "--submission", tmp_path / "sub.csv", *given, tmp_path / "a.html")
    plain = run("evaluate", "--submission", folder / "other.csv", *given, tmp_path / "b.html")
    assert said[:-1] == plain[:-1]
