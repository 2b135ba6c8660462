"""Runs on a real Ray cluster of two nodes, which are processes of this machine.

The model says of a tile what depends on all of its batch (:mod:`tests.infer.steady`): a cluster
that cut other batches would give another submission.
"""

from __future__ import annotations

import importlib.util
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from pathlib import Path

import pytest

from salt_infer.errors import ExecutorError, ModelError, UsageError
from tests.conftest import ROOT
from tests.infer import steady

BATCH, SECONDS = 4, 0.3
SETTINGS = {"--batch-size": BATCH, "--threshold": 0.2, "--gate": 0.2}
PATIENCE_S = 4

needs_ray = pytest.mark.skipif(
    importlib.util.find_spec("ray") is None,
    reason="Ray is not installed: pip install 'salt-toolkit[ray]'",
)

# In Ray's workers, at their start: the model that notes its batches. The raylet and its agents
# are Python processes too.
PATCH = """
import os, sys
if any("default_worker" in each for each in sys.orig_argv):
    from tests.infer import steady
    steady.install(os.environ["SALT_TEST_LOG"], float(os.environ["SALT_TEST_SECONDS"]))
"""
RUN = f"""
from salt_infer.execution import ray_executor
ray_executor.PATIENCE_S = {PATIENCE_S}
from salt_infer.cli.infer import main; main()
"""
LOCAL = "from tests.infer.steady import main; main()"


class Cluster:
    """Two nodes; what their workers run is in ``log``, a line a batch, its process first."""

    def __init__(self, folder: Path) -> None:
        (folder / "site").mkdir()
        (folder / "site/sitecustomize.py").write_text(PATCH)
        self.log = folder / "log"
        paths = [str(folder / "site"), str(ROOT), *sys.path]
        self._nodes = subprocess.Popen(
            [sys.executable, "-m", "tests.infer.ray_nodes"],
            cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
            env=os.environ | {
                "PYTHONPATH": os.pathsep.join(paths), "RAY_USAGE_STATS_ENABLED": "0",
                "SALT_TEST_LOG": str(self.log), "SALT_TEST_SECONDS": str(SECONDS),
            },
        )  # fmt: skip
        assert self._nodes.stdout is not None
        self.address, second = self._nodes.stdout.readline().split()
        self.second = int(second)

    def kill_a_node(self) -> None:
        assert self._nodes.stdin is not None
        assert self._nodes.stdout is not None
        print("kill", file=self._nodes.stdin, flush=True)
        assert self._nodes.stdout.readline() == "killed\n"

    def close(self) -> None:
        self._nodes.communicate(timeout=600)

    def begun(self) -> list[int]:
        """Process of each batch, of the run that is under way or was the last."""
        lines = self.log.read_text().splitlines() if self.log.exists() else []
        return [int(line.split(maxsplit=1)[0]) for line in lines]

    def start(self, images: Path, out: Path, *more: object) -> subprocess.Popen[str]:
        """The command on the cluster."""
        self.log.unlink(missing_ok=True)
        return subprocess.Popen(
            [
                sys.executable, "-c", RUN, "--images", images, "--out", out, "--engine", "ray",
                "--ray-address", self.address, *settled(more),
            ],
            cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
        )  # fmt: skip

    def wait_for_busy(self, process: subprocess.Popen[str], at_second: bool = False) -> int:
        """Process of an actor that has just begun a batch, and not its first."""
        while True:
            *before, pid = [0, *self.begun()]
            if pid in before and (not at_second or parent(pid) == self.second):
                return pid
            assert process.poll() is None, process.communicate()
            time.sleep(0.05)


def parent(pid: int) -> int:
    """0 where there is no such process any more."""
    try:
        return int(Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[1])
    except FileNotFoundError:
        return 0


@pytest.fixture(scope="module")
def cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cluster]:
    cluster = Cluster(tmp_path_factory.mktemp("cluster"))
    yield cluster
    cluster.close()


