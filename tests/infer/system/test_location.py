from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from salt_infer.cli import console
from salt_infer.errors import InputError
from salt_infer.system.location import Url, parse, typed


@pytest.mark.parametrize(
    "text", ["tiles", "/a/b.zip", "./s3:/a", "s3:/a", "a b", "~a", "1://a", "x/https://a"]
)
def test_paths(text: str) -> None:
    assert parse(text) == Path(text)


@pytest.mark.parametrize(
    "text",
    [
        "s3://a//b/",
        "gs://b",
        "https://h/t.zip?q=1",
        "memory://",
        "sftp://me@h/t",
        "S3://a/u:p@b",
        "https://h/a@b",
        "https://h?a@b",
        "https://h#a:c@b",
    ],
)
def test_urls_stay_as_they_are(text: str) -> None:
    place = parse(text)
    assert place == Url(text)
    assert isinstance(place, Url)
    assert place.scheme == text.partition(":")[0].lower()


@pytest.mark.parametrize(
    ("text", "suffix"),
    [
        ("s3://a/T.ZIP", ".zip"), ("https://h/t.zip?key=a.b", ".zip"), ("s3://a/what?.csv", ".csv"),
        ("s3://a.zip.d/tiles/", ""), ("https://h/t/?a.zip", ""),
    ],
)  # fmt: skip
def test_suffix(text: str, suffix: str) -> None:
    assert Url(text).suffix == suffix


def test_signatures_are_not_shown() -> None:
    assert str(Url("https://h/t.zip?signature=secret")) == "https://h/t.zip"
    assert str(Url("s3://b/what?")) == "s3://b/what?"


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("", "empty path"),
        ("file:///tiles", "give it without file://"),
        ("simplecache::s3://a/b", "chains"),
        ("zip://a.zip::https://secret@h/t", "chains"),
        ("https://secret@h/t::a", "https URL holds a password or token"),
        ("https://me:secret@h/t", "https URL holds a password or token before '@'"),
        ("https://secret@localhost:9/tiles/", "https URL holds a password or token"),
        ("HTTP://secret@h?a", "http URL holds a password or token"),
        ("sftp://me:secret@h/t", "sftp URL holds a password"),
    ],
)
def test_what_is_refused(text: str, says: str) -> None:
    with pytest.raises(InputError, match=says) as caught:
        parse(text)
    assert "secret" not in str(caught.value)


@given(st.text())
def test_whatever_is_typed(text: str) -> None:
    try:
        assert str(parse(text)) or text
    except InputError as error:
        assert str(error)


def test_a_home_that_the_shell_left_as_it_stands(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.chdir(tmp_path)
    assert parse("~/tiles") == typed("~/tiles") == tmp_path / "tiles"
    assert typed("~") == tmp_path
    assert typed("~root/x") == Path("~root/x")
    assert typed("a/~/x") == Path("a/~/x")
    assert console.PATH.convert("~/x.csv", None, None) == tmp_path / "x.csv"
    (tmp_path / "~").mkdir()
    assert typed("~/tiles") == Path("~/tiles")
