"""Requests that nobody would write by hand; none of them may be an error of the server's own."""

from __future__ import annotations

import os
import re
import struct
import subprocess
import sys
import zlib
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from salt_serve.schemas import Predictions, Problem
from tests import pngs
from tests.serve.running import Running

# The description cannot say that a file is a PNG of 101x101 pixels, nor that with each=true a bad
# file is no bad request. What is left: no 5xx, and only answers of the described kinds.
NOT_TOLD = "positive_data_acceptance,negative_data_rejection"


@pytest.mark.slow
def test_schemathesis_finds_no_fault(server: Running, tmp_path: Path) -> None:
    command = [
        Path(sys.executable).with_name("schemathesis"),
        "run",
        f"{server.url}/openapi.json",
        f"--exclude-checks={NOT_TOLD}",
        "--phases=coverage,fuzzing",
        "--max-examples=80",
        "--seed=1",
        "--generation-database=none",
        "--no-color",
    ]
    environment = os.environ | {"NO_PROXY": "127.0.0.1"}
    # It keeps a folder of what it found where it runs.
    done = subprocess.run(
        command, cwd=tmp_path, env=environment, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout[-5000:]
    assert "Tested: 5" in done.stdout
    generated = re.search(r"(\d+) generated", done.stdout)
    assert generated
    assert int(generated[1]) > 100


@pytest.mark.slow
@settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data())
def test_tiles_with_changed_bytes_have_an_answer_or_a_reason(
    server: Running, tiles: dict[str, bytes], data: st.DataObject
) -> None:
    sound = tiles["synthetic-00012.png"]
    changed = bytearray(sound)
    for place, value in data.draw(
        st.lists(st.tuples(st.integers(0, len(sound) - 1), st.integers(0, 255)), max_size=4)
    ):
        changed[place] = value
    cut = data.draw(st.integers(0, len(sound)) | st.just(len(sound)))
    response = server.predict([("a.png", bytes(changed[:cut])), ("b.png", _odd(data))])
    if response.status_code == 200:
        assert len(Predictions.model_validate(response.json()).results) == 2
    else:
        assert response.status_code in (415, 422)
        Problem.model_validate(response.json())


def _odd(data: st.DataObject) -> bytes:
    """A PNG with right checksums and any header and image data."""
    header = struct.pack(
        ">IIBBBBB",
        data.draw(st.sampled_from([101, 0, 1, 2**31])),
        data.draw(st.sampled_from([101, 0, 102])),
        data.draw(st.sampled_from([1, 2, 4, 8, 16, 0, 255])),
        data.draw(st.sampled_from([0, 2, 3, 4, 6, 1])),
        *data.draw(st.tuples(st.just(0), st.just(0), st.integers(0, 2))),
    )
    pixels = data.draw(st.binary(max_size=50)) + bytes(data.draw(st.integers(0, 100_000)))
    palette = data.draw(st.sampled_from([[], [pngs.chunk(b"PLTE", bytes(768))]]))
    chunks = [
        pngs.chunk(b"IHDR", header),
        *palette,
        pngs.chunk(b"IDAT", zlib.compress(pixels)),
        pngs.chunk(b"IEND", b""),
    ]
    return pngs.SIGNATURE + b"".join(chunks)
