from __future__ import annotations

import io
import os
import pickle
import re
import signal
import subprocess
import sys
import threading
import time
import zipfile
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import ClassVar

import pytest

from salt_infer.data import remote, zip_archive
from salt_infer.data.factory import open_tiles
from salt_infer.data.png_file import MAX_FILE_BYTES
from salt_infer.data.tiles import read_tiles
from salt_infer.errors import BadTilesError, InputError, TileError
from salt_infer.job import job
from salt_infer.job.job import Job
from salt_infer.job.watcher import Watcher
from salt_infer.masks import table
from salt_infer.system.location import Url
from tests.conftest import ROOT
from tests.infer import steady
from tests.pngs import good_tile
from tests.servers import BUCKET, BrokenOff, Bucket, Flaky, Stuck, Unmeasured, Web, Whole, serving

fsspec = pytest.importorskip("fsspec", reason="fsspec is not installed: extra cloud")

EXAMPLES = ROOT / "examples/tiles"


def needs(module: str) -> pytest.MarkDecorator:
    try:
        __import__(module)
    except ImportError:
        return pytest.mark.skip(reason=f"{module} is not installed: extra cloud")
    return pytest.mark.filterwarnings("error")


@pytest.fixture
def memory() -> Iterator[dict[str, bytes]]:
    """Files of ``memory://``, which begin with a slash."""
    files = fsspec.filesystem("memory")

    class Files(dict[str, bytes]):
        def __setitem__(self, name: str, data: bytes) -> None:
            files.pipe_file(name, data)

        def __delitem__(self, name: str) -> None:
            files.rm_file(name)

    yield Files()
    files.store.clear()
    files.pseudo_dirs[:] = [""]


def zipped(*names: str) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as zip_archive:
        for name in names:
            zip_archive.writestr(name, good_tile())
    return buffer.getvalue()


def infer(*arguments: object, **env: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "salt_infer", *map(str, arguments)]
    return subprocess.run(
        command, capture_output=True, text=True, check=False, env=os.environ | env
    )


def test_a_folder_is_listed_recursively_and_read(memory: dict[str, bytes]) -> None:
    for name in ("b.png", "deep/er/a.PNG", "._b.png", "__MACOSX/x.png", "notes.txt", ".h/d.png"):
        memory[f"/.data/tiles/{name}"] = name.encode()
    with open_tiles(Url("memory://.data/tiles")) as source:
        assert [tile.id for tile in source.tiles] == ["a", "b"]
        assert source.tiles[1].path == "memory:///.data/tiles/b.png"
        assert [source.read(tile) for tile in source.tiles] == [b"deep/er/a.PNG", b"b.png"]


def test_a_zip_is_read_in_place(memory: dict[str, bytes]) -> None:
    memory["/t/tiles.ZIP"] = zipped("a.png", "deep/b.png")
    with open_tiles(Url("memory://t/tiles.ZIP")) as source:
        assert [tile.id for tile in source.tiles] == ["a", "b"]
        assert source.read(source.tiles[1]) == good_tile()


def test_a_job_reads_them(memory: dict[str, bytes], tmp_path: Path) -> None:
    """The rows are those of the folder, and a bad tile is named."""
    for path in EXAMPLES.iterdir():
        memory[f"/tiles/{path.name}"] = path.read_bytes()
    memory["/tiles/x.png"] = b"no picture"
    outs = [tmp_path / "a.csv", tmp_path / "b.csv"]
    report = job.run(Job(Url("memory://tiles"), outs[0], decode_workers=4), Watcher())
    job.run(Job(EXAMPLES, outs[1]), Watcher())
    assert outs[0].read_bytes() == outs[1].read_bytes()
    (bad,) = report.bad
    assert bad.tile.path == "memory:///tiles/x.png"
    assert "not a PNG" in bad.reason


