"""What is shown while an export goes on: a line that goes on a terminal, lines in a log."""

from __future__ import annotations

import pytest

from salt_export.status import Status


def test_a_line_is_replaced_and_goes_and_what_is_said_stays(
    capsys: pytest.CaptureFixture[str],
) -> None:
    with Status(True) as status:
        status.doing("tracing the network")
        status.say("int8 by minmax")
        status.doing("comparing")
    said = capsys.readouterr()
    assert said.out == "int8 by minmax\n"
    assert "\rsalt-export: tracing the network ..." in said.err
    assert "\rsalt-export: comparing ..." in said.err
    assert said.err.splitlines()[-1].strip() == ""


def test_in_a_log_each_stage_has_a_line(capsys: pytest.CaptureFixture[str]) -> None:
    with Status(None) as status:
        status.doing("tracing the network")
        assert capsys.readouterr().err == "salt-export: tracing the network ...\n"  # at once
        status.say("int8 by minmax")
        status.doing("comparing")
    assert capsys.readouterr() == ("int8 by minmax\n", "salt-export: comparing ...\n")


def test_where_none_is_asked_for_there_is_no_line(capsys: pytest.CaptureFixture[str]) -> None:
    with Status(False) as status:
        status.doing("tracing the network")
        status.say("int8 by minmax")
    assert capsys.readouterr() == ("int8 by minmax\n", "")


def test_a_failure_takes_the_line_away(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(ValueError, match="it failed"), Status(True) as status:
        status.doing("tracing the network")
        raise ValueError("it failed")
    assert capsys.readouterr().err.splitlines()[-1].strip() == ""
