from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import exports
import precision
import pytest
import record
import rle
import serve
import tables
import training

from tests.conftest import ROOT

README = (ROOT / "benchmarks" / "README.md").read_text()
STORED = sorted(record.STORED.glob("*.json"))
MACHINE = {"cpu": "A fast one", "python": "3.11.7", "versions": {"numpy": "2.4.6", "torch": None}}
EMPTY = "# Title\n\n<!-- begin results/a.json -->\n<!-- end -->\n\nMore.\n"


def result(**more: Any) -> dict[str, Any]:
    return {"machine": MACHINE, "table": ["| a |", "|---|", "| 1 |"], **more}


def folder_with(path: Path, found: dict[str, Any]) -> Path:
    (path / "results").mkdir(exist_ok=True)
    (path / "results" / "a.json").write_text(json.dumps(found))
    return path


def stored(name: str) -> Any:
    return json.loads((record.STORED / f"{name}.json").read_text())


def test_the_readme_is_what_the_results_say() -> None:
    assert tables.render(README, ROOT / "benchmarks") == README


@pytest.mark.parametrize("path", STORED, ids=[path.stem for path in STORED])
def test_every_result_is_shown(path: Path) -> None:
    assert f"{tables.BEGIN}results/{path.name} -->" in README


def test_stored_tables_and_ratios_follow_from_the_stored_samples() -> None:
    samples = stored("rle")
    again = rle.result(samples["loop_s"], samples["encode_s"])
    assert again == {key: samples[key] for key in again}
    again = training.result(stored("training")["recipes"])
    assert again == {key: stored("training")[key] for key in again}
    assert exports.table(stored("exports")["networks"]) == stored("exports")["table"]
    assert precision.table(stored("precision")["files"]) == stored("precision")["table"]


def test_a_block_is_the_table_and_where_it_comes_from(tmp_path: Path) -> None:
    machine = {
        **MACHINE,
        "features": ["avx2", "amx_int8"],
        "cpus": 1,
        "gpus": [{"name": "Big", "driver": "600.1", "memory": "80000 MiB"}, {"problem": "asleep"}],
    }
    found = result(machine=machine, threads=2, repeats=1, command="python benchmarks/a.py --short")
    assert tables.render(EMPTY, folder_with(tmp_path, found)) == (
        "# Title\n\n<!-- begin results/a.json -->\n| a |\n|---|\n| 1 |\n\n"
        "results/a.json: A fast one (avx2 amx_int8), 1 CPU, Big (driver 600.1), Python 3.11.7, "
        "numpy 2.4.6, 2\nthreads, 1 repeat; `python benchmarks/a.py --short`\n"
        "<!-- end -->\n\nMore.\n"
    )


def test_a_result_that_says_less_is_shown_too(tmp_path: Path) -> None:
    text = tables.render(EMPTY, folder_with(tmp_path, result()))
    assert "\nresults/a.json: A fast one, Python 3.11.7, numpy 2.4.6; `benchmarks/a.py`\n" in text


def test_rendering_twice_changes_nothing(tmp_path: Path) -> None:
    once = tables.render(EMPTY, folder_with(tmp_path, result()))
    assert tables.render(once, tmp_path) == once != EMPTY


@pytest.mark.parametrize(
    "readme",
    [
        "<!-- begin results/a.json -->\n",
        "<!-- begin results/a.json -->\n<!-- begin results/a.json -->\n<!-- end -->\n",
        "<!-- end -->\n",
        "text <!-- begin results/a.json -->\n<!-- end -->\n",
        "<!-- begin ../secret.json -->\n<!-- end -->\n",
    ],
)
def test_a_marker_without_its_other_half_is_refused(tmp_path: Path, readme: str) -> None:
    with pytest.raises(SystemExit, match="whole blocks"):
        tables.render(readme, folder_with(tmp_path, result()))


def test_a_result_that_is_missing_or_has_no_table_is_named(tmp_path: Path) -> None:
    with pytest.raises(SystemExit, match=r"results/a\.json does not exist"):
        tables.render(EMPTY, tmp_path)
    with pytest.raises(SystemExit, match=r"results/a\.json has no table"):
        tables.render(EMPTY, folder_with(tmp_path, result(table=[])))


def test_check_writes_nothing_and_fails_until_it_was_written(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    readme = folder_with(tmp_path, result()) / "README.md"
    readme.write_text(EMPTY)
    monkeypatch.setattr("sys.argv", ["tables.py", "--check"])
    with pytest.raises(SystemExit, match="is not what the results say"):
        tables.main(readme)
    assert readme.read_text() == EMPTY
    monkeypatch.setattr("sys.argv", ["tables.py"])
    tables.main(readme)
    monkeypatch.setattr("sys.argv", ["tables.py", "--check"])
    tables.main(readme)


def test_the_web_pages_load_is_a_row_a_number_of_clients() -> None:
    found = {
        "batch_size": 32, "clients": 8, "requests_per_s": 101.26, "p50_s": 0.0701, "p99_s": 0.12,
        "tiles_per_batch": 7.96, "lost": 0, "memory_mb": [210.4, 211.0],
    }  # fmt: skip
    assert serve.table([found])[2:] == ["| 32 | 8 | 101.3 | 70.1 | 120.0 | 8.0 | 0 | 210 to 211 |"]