@pytest.mark.parametrize("name", ["t", "t.zip"])
def test_a_part_reads_the_same(memory: dict[str, bytes], name: str) -> None:
    memory["/t/a.png"] = memory["/t/b.png"] = good_tile()
    memory["/t.zip"] = zipped("a.png", "b.png")
    with open_tiles(Url(f"memory://{name}")) as source:
        part = pickle.loads(pickle.dumps(source.part(source.tiles[1:])))
        assert part.tiles == source.tiles[1:]
        assert part.read(part.tiles[0]) == good_tile()
        assert part.stamp(part.tiles[0]) == source.stamp(part.tiles[0]) != ""
        part.close()
    if name == "t.zip":
        part._zip().close()  # kept open for other parts
    zip_archive._again.cache_clear()
    assert source.part(source.tiles[:1]).tiles == source.tiles[:1]


def test_reading_is_bounded(memory: dict[str, bytes]) -> None:
    memory["/t/a.png"] = bytes(MAX_FILE_BYTES + 1000)
    with open_tiles(Url("memory://t")) as source:
        assert len(source.read(source.tiles[0])) == MAX_FILE_BYTES + 1


def test_a_tile_that_vanishes_or_fails_is_a_bad_tile(
    memory: dict[str, bytes], monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in "abc":
        memory[f"/t/{name}.png"] = good_tile()
    honest = fsspec.get_filesystem_class("memory").cat_file

    def refuse(self: object, path: str, *args: object, **options: object) -> object:
        if path.endswith("b.png"):
            raise ConnectionResetError("reset\nby peer")
        return honest(self, path, *args, **options)

    monkeypatch.setattr(fsspec.get_filesystem_class("memory"), "cat_file", refuse)
    with open_tiles(Url("memory://t")) as source:
        del memory["/t/a.png"]
        first, second, third = source.tiles
        with pytest.raises(TileError, match="FileNotFoundError"):
            source.read(first)
        with pytest.raises(TileError, match="ConnectionResetError: reset by peer"):
            source.read(second)
        assert source.read(third) == good_tile()


@pytest.mark.parametrize(
    ("url", "says"),
    [
        ("memory://nothing", r"nothing cannot be listed .FileNotFoundError"),
        ("memory://t/deep", r"deep holds no \.png files"),
        ("memory://t/no.zip", "no.zip cannot be opened .FileNotFoundError"),
        ("memory://t/text.zip", "text.zip is neither a directory nor a readable zip"),
        ("memory://t/empty.zip", "empty.zip is neither a directory nor a readable zip"),
        ("memory://t/tiles.csv", "cannot be a list of tiles"),
        ("memory://twice", "two tiles have the id 'a': memory:///twice/a.png and memory:///tw"),
        ("nosuch://bucket/tiles", "Protocol not known: nosuch"),
    ],
)
def test_what_cannot_be_listed(memory: dict[str, bytes], url: str, says: str) -> None:
    memory["/t/text.zip"] = b"not a zip" * 100
    memory["/t/empty.zip"] = b""
    memory["/twice/a.png"] = memory["/twice/more/a.png"] = b""
    memory["/t/deep/no.txt"] = b""
    with pytest.raises(InputError, match=says):
        open_tiles(Url(url))


@pytest.mark.parametrize("folder", ["/t", "/t/deep"])
def test_a_folder_that_cannot_be_listed_is_no_empty_folder(
    memory: dict[str, bytes], monkeypatch: pytest.MonkeyPatch, folder: str
) -> None:
    honest = fsspec.get_filesystem_class("memory").ls

    def refuse(self: object, path: str, *args: object, **options: object) -> object:
        if path == folder:
            raise PermissionError("no credentials")
        return honest(self, path, *args, **options)

    memory["/t/a.png"] = memory["/t/deep/b.png"] = b""
    monkeypatch.setattr(fsspec.get_filesystem_class("memory"), "ls", refuse)
    with pytest.raises(InputError, match=r"cannot be listed \(PermissionError: no credentials\)"):
        open_tiles(Url("memory://t"))


def test_folders_without_end(memory: dict[str, bytes], monkeypatch: pytest.MonkeyPatch) -> None:
    """Pages that link to each other for ever, as a web server may make them."""

    def endless(self: object, path: str, detail: bool) -> list[dict[str, str]]:
        return [{"name": f"{path}/{name}", "type": "directory"} for name in "ab"]

    monkeypatch.setattr(fsspec.get_filesystem_class("memory"), "ls", endless)
    monkeypatch.setattr(remote, "MAX_FOLDERS", 500)
    with pytest.raises(InputError, match="holds more than 500 folders"):
        open_tiles(Url("memory://t"))


def test_a_zip_whose_storage_fails(
    memory: dict[str, bytes], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Storages have errors of their own; one that comes while a tile is read is the tile's."""
    memory["/t.zip"] = zipped("a.png")
    with open_tiles(Url("memory://t.zip")) as source:

        def fail(*args: object) -> bytes:
            raise RuntimeError("throttled")

        monkeypatch.setattr(fsspec.implementations.memory.MemoryFile, "read", fail)
        with pytest.raises(TileError, match=r"from the zip \(RuntimeError: throttled\)"):
            source.read(source.tiles[0])
    with pytest.raises(InputError, match=r"t\.zip cannot be read \(RuntimeError: throttled\)"):
        open_tiles(Url("memory://t.zip"))


@pytest.mark.parametrize(
    ("missing", "url", "says"),
    [
        ("fsspec", "s3://bucket/tiles", "needs fsspec; pip install 'salt-toolkit[cloud]'"),
        ("s3fs", "s3://bucket/tiles", "Install s3fs to access S3; pip install 'salt-toolkit[cl"),
        ("aiohttp", "https://host/tiles/", '"aiohttp" to be installed; pip install'),
        ("gcsfs", "gs://bucket/tiles", "install gcsfs to access Google Storage; pip install"),
    ],
)
def test_what_is_not_installed_is_told(tmp_path: Path, missing: str, url: str, says: str) -> None:
    code = (
        f"import sys; sys.modules[{missing!r}] = None\n"
        f"sys.argv = ['salt-infer', '--images', {url!r}, '--out', 'x.csv']\n"
        "from salt_infer.cli.infer import main; main()"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=False, cwd=tmp_path
    )
    assert done.returncode == 1  # as of every package that is not there
    assert says in done.stderr
    assert done.stderr.count("\n") == 1


@pytest.fixture
def served(tmp_path: Path) -> Path:
    """Folder ``tiles`` with two tiles, and a zip of them, in ``www``."""
    root = tmp_path / "www"
    (root / "tiles/deep").mkdir(parents=True)
    (root / "tiles/one two.png").write_bytes(good_tile())
    (root / "tiles/deep/b.png").write_bytes(good_tile())
    (root / "tiles.zip").write_bytes(zipped("one two.png", "deep/b.png"))
    return root


@needs("aiohttp")
@pytest.mark.parametrize("name", ["tiles/", "tiles", "tiles.zip", "tiles.zip?signature=secret"])
@pytest.mark.slow
def test_a_web_server(served: Path, tmp_path: Path, name: str) -> None:
    with serving(served) as address:
        done = infer("--images", f"{address}/{name}", "--out", tmp_path / "x.csv")
    assert (done.returncode, done.stderr) == (0, "")
    assert table.read_rows(tmp_path / "x.csv").keys() == {"one two", "b"}


@needs("aiohttp")
def test_bad_tiles_are_named_without_the_signature_of_the_link(served: Path) -> None:
    with zipfile.ZipFile(served / "tiles.zip", "a") as archive:
        archive.writestr("c.png", b"")
    with serving(served) as address, pytest.raises(BadTilesError) as caught:
        read_tiles(f"{address}/tiles.zip?signature=secret")
    assert f"{address}/tiles.zip: 1 of 3 tiles cannot be read" in str(caught.value)
    assert "secret" not in str(caught.value)


@needs("aiohttp")
def test_a_web_servers_bad_tiles(served: Path, tmp_path: Path) -> None:
    """One that never ends is left where a tile ends; one that is gone is named."""
    (served / "tiles/c.endless.png").write_bytes(b"")
    (served / "tiles/gone.png").symlink_to("nowhere")
    with serving(served) as address:
        done = infer("--images", f"{address}/tiles/", "--out", tmp_path / "x.csv")
    assert done.returncode == 3
    assert table.read_rows(tmp_path / "x.csv").keys() == {"one two", "b"}
    assert "c.endless.png: file is larger than 4194304 bytes" in done.stderr
    assert "gone.png: cannot be read (FileNotFoundError" in done.stderr
    assert "Traceback" not in done.stderr


@needs("aiohttp")
@pytest.mark.parametrize("name", ["tiles/", "tiles.zip"])
@pytest.mark.slow
def test_a_server_that_fails_for_a_moment_is_asked_once_more(
    served: Path, tmp_path: Path, name: str
) -> None:
    with serving(served, Flaky) as address:
        done = infer("--images", f"{address}/{name}", "--out", tmp_path / "x.csv")
    assert (done.returncode, done.stderr) == (0, "")
    assert table.read_rows(tmp_path / "x.csv").keys() == {"one two", "b"}


@needs("aiohttp")
@pytest.mark.slow
def test_what_a_server_fails_for_good_is_told_as_that(served: Path, tmp_path: Path) -> None:
    (served / "tiles/broken.png").write_bytes(good_tile())
    with serving(served, Flaky) as address:
        done = infer("--images", f"{address}/tiles/", "--out", tmp_path / "x.csv")
    assert done.returncode == 3
    assert "broken.png: cannot be read (the server answered 503)" in done.stderr


def test_patience_ends(monkeypatch: pytest.MonkeyPatch) -> None:
    """Of a server that is gone only the first reads wait, and of what is not there none."""
    waits: list[float] = []
    monkeypatch.setattr(remote, "time", SimpleNamespace(sleep=waits.append))
    patiently = remote._Patience()

    def fail(error: Exception) -> bytes:
        raise error

    for _ in range(3):
        with pytest.raises(FileNotFoundError):
            patiently(lambda: fail(FileNotFoundError("x")))
    assert waits == []
    answers = iter([ConnectionResetError("x"), b"found"] * 50)

    def now_and_then() -> bytes:
        answer = next(answers)
        return fail(answer) if isinstance(answer, Exception) else answer

    assert [patiently(now_and_then) for _ in range(50)] == [b"found"] * 50
    assert len(waits) == 50
    for _ in range(50):
        with pytest.raises(ConnectionResetError):
            patiently(lambda: fail(ConnectionResetError("x")))
    assert len(waits) == 50 + remote._PATIENCE


@needs("aiohttp")
@pytest.mark.slow
def test_no_web_server(tmp_path: Path) -> None:
    with serving(tmp_path) as address:
        pass
    for name in ("tiles/", "tiles.zip"):
        done = infer("--images", f"{address}/{name}", "--out", tmp_path / "x.csv")
        assert done.returncode == 2
        assert done.stderr.startswith(f"salt-infer: {address}/{name} cannot be")
        assert "Traceback" not in done.stderr


@needs("aiohttp")
@pytest.mark.parametrize(
    ("handler", "says"),
    [
        (Whole, "ValueError: The HTTP server doesn't appear to support range requests"),
        (Unmeasured, "ValueError: Cannot seek streaming HTTP file"),
        (BrokenOff, "ClientPayloadError: "),
    ],
)
@pytest.mark.slow
def test_a_sound_zip_that_a_web_server_cannot_give_is_not_called_unsound(
    tmp_path: Path, handler: type[Web], says: str
) -> None:
    with zipfile.ZipFile(tmp_path / "tiles.zip", "w") as packed:
        packed.writestr("a.png", good_tile())
        packed.writestr("a.bin", bytes(2_000_000))  # the end is in a block of its own
    with serving(tmp_path, handler) as address, pytest.raises(InputError) as raised:
        open_tiles(Url(f"{address}/tiles.zip"))
    assert f"tiles.zip cannot be read ({says}" in str(raised.value)
    assert "download it first" in str(raised.value)


@needs("s3fs")
@pytest.mark.parametrize("name", ["tiles", "tiles/", "tiles.zip"])
@pytest.mark.slow
def test_a_bucket(served: Path, tmp_path: Path, name: str) -> None:
    (served.parent / "my-bucket").symlink_to(served)
    with serving(served.parent, Bucket) as address:
        done = infer(
            "--images", f"s3://my-bucket/{name}", "--out", tmp_path / "x.csv",
            **BUCKET, AWS_ENDPOINT_URL=address,
        )  # fmt: skip
    assert (done.returncode, done.stderr) == (0, "")
    assert table.read_rows(tmp_path / "x.csv").keys() == {"one two", "b"}


class Counting(Bucket):
    """Notes how many bytes of a file were asked for."""

    asked: ClassVar[list[int]] = []

    def do_GET(self) -> None:
        if wanted := re.fullmatch(r"bytes=(\d+)-(\d+)", self.headers.get("Range", "")):
            self.asked.append(int(wanted[2]) + 1 - int(wanted[1]))
        super().do_GET()


@needs("s3fs")
@pytest.mark.slow
@pytest.mark.parametrize(("name", "most"), [("tiles", 4_200_000), ("tiles.zip", 6_000_000)])
def test_little_is_fetched_from_a_bucket(tmp_path: Path, name: str, most: int) -> None:
    """Left to itself, s3fs reads 50 MB at a time."""
    (tmp_path / "b/tiles").mkdir(parents=True)
    (tmp_path / "b/tiles/large.png").write_bytes(bytes(3 * MAX_FILE_BYTES))
    with zipfile.ZipFile(tmp_path / "b/tiles.zip", "w") as packed:
        for letter in "abc":
            packed.writestr(f"{letter}.png", good_tile())
            packed.writestr(f"{letter}.bin", bytes(8_000_000))
    Counting.asked.clear()
    with serving(tmp_path, Counting) as address:
        infer(
            "--images", f"s3://b/{name}", "--out", tmp_path / "x.csv",
            **BUCKET, AWS_ENDPOINT_URL=address,
        )  # fmt: skip
    assert 0 < sum(Counting.asked) <= most


@needs("s3fs")
@pytest.mark.slow
def test_an_empty_tile_in_a_bucket(served: Path, tmp_path: Path) -> None:
    """Any range of it would be an error of the storage's own."""
    (served / "tiles/empty.png").touch()
    with serving(tmp_path, Bucket) as address:
        done = infer(
            "--images", "s3://www/tiles", "--out", tmp_path / "x.csv",
            **BUCKET, AWS_ENDPOINT_URL=address,
        )  # fmt: skip
    assert done.returncode == 3
    assert "empty.png: empty file (0 bytes)" in done.stderr


@needs("s3fs")
@pytest.mark.slow
def test_no_bucket(tmp_path: Path) -> None:
    with serving(tmp_path, Bucket) as address:
        done = infer(
            "--images", "s3://none/tiles", "--out", tmp_path / "x.csv",
            **BUCKET, AWS_ENDPOINT_URL=address,
        )  # fmt: skip
    assert done.returncode == 2
    assert done.stderr.startswith("salt-infer: s3://none/tiles cannot be listed (FileNotFound")


@needs("aiohttp")
@pytest.mark.slow
def test_a_page_that_links_elsewhere(served: Path, tmp_path: Path) -> None:
    links = ("../", "../other/", "/tiles.zip", "deep/", "one%20two.png", "?C=N;O=D", "x.png?y=z")
    page = "".join(f'<a href="{link}">x</a>' for link in links)
    (served / "tiles/index.html").write_text(page)
    (served / "other").mkdir()
    (served / "other/elsewhere.png").write_bytes(good_tile())
    with serving(served) as address:
        done = infer("--images", f"{address}/tiles/", "--out", tmp_path / "x.csv")
    assert (done.returncode, done.stderr) == (0, "")
    assert table.read_rows(tmp_path / "x.csv").keys() == {"one two", "b"}


@needs("aiohttp")
def test_links_to_whole_addresses_below_one_with_a_space(served: Path, tmp_path: Path) -> None:
    (served / "tiles").rename(served / "my tiles")
    links = "".join(f'<a href="/my%20tiles/{link}">x</a>' for link in ("one%20two.png", "deep/"))
    (served / "my tiles/index.html").write_text(links)
    with serving(served) as address:
        done = infer("--images", f"{address}/my tiles/", "--out", tmp_path / "x.csv")
    assert (done.returncode, done.stderr) == (0, "")
    assert table.read_rows(tmp_path / "x.csv").keys() == {"one two", "b"}


@needs("aiohttp")
def test_links_are_read_as_they_stand_in_a_pages_source(served: Path, tmp_path: Path) -> None:
    (served / "tiles/deep & dark").mkdir()
    for name in ("a&b.png", "deep & dark/c.png"):
        (served / "tiles" / name).write_bytes(good_tile())
    (served / "tiles/index.html").write_text(
        '<a href="a&amp;b.png">a</a><a href="deep%20&amp;%20dark/">d</a>'
    )
    with serving(served) as address:
        done = infer("--images", f"{address}/tiles/", "--out", tmp_path / "x.csv")
    assert (done.returncode, done.stderr) == (0, "")
    assert table.read_rows(tmp_path / "x.csv").keys() == {"a&b", "c"}


@needs("aiohttp")
def test_a_folder_with_a_signature_is_refused_without_telling_it(
    served: Path, tmp_path: Path
) -> None:
    """It would stand before the tiles' names, in requests and in what is told of them."""
    with serving(served) as address:
        done = infer("--images", f"{address}/tiles/?token=secret", "--out", tmp_path / "x.csv")
    assert done.returncode == 2
    assert done.stderr.startswith(f"salt-infer: {address}/tiles/ is given with a '?'")
    assert "secret" not in done.stderr


def test_signatures_of_links_are_not_told() -> None:
    error = OSError("403, url='http://host/a.zip?sig=SECRET&x=1' (http://host/b.png?sig=SECRET)")
    told = remote._told(error)
    assert "SECRET" not in told
    assert "http://host/a.zip'" in told
    assert "http://host/b.png)" in told


def test_of_what_a_server_sends_for_an_answer_little_is_told() -> None:
    """As aiohttp has all of a tile's bytes in its error where the length before them was wrong."""
    told = remote._told(OSError(f"400, message='Bad status line: {bytes(9000)!r}"))
    assert told.startswith("OSError: 400, message='Bad status line: b'")
    assert len(told) == 304
    assert told.endswith(" ...")


@needs("aiohttp")
@pytest.mark.slow
def test_a_server_that_hangs_does_not_hold_up_ctrl_c(tmp_path: Path) -> None:
    """What was done before it hung is kept, and the same command goes on from there."""
    root, log, out = tmp_path / "www", tmp_path / "log", tmp_path / "x.csv"
    folder = steady.draw(tmp_path / "drawn", 12)
    (root / "tiles").mkdir(parents=True)
    for place, path in enumerate(sorted(folder.iterdir())):
        name = f"{path.stem}.stuck.png" if place == 9 else path.name
        path.rename(root / "tiles" / name)

    def command(images: object, out: Path) -> list[str]:
        code = "from tests.infer.steady import main; main()"
        more = ["--batch-size", "4", "--threshold", "0.2", "--gate", "0.2"]
        return [sys.executable, "-c", code, log, "0", "--images", images, "--out", out, *more]

    whole = subprocess.run(command(root / "tiles", tmp_path / "y.csv"), check=False, cwd=ROOT)
    assert whole.returncode == 0
    with serving(root, Stuck) as address:
        process = subprocess.Popen(
            command(f"{address}/tiles/", out), cwd=ROOT, stderr=subprocess.PIPE, text=True
        )
        assert Stuck.asked.wait(600)
        journal = tmp_path / "x.csv.journal"
        while not journal.exists() or b"tile-0007" not in journal.read_bytes():
            assert process.poll() is None, process.communicate()
            time.sleep(0.01)
        process.send_signal(signal.SIGINT)
        _, errors = process.communicate(timeout=600)
        assert process.returncode == 130
        assert "8 of 12 tiles are done and kept in" in errors
        assert "Traceback" not in errors
        Stuck.released.set()
        again = subprocess.run(command(f"{address}/tiles/", out), check=False, cwd=ROOT)
    assert again.returncode == 0
    assert out.read_bytes() == (tmp_path / "y.csv").read_bytes()


def test_a_bucket_that_hangs_in_the_middle_of_a_zip(
    memory: dict[str, bytes], monkeypatch: pytest.MonkeyPatch
) -> None:
    memory["/t.zip"] = zipped("a.png")
    released = threading.Event()
    with open_tiles(Url("memory://t.zip")) as source:
        monkeypatch.setattr(
            fsspec.implementations.memory.MemoryFile, "read", lambda *args: released.wait(600)
        )
        threading.Timer(0.1, source.give_up).start()
        with pytest.raises(TileError, match="the run was given up"):
            source.read(source.tiles[0])
    released.set()
