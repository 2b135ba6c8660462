from __future__ import annotations

import contextlib
import csv
import datetime
import gzip
import hashlib
import io
import json
import os
import re
import resource
import shutil
import signal
import subprocess
import sys
import zipfile
import zlib
from importlib.metadata import version
from pathlib import Path

import numpy as np
import pytest

from salt_infer import __version__
from salt_infer.cli import console
from salt_infer.cli.infer import cli
from salt_infer.data import png
from salt_infer.data.labels import Labels
from salt_infer.data.tiles import read_tiles
from salt_infer.masks import rle, table
from tests import pngs
from tests.conftest import ROOT

EXAMPLES = ROOT / "examples"


def infer(*arguments: object, **options: object) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "salt_infer", *map(str, arguments)]
    return subprocess.run(command, capture_output=True, text=True, check=False, **options)  # type: ignore[call-overload]


def here(*arguments: object) -> subprocess.CompletedProcess[str]:
    """The same in this process, which is faster: for tests of what a run does, not of its start."""
    out, errors = io.StringIO(), io.StringIO()
    handler = signal.getsignal(signal.SIGTERM)
    with (
        pytest.MonkeyPatch.context() as patch,
        contextlib.redirect_stdout(out),
        contextlib.redirect_stderr(errors),
        pytest.raises(SystemExit) as ended,
    ):
        patch.setattr(sys, "argv", ["salt-infer", *map(str, arguments)])
        console.run(cli)
    signal.signal(signal.SIGTERM, handler)
    code = int(ended.value.code or 0)
    return subprocess.CompletedProcess(arguments, code, out.getvalue(), errors.getvalue())


def lines_of(path: Path) -> list[list[str]]:
    with open(path, newline="") as file:
        return list(csv.reader(file))


def test_examples_become_a_submission(tmp_path: Path) -> None:
    out, report = tmp_path / "sub.csv", tmp_path / "report.json"
    done = infer(
        "--images", EXAMPLES / "tiles", "--out", out, "--report", report,
        "--labels", EXAMPLES / "masks",
    )  # fmt: skip
    assert (done.returncode, done.stderr) == (0, "")
    rows = lines_of(out)
    assert rows[0] == ["id", "rle_mask"]
    assert [row[0] for row in rows[1:]] == sorted(p.stem for p in (EXAMPLES / "tiles").iterdir())
    value = json.loads(report.read_text())
    assert value["read"] == value["rows"] == value["tiles"] == 24
    assert value["with_salt"] == sum(1 for row in rows[1:] if row[1])
    assert value["bad"] == []
    assert value["busy_s"].keys() == {"decode", "run", "encode", "journal"}
    assert value["verdict"] in done.stdout
    assert value["model"]["contract"]["contract_version"] == 1
    made = value["provenance"]
    assert made["source"] == str(EXAMPLES / "tiles")
    assert made["toolkit"] == __version__
    assert made["runtime"] == "onnxruntime " + version("onnxruntime")
    began, ended = (datetime.datetime.fromisoformat(made[name]) for name in ("began", "ended"))
    assert began.utcoffset() == datetime.timedelta(0)
    assert began <= ended <= datetime.datetime.now(datetime.UTC)
    assert f"score {value['score']:.4f}" in done.stdout
    assert "24 of 24 tiles" in done.stdout
    assert "tiles/s" in done.stdout


def test_a_zip_gives_the_same_bytes(tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / "tiles.zip", "w") as archive:
        for path in (EXAMPLES / "tiles").iterdir():
            archive.write(path, f"images/{path.name}")
    outs = [tmp_path / "a.csv", tmp_path / "b.csv"]
    for source, out in zip([EXAMPLES / "tiles", tmp_path / "tiles.zip"], outs, strict=True):
        assert infer("--images", source, "--out", out).returncode == 0
    assert outs[0].read_bytes() == outs[1].read_bytes()


@pytest.mark.parametrize("options", [("-b", 1), ("-b", 64, "-j", 4), ("-b", 7, "-j", 1)])
def test_the_default_models_rows_do_not_depend_on_batches(
    tmp_path: Path, options: tuple[object, ...]
) -> None:
    reference, out = tmp_path / "a.csv", tmp_path / "b.csv"
    assert here("--images", EXAMPLES / "tiles", "--out", reference).returncode == 0
    assert here("--images", EXAMPLES / "tiles", "--out", out, *options).returncode == 0
    assert out.read_bytes() == reference.read_bytes()


