from __future__ import annotations

from pathlib import Path

import pytest

from salt_infer.doctor import child
from salt_infer.doctor.child import Ended


def process(folder: Path, monkeypatch: pytest.MonkeyPatch, code: str, seconds: float) -> Ended:
    """What becomes of a module with this code."""
    (folder / "ours.py").write_text(code)
    monkeypatch.setenv("PYTHONPATH", str(folder))
    return child.run("ours", "argument", timeout_s=seconds)


@pytest.mark.parametrize(
    ("code", "says"),
    [
        (
            "import os, signal; os.kill(os.getpid(), signal.SIGSEGV)",
            "crashed with SIGSEGV: ",
        ),
        ("raise SystemExit('no such\\nthing')", "exit code 1: thing"),
        ("print('hello')", "exit code 0: nothing on stderr"),
        ("print('{hello}')", "exit code 0: nothing on stderr"),
        ("print('[1]')", "exit code 0: nothing on stderr"),
        ("import time; time.sleep(60)", "no answer within 1 s"),
    ],
)
def test_a_process_without_an_answer_is_told_in_a_line(
    code: str, says: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    ended = process(tmp_path, monkeypatch, code, 1 if "sleep" in code else 120)
    assert ended.answer() is None
    assert ended.death.startswith(says)


def test_the_last_line_is_the_answer(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    code = "import sys; print('noise'); print('{\"a\": \"' + sys.argv[1] + '\"}')"
    assert process(tmp_path, monkeypatch, code, 120).answer() == {"a": "argument"}


def test_bytes_that_are_no_text_do_no_harm(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    code = "import os; os.write(2, b'\\xff\\xfe\\n'); os.write(1, b'\\xff\\n'); raise SystemExit(3)"
    ended = process(tmp_path, monkeypatch, code, 120)
    assert ended.code == 3
    assert ended.death.startswith("exit code 3: ")


def test_where_none_can_be_started(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(child, "_PYTHON", ("/nowhere/python",))
    ended = child.run("salt_infer")
    assert ended.code is None
    assert ended.death.startswith("no process can be started: ")
    assert ended.answer() is None
