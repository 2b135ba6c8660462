"""File headers that say what they cannot mean."""

from __future__ import annotations

from pathlib import Path

import pytest

from salt_survey.errors import ForeignError
from salt_survey.reading.survey import scanned
from salt_survey.scan.overrides import Overrides
from salt_survey.segy.order import Endian
from tests.survey.odd_surveys import sound


@pytest.mark.parametrize(
    ("said", "right", "code"), [("little", "big", 768), ("big", "little", 768)]
)
def test_an_order_that_is_wrong_is_said_to_be(
    tmp_path: Path, said: Endian, right: Endian, code: int
) -> None:
    path = tmp_path / "a.sgy"
    path.write_bytes(sound(endian=right).bytes())
    expected = (
        f"the sample format code {code} at byte 3225 when it is read {said} endian, .*; {right} "
        f"endian it is 3: leave --endian {said} out"
    )
    with pytest.raises(ForeignError, match=expected):
        scanned(path, Overrides(endian=said))


def test_a_code_that_is_none_in_either_order(tmp_path: Path) -> None:
    file = sound()
    file.binary(3225, 99)
    path = tmp_path / "a.sgy"
    path.write_bytes(file.bytes())
    for said in (Overrides(), Overrides(endian="big")):
        with pytest.raises(ForeignError, match=r"code 99 at byte 3225, .* in either byte order"):
            scanned(path, said)
