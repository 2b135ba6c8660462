"""What is shown on a terminal while an export goes on, and nowhere else."""

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


@pytest.mark.parametrize("show", [None, False])
def test_without_a_terminal_there_is_no_line(
    capsys: pytest.CaptureFixture[str], show: bool | None
) -> None:
    with Status(show) as status:
        status.doing("tracing the network")
        status.say("int8 by minmax")
    assert capsys.readouterr() == ("int8 by minmax\n", "")


def test_a_failure_takes_the_line_away(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(ValueError, match="it failed"), Status(True) as status:
        status.doing("tracing the network")
        raise ValueError("it failed")
    assert capsys.readouterr().err.splitlines()[-1].strip() == ""
