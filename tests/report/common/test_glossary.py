from __future__ import annotations

import re

import pytest

from salt_report.common import glossary


def test_words_are_listed_in_their_order() -> None:
    assert [name for name, _ in glossary.words("ROC", "IoU", "gate")] == ["IoU", "gate", "ROC"]
    with pytest.raises(KeyError, match="entropy"):
        glossary.words("entropy", "IoU")


def test_meanings_are_sentences() -> None:
    for name, meaning in glossary.MEANINGS.items():
        assert re.match("[A-Z0-9]", meaning), name
        assert meaning.endswith("."), name
