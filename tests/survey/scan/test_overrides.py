"""What a user says of a survey."""

from __future__ import annotations

import pytest

from salt_survey.errors import SurveyError
from salt_survey.scan.overrides import Overrides


@pytest.mark.parametrize("names", [("inline_byte", "crossline_byte"), ("x_byte", "y_byte")])
def test_two_numbers_are_not_at_one_byte(names: tuple[str, str]) -> None:
    with pytest.raises(SurveyError, match="are both said to be at byte 9 of the trace header"):
        Overrides(**dict.fromkeys(names, 9))  # type: ignore[arg-type]
