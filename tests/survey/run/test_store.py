from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from salt_infer.errors import InputError
from salt_survey.reading.survey import Survey
from salt_survey.run.store import Store
from tests.survey import small


@pytest.mark.parametrize(
    ("error", "raised"),
    [
        (RuntimeError("can't start new thread"), RuntimeError),
        (RuntimeError("error during blosc decompression: -1"), InputError),
        (ValueError("cannot reshape"), InputError),
    ],
)
def test_what_the_system_denies_is_no_fault_of_the_volume(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, error: Exception, raised: type[Exception]
) -> None:
    """A command tells the one by what mends it, the other by the volume's name."""
    with Survey.open(small.survey(tmp_path)) as survey:
        store = Store.create(tmp_path / "p.zarr", survey, {"probability": (16, 16)})

    class Denied:
        def __getitem__(self, where: Any) -> None:
            raise error

    monkeypatch.setattr(Store, "_array", lambda self, name: Denied())
    with pytest.raises(raised):
        store.read("probability", "inline", slice(0, 1))
