from __future__ import annotations

import asyncio
import itertools
from collections.abc import AsyncIterator

import pytest
from hypothesis import given
from hypothesis import strategies as st

from salt_serve import uploads
from salt_serve.errors import RequestError, TooLargeError, UnreadableError, WrongTypeError
from salt_serve.limits import Limits
from salt_serve.uploads import Upload

BOUNDARY = "x7y"
KIND = f"multipart/form-data; boundary={BOUNDARY}"
SMALL = Limits(file_bytes=20, files=3, request_bytes=1000, held_bytes=2000)


def part(data: bytes, disposition: str = 'form-data; name="files"; filename="a.png"') -> bytes:
    head = f"--{BOUNDARY}\r\nContent-Disposition: {disposition}\r\n\r\n"
    return head.encode() + data + b"\r\n"


def body(*parts: bytes) -> bytes:
    return b"".join(parts) + f"--{BOUNDARY}--\r\n".encode()


def read(
    data: bytes, kind: str = KIND, limits: Limits = SMALL, cuts: tuple[int, ...] = ()
) -> list[Upload]:
    async def chunks() -> AsyncIterator[bytes]:
        places = sorted({0, *(cut for cut in cuts if cut < len(data)), len(data)})
        for start, end in itertools.pairwise(places):
            yield data[start:end]

    return asyncio.run(uploads.read(kind, chunks(), limits))


def test_files_come_in_order_with_their_names() -> None:
    named = 'form-data; name="files"; filename="b;\\"c\\".png"'
    unnamed = 'form-data; name="files"'
    found = read(body(part(b"one"), part(b"two\r\n", named), part(b"", unnamed)))
    assert found == [Upload("a.png", b"one"), Upload('b;"c".png', b"two\r\n"), Upload("", b"")]


@given(
    contents=st.lists(st.binary(max_size=20), min_size=1, max_size=3),
    cuts=st.lists(st.integers(1, 400), max_size=8),
)
def test_where_the_body_is_cut_does_not_matter(contents: list[bytes], cuts: list[int]) -> None:
    marker = f"--{BOUNDARY}".encode()
    contents = [data for data in contents if marker not in data] or [b"one"]
    found = read(body(*map(part, contents)), cuts=tuple(cuts))
    assert [upload.data for upload in found] == contents


@pytest.mark.parametrize("before", [b"\r\n", b"\n", b"For readers --x7y of mail.\r\n", b"-\n" * 99])
def test_what_is_before_the_first_boundary_counts_for_nothing(before: bytes) -> None:
    data = before + body(part(b"one"))
    for cut in range(1, len(data)):
        assert read(data, cuts=(cut,)) == [Upload("a.png", b"one")]


@given(data=st.binary(max_size=300), cuts=st.lists(st.integers(1, 300), max_size=4))
def test_any_bytes_give_files_or_a_reason(data: bytes, cuts: list[int]) -> None:
    for whole in (data, body(data), body(part(data)), part(b"x") + data):
        try:
            found = read(whole, cuts=tuple(cuts))
        except RequestError as error:
            assert "\n" not in str(error)
        else:
            assert found


@given(header=st.text(max_size=80))
def test_any_content_type_gives_files_or_a_reason(header: str) -> None:
    header = header.encode("latin-1", errors="replace").decode("latin-1")
    for kind in (header, f"multipart/form-data;{header}", f"multipart/form-data;boundary={header}"):
        with pytest.raises((WrongTypeError, UnreadableError)):
            read(b"nothing of that kind", kind)


def test_a_file_that_is_too_large_is_counted_but_not_kept() -> None:
    found = read(body(part(bytes(20)), part(bytes(21)), part(b"x")))
    assert [upload.data for upload in found] == [bytes(20), None, b"x"]


@pytest.mark.parametrize(
    ("data", "kind", "error", "message"),
    [
        (b"", "", WrongTypeError, "the body is untyped, expected multipart/form-data"),
        (b"", "image/png", WrongTypeError, "the body is 'image/png', expected multipart"),
        (b"", "multipart/form-data", UnreadableError, "boundary has 0 bytes, expected 1 to 70"),
        (b"", f"{KIND}{'y' * 70}", UnreadableError, "boundary has 73 bytes"),
        (b"", KIND, UnreadableError, "no line of the body begins with -- and the boundary that"),
        (part(b"x"), KIND, UnreadableError, "its last boundary is missing"),
        (body(), KIND, UnreadableError, "holds no files; send PNGs in fields named 'files'"),
        (b"no form at all --x7y", KIND, UnreadableError, "no line of the body begins with --"),
        (b"--x7yz\r\n", KIND, UnreadableError, "the form is damaged"),
        (body(part(b"x", 'form-data; name="file"')), KIND, UnreadableError, "has a field 'file'"),
        (body(part(b"x", "form-data")), KIND, UnreadableError, "has a field ''"),
        (body(*[part(b"x")] * 4), KIND, TooLargeError, "more than 3 files"),
        (body(part(b"x", "a" * 5000)), KIND, UnreadableError, "Maximum header size"),
    ],
)
def test_what_is_wrong_is_said(
    data: bytes, kind: str, error: type[RequestError], message: str
) -> None:
    with pytest.raises(error, match=message):
        read(data, kind)


def test_what_browsers_escape_in_names_is_given_back() -> None:
    named = 'form-data; name="files"; filename="%22a%22 100%25%0D%0A.png"'
    assert read(body(part(b"x", named)))[0].name == '"a" 100%25\r\n.png'


@pytest.mark.parametrize(
    ("named", "name"),
    [
        ("filename*=UTF-8''salt%20%e2%82%ac.png", "salt €.png"),
        ("FileName*=utf-8'en'a%3Bb.png; more=x", "a;b.png"),
        ("filename*=UTF-8''b.png; filename=\"a.png\"", "a.png"),
        ("filename*=UTF-8''%ff.png", "\N{REPLACEMENT CHARACTER}.png"),
        ("filename*=UTF-8''" + "%6e" * 1000, "n" * 255),
        ("filename*=other''b.png", ""),
        ("filename*=b.png", ""),
    ],
)
def test_a_name_may_be_sent_in_the_extended_form_alone(named: str, name: str) -> None:
    assert read(body(part(b"x", f'form-data; name="files"; {named}'))) == [Upload(name, b"x")]


def test_names_are_text_of_bounded_length() -> None:
    long, broken = b"n" * 1000, b"\xff\xfe<b>"
    for raw in (long, broken):
        head = b'--x7y\r\nContent-Disposition: form-data; name="files"; filename="' + raw
        (found,) = read(head + b'"\r\n\r\nx\r\n--x7y--\r\n', limits=Limits())
        assert found.name == raw.decode("utf-8", errors="replace")[:255]