def test_options_change_the_masks(tmp_path: Path, gated_model: Path, tile_folder: Path) -> None:
    def rows(*options: object) -> dict[str, str]:
        out = tmp_path / "out.csv"
        done = here(
            "--images", tile_folder / "tiles", "--out", out, "--model", gated_model,
            "--overwrite", *options,
        )  # fmt: skip
        assert done.returncode == 0, done.stderr
        return table.read_rows(out)

    everything = rows("--gate", 0, "--threshold", 0)
    assert set(everything.values()) == {"1 10201"}
    assert set(rows("--gate", 1).values()) == {""}
    assert rows("--gate", 0, "--tta", "none") != rows("--gate", 0, "--tta", "hflip")


def test_all_kinds_of_output_say_the_same(tmp_path: Path) -> None:
    out = tmp_path / "x.csv.gz"
    done = here(
        "--images", EXAMPLES / "tiles", "--out", out, "--masks", tmp_path / "masks",
        "--probabilities", tmp_path / "x.npz", "--min-area", 2000, "--threshold", 0.5,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    (tmp_path / "x.csv").write_bytes(gzip.decompress(out.read_bytes()))
    rows = table.read_rows(tmp_path / "x.csv")
    with Labels(tmp_path / "masks") as drawn:
        masks = drawn.masks(list(rows))
    assert rle.encode(masks) == list(rows.values())
    with np.load(tmp_path / "x.npz", allow_pickle=False) as found:
        assert found["ids"].tolist() == list(rows)
        sure = found["probability"] >= 128
    area = masks.sum(axis=(1, 2))
    assert 0 < np.count_nonzero(area) < 24
    assert ((area == 0) | (area >= 2000)).all()
    np.testing.assert_array_equal(sure[area > 0], masks[area > 0] == 1)
    # The probabilities are what the model said, whatever became of the mask.
    assert sure[area == 0].any()


@pytest.fixture
def mixed(tmp_path: Path) -> Path:
    """20 good tiles and each kind of bad one."""
    folder = tmp_path / "mixed"
    folder.mkdir()
    for index in range(20):
        (folder / f"good-{index:02d}.png").write_bytes(pngs.good_tile())
    for kind, (data, _) in pngs.bad_tiles().items():
        (folder / f"bad-{kind}.png").write_bytes(data)
    return folder


@pytest.mark.parametrize("on_error", ["skip", "empty", "stop"])
def test_bad_tiles(mixed: Path, tmp_path: Path, gated_model: Path, on_error: str) -> None:
    out, report = tmp_path / "out.csv", tmp_path / "report.json"
    done = here(
        "--images", mixed, "--out", out, "--model", gated_model, "--report", report,
        "--on-error", on_error, "--gate", 0, "--threshold", 0, "--batch-size", 64,
    )  # fmt: skip
    assert done.returncode == 3
    kinds = pngs.bad_tiles()
    assert json.loads(report.read_text())["read"] == 20
    reported = {bad["id"]: bad["reason"] for bad in json.loads(report.read_text())["bad"]}
    assert reported.keys() == {f"bad-{kind}" for kind in kinds}
    for kind, (_, says) in kinds.items():
        assert says in reported[f"bad-{kind}"]
        assert f"bad-{kind}.png: {reported[f'bad-{kind}']}\n" in done.stderr
    if on_error == "stop":
        assert not out.exists()
        assert "no output written" in done.stderr
        return
    rows = table.read_rows(out)
    good = {name for name, text in rows.items() if text == "1 10201"}
    assert good == {f"good-{index:02d}" for index in range(20)}
    empty = {name for name, text in rows.items() if not text}
    assert empty == (reported.keys() if on_error == "empty" else set())


def detailed(out: Path, *arguments: object) -> list[list[str]]:
    """Rows of a run with --details, the header first; its report lies beside."""
    done = here("--details", "--out", out, "--report", out.with_suffix(".json"), *arguments)
    assert done.returncode in (0, 3), done.stderr
    return lines_of(out)


def test_details_add_columns_and_change_no_mask(
    tile_folder: Path, tmp_path: Path, gated_model: Path, dense_model: Path
) -> None:
    # The tiny model's salt of these tiles is 0.44 to 0.49: some pass this gate.
    request = ("--images", tile_folder / "tiles", "--gate", 0.46)
    plain, out = tmp_path / "plain.csv", tmp_path / "detailed.csv"
    assert here("--out", plain, "--model", gated_model, *request).returncode == 0
    rows = detailed(out, "--model", gated_model, *request)
    assert rows[0] == ["id", "rle_mask", "salt", "confidence", "crc32"]
    ids, pixels = read_tiles(tile_folder / "tiles")
    assert [(row[0], int(row[4], 16)) for row in rows[1:]] == [
        (name, zlib.crc32(tile.tobytes())) for name, tile in zip(ids, pixels, strict=True)
    ]
    assert [row[:2] for row in rows] == lines_of(plain)
    drawn = [row for row in rows[1:] if row[1]]
    assert 0 < len(drawn) < 40
    for _, mask, salt, sure, _ in rows[1:]:
        assert (float(salt) > 0.46) == bool(mask)
        if mask:
            assert 0 < float(sure) < float(salt)
        else:
            assert float(sure) == pytest.approx(1 - float(salt), abs=1.01e-4)
    dense = detailed(tmp_path / "dense.csv", "--model", dense_model, *request)
    assert [row[0] for row in dense] == [row[0] for row in rows]
    for mine, other in zip(rows[1:], dense[1:], strict=True):
        assert list(map(float, mine[2:4])) == pytest.approx(list(map(float, other[2:4])), abs=2e-4)
        assert mine[4] == other[4]


@pytest.mark.parametrize("details", [(), ("--details",)])
def test_the_report_names_the_file_it_speaks_of(
    tmp_path: Path, gated_model: Path, details: tuple[str, ...]
) -> None:
    out, report = tmp_path / "out.csv", tmp_path / "out.json"
    done = here(
        "--images", EXAMPLES / "tiles", "--out", out, "--model", gated_model, "--report", report,
        "--labels", EXAMPLES / "masks", *details,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    value = json.loads(report.read_text())
    assert value["out_sha256"] == hashlib.sha256(out.read_bytes()).hexdigest()
    assert value["options"]["details"] == bool(details)
    assert value["score"] is not None


def test_a_detailed_submission_serves_as_labels(tmp_path: Path, gated_model: Path) -> None:
    request = ("--images", EXAMPLES / "tiles", "--model", gated_model, "--gate", 0)
    detailed(tmp_path / "a.csv", *request)
    done = here("--out", tmp_path / "b.csv", "--labels", tmp_path / "a.csv", *request)
    assert "score 1.0000" in done.stdout


@pytest.mark.parametrize("on_error", ["skip", "empty"])
def test_details_of_bad_tiles(
    mixed: Path, tmp_path: Path, gated_model: Path, on_error: str
) -> None:
    (mixed / "odd \n name.png").write_bytes(pngs.good_tile())
    (mixed / 'a,"b.png').write_bytes(pngs.good_tile())
    header, *rows = detailed(
        tmp_path / "out.csv", "--images", mixed, "--model", gated_model, "--on-error", on_error,
        "--gate", 1, "--batch-size", 4,
    )  # fmt: skip
    assert header[2:] == ["salt", "confidence", "crc32"]
    of_bad = {row[0]: row[1:] for row in rows if row[0].startswith("bad-")}
    kinds = pngs.bad_tiles() if on_error == "empty" else {}
    assert of_bad == {f"bad-{kind}": ["", "nan", "0.0000", ""] for kind in kinds}
    good = [row for row in rows if row[0] not in of_bad]
    assert [row[0] for row in good] == ['a,"b', *(f"good-{index:02d}" for index in range(20))]
    assert len({tuple(row[1:]) for row in good}) == 1
    assert 0 < float(good[0][3]) < 1


def test_a_run_that_stops_has_no_file_to_name(mixed: Path, tmp_path: Path) -> None:
    report = tmp_path / "report.json"
    done = infer(
        "--images", mixed, "--out", tmp_path / "out.csv", "--report", report, "--details",
        "--on-error", "stop",
    )  # fmt: skip
    assert done.returncode == 3
    value = json.loads(report.read_text())
    assert (value["out"], value["out_sha256"]) == (None, "")


@pytest.mark.parametrize("on_error", ["skip", "empty", "stop"])
def test_nothing_but_bad_tiles(tmp_path: Path, gated_model: Path, on_error: str) -> None:
    """Of a wrong list, say: the corrected command has nothing in its way."""
    (tmp_path / "wrong.txt").write_text("".join(f"no-{number}\n" for number in range(50)))
    out, report = tmp_path / "out.csv", tmp_path / "report.json"
    done = here(
        "--images", tmp_path / "wrong.txt", "--out", out, "--model", gated_model,
        "--on-error", on_error, "--batch-size", 64, "--report", report,
    )  # fmt: skip
    assert done.returncode == 3
    *named, more, said = done.stderr.splitlines()
    assert len(named) == 20
    assert all("bad tile" in line for line in named)
    assert "... and 30 more bad tiles; --report" in more
    assert "no output written" in said
    assert ("none of the 50 tiles" in said) == (on_error != "stop")
    assert sorted(os.listdir(tmp_path)) == ["report.json", "wrong.txt"]
    assert len(json.loads(report.read_text())["bad"]) == 50


def test_a_data_set_gives_its_tiles_and_its_masks(tmp_path: Path) -> None:
    done = infer("--images", EXAMPLES, "--labels", EXAMPLES, "--out", tmp_path / "x.csv")
    assert done.returncode == 0, done.stderr
    assert "24 of 24 tiles" in done.stdout
    assert "(all-empty masks: 0.2500)" in done.stdout


def test_an_existing_output_is_refused_before_anything_runs(tmp_path: Path) -> None:
    out = tmp_path / "out.csv"
    out.write_text("precious")
    done = infer("--images", EXAMPLES / "tiles", "--out", out)
    assert done.returncode == 2
    assert "--overwrite" in done.stderr
    assert out.read_text() == "precious"


@pytest.mark.parametrize(
    ("arguments", "code", "says"),
    [
        (("--images", "missing", "--out", "x.csv"), 2, "missing does not exist"),
        (("--out", "x.csv"), 2, "Missing option '--images'"),
        (("--images", EXAMPLES / "tiles", "--out", "no/x.csv"), 2, "no does not exist"),
        (("--images", EXAMPLES / "tiles", "--out", "x.csv", "--threshold", 2), 2, "0.0<=x<=1.0"),
        (("--images", EXAMPLES / "tiles", "--out", "x.csv", "--gate", "0,5"), 2, "a valid number."),
        (("--images", EXAMPLES / "tiles", "--out", "x.csv", "-b", "x"), 2, "a valid whole number."),
        (("--images", EXAMPLES / "tiles", "--out", "x.csv", "-m", "no.onnx"), 2, "no.onnx does"),
        (("--images", EXAMPLES / "tiles", "--out", "x.csv", "--gate", "nan"), 2, "nan is not in"),
        (("--images", EXAMPLES / "tiles", "--out", "x.csv", "--report", "x.csv"), 2, "in .json"),
        (("--images", EXAMPLES / "tiles", "--out", "/dev/null", "--overwrite"), 2, "ends in .csv"),
        (("--images", EXAMPLES / "tiles", "--out", "x.csv", "--masks", "no/m"), 2, "no does not"),
        (("--images", EXAMPLES / "tiles", "--out", "x.csv", "--min-area", "-1"), 2, "0<=x<=10201"),
        (("--images", "a" * 300, "--out", "x.csv"), 2, "File name too long"),
    ],
)
def test_errors_are_one_line_and_leave_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, arguments: tuple[object, ...], code: int,
    says: str,
) -> None:  # fmt: skip
    monkeypatch.chdir(tmp_path)
    done = here(*arguments)
    assert done.returncode == code
    assert says in done.stderr
    assert "Traceback" not in done.stderr
    assert os.listdir(tmp_path) == []


def test_a_runs_own_inputs_are_never_overwritten(tmp_path: Path) -> None:
    copy = tmp_path / "labels.csv"
    shutil.copy(ROOT / "tests/golden/examples.csv", copy)
    (tmp_path / "link.csv").symlink_to(copy)
    done = infer(
        "--images", EXAMPLES / "tiles", "--labels", copy, "--out", tmp_path / "link.csv",
        "--overwrite",
    )  # fmt: skip
    assert done.returncode == 2
    assert "link.csv is both read and written" in done.stderr
    assert copy.read_bytes() == (ROOT / "tests/golden/examples.csv").read_bytes()


def test_ctrl_c_while_packages_are_imported_gives_no_traceback() -> None:
    code = (
        "import sys, time\n"
        "from salt_infer.cli import console\n"
        "with console.importing():\n"
        "    print('up', flush=True)\n"
        "    time.sleep(600)\n"
    )
    with subprocess.Popen(
        [sys.executable, "-c", code], stdout=subprocess.PIPE, stderr=subprocess.PIPE
    ) as process:
        assert process.stdout is not None
        assert process.stderr is not None
        process.stdout.readline()
        process.send_signal(signal.SIGINT)
        assert process.wait(timeout=600) == -signal.SIGINT
        assert process.stderr.read() == b""


def test_a_current_folder_that_is_gone_is_told(tmp_path: Path) -> None:
    gone = tmp_path / "gone"
    gone.mkdir()
    code = (
        f"import os; os.chdir({str(gone)!r}); os.rmdir({str(gone)!r})\n"
        "import sys; sys.argv = ['salt-infer', '--images', 'x', '--out', 'x.csv']\n"
        "from salt_infer.cli.infer import main; main()"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 1
    assert done.stderr == "salt-infer: the current folder is gone; change to another\n"


def test_a_full_standard_output_is_told_and_costs_nothing(tmp_path: Path) -> None:
    out = tmp_path / "x.csv"
    command = [sys.executable, "-m", "salt_infer", "--images", EXAMPLES / "tiles", "--out", out]
    with open("/dev/full", "w") as full:
        done = subprocess.run(command, stdout=full, stderr=subprocess.PIPE, text=True, check=False)
    assert done.returncode == 1
    assert "No space left on device" in done.stderr
    assert "Traceback" not in done.stderr
    assert len(lines_of(out)) == 25


def test_missing_labels_fail_before_anything_is_published(tmp_path: Path) -> None:
    (tmp_path / "labels.csv").write_text("id,rle_mask\n")
    out = tmp_path / "out.csv"
    done = infer("--images", EXAMPLES / "tiles", "--out", out, "--labels", tmp_path / "labels.csv")
    assert done.returncode == 1
    assert "no label for 24 of 24 tiles" in done.stderr
    assert not out.exists()


def test_a_broken_label_is_told_of_before_the_run(tmp_path: Path) -> None:
    names = sorted(path.stem for path in (EXAMPLES / "tiles").iterdir())
    text = "".join(f"{name},1 2 3\n" for name in names)
    (tmp_path / "labels.csv").write_text("id,rle_mask\n" + text)
    out = tmp_path / "out.csv"
    done = here("--images", EXAMPLES / "tiles", "--out", out, "--labels", tmp_path / "labels.csv")
    assert done.returncode == 1
    assert "label of synthetic-00000: run-length string has 3 numbers" in done.stderr
    assert not out.exists()


@pytest.mark.parametrize(
    ("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)], ids=["ctrl-c", "sigterm"]
)
def test_an_interrupted_run_ends_at_once_and_says_how_to_go_on(
    tmp_path: Path, number: int, code: int
) -> None:
    tiles, outs = tmp_path / "tiles", tmp_path / "outs"
    tiles.mkdir()
    outs.mkdir()
    for index in range(20_000):
        (tiles / f"{index}.png").symlink_to(EXAMPLES / "tiles" / "synthetic-00001.png")
    command = [
        sys.executable, "-m", "salt_infer", "--images", str(tiles), "--out", str(outs / "x.csv"),
        "--progress", "--batch-size", "64",
    ]  # fmt: skip
    with subprocess.Popen(command, stderr=subprocess.PIPE) as process:
        assert process.stderr is not None
        seen = b""
        while b"64/20000" not in seen:
            assert process.poll() is None, seen
            seen += process.stderr.read1()
        process.send_signal(number)
        seen += process.stderr.read()
        assert process.wait(timeout=600) == code
    kept = re.search(rb"(\d+) of 20000 tiles are done and kept in", seen)
    assert kept is not None
    assert 0 < int(kept[1]) < 20_000
    assert os.listdir(outs) == ["x.csv.journal"]


def test_help_is_quick_and_imports_little() -> None:
    code = (
        "import sys, salt_infer.cli.infer; print(*sorted({m.split('.')[0] for m in sys.modules}))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert not {"torch", "onnx", "onnxruntime", "pandas"} & set(done.stdout.split())
    seconds = []
    for _ in range(3):
        started = _spent_by_children()
        assert infer("--help").returncode == 0
        seconds.append(_spent_by_children() - started)
    assert min(seconds) < 0.5


def _spent_by_children() -> float:
    """CPU seconds of processes that have ended: other tests run at the same time."""
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def test_a_run_needs_neither_torch_nor_onnx(tmp_path: Path) -> None:
    out = tmp_path / "x.csv"
    code = (
        "import sys\n"
        "for name in ('torch', 'onnx', 'onnxscript', 'pandas'): sys.modules[name] = None\n"
        f"sys.argv = ['salt-infer', '--images', {str(EXAMPLES / 'tiles')!r},"
        f" '--out', {str(out)!r}]\n"
        "from salt_infer.cli.infer import main\n"
        "main()\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert len(lines_of(out)) == 25


def test_without_a_runtime_the_remedy_is_named(tmp_path: Path) -> None:
    code = (
        "import sys\n"
        "sys.modules['onnxruntime'] = sys.modules['openvino'] = None\n"
        f"sys.argv = ['salt-infer', '--images', {str(EXAMPLES / 'tiles')!r}, '--out', 'x.csv']\n"
        "from salt_infer.cli.infer import main\n"
        "main()\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=False, cwd=tmp_path
    )
    assert done.returncode == 1
    assert "pip install 'salt-toolkit[cpu]'" in done.stderr
    assert "Traceback" not in done.stderr


@pytest.mark.skipif(sys.platform != "linux", reason="names there are bytes")
@pytest.mark.parametrize("encoding", ["utf-8:strict", "ascii:strict"])
def test_names_that_are_no_utf8(tmp_path: Path, encoding: str) -> None:
    """Whatever is to be written or read may be called so, a model's file excepted."""
    folder = Path(os.fsdecode(os.fsencode(tmp_path) + b"/\xff"))
    folder.mkdir()
    for kind in ("tiles", "masks"):
        shutil.copytree(ROOT / "examples" / kind, folder / kind)
    names = sorted(os.listdir(folder / "tiles"))
    (folder / "list.txt").write_text("\n".join(f"tiles/{name}" for name in names))
    bad = "\udcfe\N{SNOWMAN}"

    def run(images: str, *more: object) -> subprocess.CompletedProcess[str]:
        command = [sys.executable, "-m", "salt_infer", "--images", images, "--gate", "1", *more]
        env = os.environ | {"PYTHONIOENCODING": encoding}
        return subprocess.run(
            command, capture_output=True, text=True, errors="replace", env=env, cwd=folder
        )

    done = run(
        "list.txt", "--out", f"{bad}.csv", "--report", f"{bad}.json", "--masks", f"{bad}-masks",
        "--probabilities", f"{bad}.npz", "--labels", folder / "masks",
    )  # fmt: skip
    assert (done.returncode, done.stderr) == (0, "")
    assert "24 of 24 tiles -> " in done.stdout
    assert "\N{SNOWMAN}.csv (24 rows, " in done.stdout  # click makes UTF-8 of ASCII
    assert table.read_rows(folder / f"{bad}.csv").keys() == {name[:-4] for name in names}
    assert json.loads((folder / f"{bad}.json").read_text())["out"] == f"{bad}.csv"
    assert len(os.listdir(folder / f"{bad}-masks")) == len(names)
    again = run("tiles", "--out", f"{bad}.csv")
    assert again.returncode == 2
    assert "exists; give --overwrite" in again.stderr
    (folder / f"{bad}.onnx").write_bytes(b"")
    model = run("tiles", "--out", "x.csv", "--model", f"{bad}.onnx")
    assert model.returncode == 1
    assert "is not UTF-8, and runtimes take no other paths; rename it" in model.stderr
    assert model.stderr.count("\n") == 1


def test_tiles_that_were_not_stretched_are_told_of(tmp_path: Path) -> None:
    (tmp_path / "tiles").mkdir()
    for path in sorted((EXAMPLES / "tiles").iterdir())[:3]:
        rows = [row.astype(">u2").tobytes() for row in png.decode(path.read_bytes())]
        (tmp_path / "tiles" / path.name).write_bytes(pngs.png(16, 0, rows))
    done = here("--images", tmp_path / "tiles", "--out", tmp_path / "a.csv")
    assert done.returncode == 0
    assert done.stderr == (
        "salt-infer: 3 of 3 tiles are 16-bit, with at most 1/16 of the range in use: "
        "stretched to 0..65535? (synthetic-00000, synthetic-00001, synthetic-00002)\n"
    )