@pytest.fixture(scope="module")
def images(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """122 tiles."""
    return steady.draw(tmp_path_factory.mktemp("images") / "tiles", 122)


def local(images: Path, out: Path, *more: object) -> subprocess.CompletedProcess[str]:
    """The same command in one process."""
    return subprocess.run(
        [
            sys.executable, "-c", LOCAL, out.with_name("log"), "0", "--images", images,
            "--out", out, *settled(more),
        ],
        cwd=ROOT, capture_output=True, text=True, check=False,
    )  # fmt: skip


def settled(more: Sequence[object]) -> list[str]:
    """Options, each once: those of all runs here but for what a run asks otherwise."""
    rest = {name: value for name, value in SETTINGS.items() if name not in more}
    return [str(word) for pair in rest.items() for word in pair] + list(map(str, more))


def told(errors: str) -> list[str]:
    """What is said, in any order, but for a cluster that is slow to start on a busy machine."""
    return sorted(line for line in errors.splitlines() if "waiting for the cluster" not in line)


def finish(process: subprocess.Popen[str]) -> tuple[int, str, str]:
    out, errors = process.communicate(timeout=300)
    return process.returncode, out, errors


def expected(images: Path, folder: Path) -> bytes:
    out = folder / "expected.csv"
    assert local(images, out).returncode == 0
    return out.read_bytes()


def everything(folder: Path) -> list[object]:
    """Options for every kind of output."""
    return [
        "--details", "--min-area", 20, "--masks", folder / "masks",
        "--probabilities", folder / "x.npz", "--report", folder / "x.json",
    ]  # fmt: skip


def contents(folder: Path) -> dict[str, bytes]:
    files = [path for path in folder.rglob("*") if path.is_file()]
    return {str(path.relative_to(folder)): path.read_bytes() for path in files}


@needs_ray
@pytest.mark.slow
def test_all_outputs_are_those_of_a_local_run_bad_tiles_too(
    cluster: Cluster, tmp_path: Path
) -> None:
    images = steady.draw(tmp_path / "tiles", 30)
    good = (images / "tile-0000.png").read_bytes()
    for name, data in {b"a.png": b"", b"tile-0007x.png": good[:100], b"li\nne.png": good,
                       b"\xff.png": good}.items():  # fmt: skip
        Path(os.fsdecode(os.fsencode(images) + b"/" + name)).write_bytes(data)
    mine, other = tmp_path / "ray", tmp_path / "local"
    mine.mkdir(), other.mkdir()
    code, out, errors = finish(cluster.start(images, mine / "x.csv", *everything(mine)))
    one = local(images, other / "x.csv", *everything(other))
    (other / "log").unlink()
    assert (code, one.returncode) == (3, 3), errors
    assert told(errors) == told(one.stderr)
    reports = [json.loads((folder / "x.json").read_text()) for folder in (mine, other)]
    for folder in (mine, other):
        (folder / "x.json").unlink()
    assert contents(mine) == contents(other)
    assert len(contents(mine)) == 30 + 2
    assert reports[0]["bad"] == reports[1]["bad"]
    assert len(reports[0]["bad"]) == 4
    check_report(reports[0]["engine"], out, cluster)


def check_report(engine: dict[str, object], out: str, cluster: Cluster) -> None:
    """And that Ray has not printed anything."""
    actors = engine["actors"]
    assert isinstance(actors, list)
    assert (engine["name"], engine["address"]) == ("ray", cluster.address)
    assert len({actor["node"] for actor in actors}) == len(actors) == 2
    assert set(cluster.begun()) <= {actor["pid"] for actor in actors}
    for actor in actors:
        assert list(actor["nodes"]) == [actor["provider"]] == ["CPUExecutionProvider"]
        assert actor["devices"] == []
    assert engine["retries"] == 0
    *first, last = out.splitlines()
    assert [line.split()[0] for line in first][0::2] == ["30", "busy:"]
    assert last == "ray: 2 actor(s) on 2 node(s), 0 batch(es) run again"


@needs_ray
@pytest.mark.slow
@pytest.mark.parametrize(("size", "more"), [(1, ["--actors", 1]), (50, ["--workers", 1])])
def test_batches_are_those_of_a_local_run(
    cluster: Cluster, tmp_path: Path, size: int, more: list[object]
) -> None:
    images = steady.draw(tmp_path / "tiles", 12 if size == 1 else 122)
    options = ["--batch-size", size]
    code, _, errors = finish(cluster.start(images, tmp_path / "x.csv", *options, *more))
    one = local(images, tmp_path / "y.csv", *options)
    assert (code, told(errors)) == (one.returncode, told(one.stderr)) == (0, told(errors))
    assert (tmp_path / "x.csv").read_bytes() == (tmp_path / "y.csv").read_bytes()


@needs_ray
@pytest.mark.slow
def test_an_interrupted_run_goes_on_here(cluster: Cluster, images: Path, tmp_path: Path) -> None:
    (tmp_path / "out").mkdir()
    out = tmp_path / "out/x.csv"
    process = cluster.start(images, out)
    while not process.poll() and not (out.exists() or journal_size(out) > 3000):
        time.sleep(0.05)
    process.send_signal(signal.SIGINT)
    code, _, errors = finish(process)
    assert code == 130, errors
    kept = f"of 122 tiles are done and kept in {out}.journal"
    assert kept in errors
    assert errors.splitlines()[-1] == "salt-infer: interrupted"
    assert os.listdir(out.parent) == ["x.csv.journal"]
    done = local(images, out)
    assert done.returncode == 0
    assert f"going on from {out}.journal: {errors.split(kept)[0].split()[-1]} of" in done.stderr
    assert out.read_bytes() == expected(images, tmp_path)


def journal_size(out: Path) -> int:
    path = out.with_name(f"{out.name}.journal")
    return path.stat().st_size if path.exists() else 0


@needs_ray
@pytest.mark.slow
def test_an_actor_that_dies_costs_a_retry(cluster: Cluster, images: Path, tmp_path: Path) -> None:
    out, report = tmp_path / "x.csv", tmp_path / "x.json"
    process = cluster.start(images, out, "--report", report)
    os.kill(cluster.wait_for_busy(process), signal.SIGKILL)
    code, said, errors = finish(process)
    assert code == 0, errors
    assert out.read_bytes() == expected(images, tmp_path)
    engine = json.loads(report.read_text())["engine"]
    assert engine["retries"] > 0
    assert len(engine["actors"]) == 3
    assert f"3 actor(s) on 2 node(s), {engine['retries']} batch(es) run again" in said


# The last: the cluster has one node from then on.
@needs_ray
@pytest.mark.slow
def test_a_node_that_dies_costs_no_row(cluster: Cluster, images: Path, tmp_path: Path) -> None:
    out, report = tmp_path / "x.csv", tmp_path / "x.json"
    process = cluster.start(images, out, "--report", report)
    pid = cluster.wait_for_busy(process, at_second=True)
    cluster.kill_a_node()
    assert parent(pid) != cluster.second
    code, said, errors = finish(process)
    # Now and then Ray's library ends the program as a node goes; the same command goes on then.
    aborted = code in (-signal.SIGABRT, -signal.SIGSEGV)
    if aborted:
        code, said, errors = finish(cluster.start(images, out, "--report", report))
    assert code == 0, errors
    assert out.read_bytes() == expected(images, tmp_path)
    assert "(raylet)" not in said
    if not aborted:
        assert "nodes were lost; going on with 1 actor(s)" in errors
        assert json.loads(report.read_text())["engine"]["retries"] > 0


@needs_ray
@pytest.mark.slow
def test_ray_is_started_where_no_cluster_is_named(tmp_path: Path) -> None:
    """With the shipped model; nothing but the report is printed, and nothing runs on after it."""
    command = [sys.executable, "-m", "salt_infer", "--images", ROOT / "examples/tiles"]
    for out, more in {"x.csv": ["--engine", "ray", "--actors", "1"], "y.csv": []}.items():
        done = subprocess.run(
            [*command, "--out", out, *more], cwd=tmp_path, capture_output=True, text=True,
            check=True,
        )  # fmt: skip
        assert told(done.stderr) == []
        assert done.stdout.startswith(f"24 of 24 tiles -> {out} (24 rows")
    assert (tmp_path / "x.csv").read_bytes() == (tmp_path / "y.csv").read_bytes()
    end = time.monotonic() + 600  # Ray's own end when they see that it is gone
    while left := [pid for pid in Path("/proc").glob("[0-9]*") if runs_in(pid, tmp_path)]:
        assert time.monotonic() < end, left
        time.sleep(0.2)


def runs_in(process: Path, folder: Path) -> bool:
    try:
        return (process / "cwd").readlink() == folder
    except OSError:
        return False


@needs_ray
@pytest.mark.slow
def test_a_cluster_that_is_not_there(tmp_path: Path, images: Path) -> None:
    command = [
        sys.executable, "-m", "salt_infer", "--images", images, "--out", tmp_path / "x.csv",
        "--engine", "ray", "--ray-address", "localhost:1",
    ]  # fmt: skip
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 1
    (line,) = done.stderr.splitlines()
    assert line.startswith("salt-infer: Ray's cluster (localhost:1) cannot be joined (")
    assert "'ray start --head'" in line
    assert os.listdir(tmp_path) == []


@needs_ray
@pytest.mark.slow
def test_a_folder_too_deep_for_rays_sockets_is_told_with_what_to_set(tmp_path: Path) -> None:
    deep = tmp_path / ("d" * 100)
    deep.mkdir()
    done = subprocess.run(
        [sys.executable, "-m", "salt_infer", "--images", ROOT / "examples/tiles", "--out",
         tmp_path / "x.csv", "--engine", "ray"],
        env=os.environ | {"RAY_TMPDIR": str(deep)}, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 1
    assert done.stderr.splitlines()[-1].endswith("; set RAY_TMPDIR to a short path, such as /tmp")


@needs_ray
@pytest.mark.slow
@pytest.mark.parametrize(
    ("why", "hint"),
    [
        ("[Errno 30] Read-only file system: '/tmp/ray'", "RAY_TMPDIR to a folder that can be"),
        ("The current node timed out during startup.", "try again when the machine is less busy"),
    ],
)
def test_why_ray_does_not_start_is_told_with_what_to_do(
    tmp_path: Path, why: str, hint: str
) -> None:
    """Ray raises plain exceptions, too."""
    code = (
        "from salt_infer.execution.ray_cluster import ray\n"
        f"def fail(*_, **__): raise Exception({why!r})\n"
        "ray.init = fail\n"
        "from salt_infer.cli.infer import main; main()"
    )
    done = subprocess.run(
        [sys.executable, "-c", code, "--images", ROOT / "examples/tiles", "--out",
         tmp_path / "x.csv", "--engine", "ray"],
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 1
    line = done.stderr.splitlines()[-1]
    assert line.startswith(f"salt-infer: Ray cannot be started on this machine ({why}); ")
    assert hint in line


@needs_ray
def test_an_error_that_ray_wraps_is_the_one_that_was_raised() -> None:
    """Of whichever package; what Ray raises for it is of its class and of Ray's at once."""
    from salt_infer.execution import ray_executor
    from salt_infer.execution.ray_cluster import ray

    class OthersError(UsageError):
        """Of a package that runs its work on Ray through this one."""

    for raised in (ModelError("the model is broken"), OthersError("no such line")):
        wrapped = ray.exceptions.RayTaskError("work", "Traceback ...", raised, "ray::work", 1, "::")
        for seen in (wrapped, wrapped.as_instanceof_cause()):
            assert ray_executor._unwrapped(seen) is raised
    lost = ray_executor._unwrapped(ray.exceptions.RayError("lost"))
    assert (type(lost), str(lost)) == (ExecutorError, "Ray gave up (RayError: lost)")


def test_ray_is_not_installed(tmp_path: Path) -> None:
    code = "import sys; sys.modules['ray'] = None; from salt_infer.cli.infer import main; main()"
    command = [
        sys.executable, "-c", code, "--images", ROOT / "examples/tiles",
        "--out", tmp_path / "x.csv", "--engine", "ray",
    ]  # fmt: skip
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 1
    assert done.stderr == (
        "salt-infer: --engine ray needs Ray (ray is not installed); "
        "pip install 'salt-toolkit[ray]'\n"
    )
    assert os.listdir(tmp_path) == []


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (["--actors", "2"], "--actors belongs to --engine ray"),
        (["--engine", "ray", "--ray-address", "ray://a:1"], "expected HOST:PORT"),
        (["--engine", "ray", "--device-id", "1"], "which gives each actor a GPU"),
        (["--engine", "ray", "--build-only"], "leave --engine out"),
    ],
)
def test_what_does_not_go_together(tmp_path: Path, options: list[str], said: str) -> None:
    command = [
        sys.executable, "-m", "salt_infer", "--images", ROOT / "examples/tiles",
        "--out", tmp_path / "x.csv", *options,
    ]  # fmt: skip
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 2
    assert said in done.stderr
    assert os.listdir(tmp_path) == []
