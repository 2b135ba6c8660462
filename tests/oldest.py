"""The oldest versions of packages that setup.cfg allows, and the commands run with them.

``python tests/oldest.py constraints`` prints the versions for pip, ``python tests/oldest.py run``
runs every command that needs no PyTorch with whatever is installed. ``make test-oldest`` does both,
under Python 3.11 or 3.12: these versions were not made for later ones.
"""

from __future__ import annotations

import configparser
import http.client
import re
import shlex
import signal
import subprocess
import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).parents[1]
EXTRAS = ("cpu", "cloud", "parquet", "report", "serve", "survey")
_FLOOR = re.compile(r"([\w.-]+)(?:\[[\w,]*\])?>=([\d.]+)")


def constraints() -> list[str]:
    """For pip: of ``name>=8.1`` the last 8.1, of ``name>=3.0.8`` that one."""
    config = configparser.ConfigParser(interpolation=None)
    config.read(ROOT / "setup.cfg")
    asked = [config["options"]["install_requires"]]
    asked += [config["options.extras_require"][extra] for extra in EXTRAS]
    found = (_FLOOR.fullmatch(line) for part in asked for line in part.split("\n"))
    return [
        f"{match[1]}=={match[2]}" + ("" if match[2].count(".") > 1 else ".*")
        for match in found
        if match
    ]


def run() -> None:
    """Run the commands in a folder of their own; ends with an AssertionError where one fails."""
    examples, tiles, masks = (
        shlex.quote(str(ROOT / each)) for each in ("examples", "examples/tiles", "examples/masks")
    )
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        said(folder, f"salt-infer --images {tiles} --labels {masks} --out s.csv --details "
             "--probabilities p.npz --masks masks --report r.json", "score 0.5625")  # fmt: skip
        said(folder, f"salt-infer --images {tiles} --out s.parquet", "24 of 24 tiles")
        said(folder, "salt-doctor", "cpu         works")
        said(folder, f"salt-report data {examples} --out d.html", "18 with salt")
        said(folder, f"salt-report evaluate --submission s.csv --against s.parquet --json e.json "
             f"--labels {masks} --images {tiles} --probabilities p.npz --out e.html",
             "score 0.5625")  # fmt: skip
        said(folder, "python -m salt_survey.synthetic .", "survey.sgy")
        said(folder, "salt-survey run survey.sgy --zoom 1.25/0.62 --polarity normal --out s.zarr "
             "--segy s.sgy --report s.json", "40 sections, 400 tiles")  # fmt: skip
        said(folder, "salt-survey look survey.sgy --volume s.zarr --out l.html", "1 of 40 lines")
        said(folder, "salt-survey export s.zarr --like survey.sgy --out again.sgy", "again.sgy")
        assert (folder / "again.sgy").read_bytes() == (folder / "s.sgy").read_bytes()
        served((ROOT / "examples/tiles/synthetic-00001.png").read_bytes())
    print("all commands run with these versions")


def said(folder: Path, command: str, expected: str) -> None:
    """Run a command of this environment, and look for words in what it says."""
    print("+", command, flush=True)
    name, *arguments = shlex.split(command)
    program = [str(Path(sys.executable).with_name(name)), *arguments]
    done = subprocess.run(program, cwd=folder, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert expected in done.stdout, done.stdout


def served(tile: bytes) -> None:
    """Start the server, have it answer, and stop it."""
    print("+ salt-serve", flush=True)
    command = [Path(sys.executable).with_name("salt-serve"), "--port", "0", "--no-access-log"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as server:
        try:
            answered(server, tile)
        finally:
            server.send_signal(signal.SIGTERM)
        assert server.wait(300) == 0


def answered(server: subprocess.Popen[str], tile: bytes) -> None:
    """Send a tile, and see that it is counted."""
    assert server.stdout
    port = re.search(r":(\d+)/", server.stdout.readline())
    assert port
    head = b'--b\r\nContent-Disposition: form-data; name="files"; filename="a.png"\r\n\r\n'
    body = head + tile + b"\r\n--b--\r\n"
    client = http.client.HTTPConnection("127.0.0.1", int(port[1]), timeout=300)
    headers = {"Content-Type": "multipart/form-data; boundary=b"}
    for method, path, data in (("POST", "/v1/predict", body), ("GET", "/metrics", None)):
        client.request(method, path, data, headers if data else {})
        answer = client.getresponse()
        text = answer.read().decode()
        assert answer.status == 200, text
    client.close()
    assert 'path="/v1/predict",status="200"} 1.0' in text


if __name__ == "__main__":
    if sys.argv[1:] == ["constraints"]:
        print("\n".join(constraints()))
    else:
        run()
