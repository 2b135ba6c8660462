from __future__ import annotations

import base64
import dataclasses
import gzip
import re
import sys
import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest

from salt_infer import SaltModel
from salt_infer.batch.result import BatchResult
from salt_infer.data import oddities, png
from salt_infer.masks import rle
from salt_infer.predictor.prediction import Decided
from salt_serve.api import ADDRESSES
from salt_serve.batcher import BatchOptions
from salt_serve.limits import Limits
from salt_serve.predictor import Predictor
from salt_serve.schemas import Predictions, Problem
from tests import pngs
from tests.serve.running import Broken, Held, Running, logged, running, until

HOSTILE_NAMES = ["<img src=x onerror=alert(1)>.png", "../../etc/cron.d/x.png", "C:\\x.png", ""]


def test_answers_are_those_of_the_model(
    server: Running, model: SaltModel, tiles: dict[str, bytes]
) -> None:
    response = server.predict(tiles.items())
    assert response.status_code == 200
    answers = Predictions.model_validate(response.json())
    assert answers.sha256 == model.session.sha256
    assert (answers.threshold, answers.gate) == (model.settings.threshold, model.settings.gate)
    assert answers.levels is None
    assert [result.name for result in answers.results] == list(tiles)
    pixels = np.stack([png.decode(data) for data in tiles.values()])
    expected = model.predict(pixels)
    assert [result.rle for result in answers.results] == rle.encode(expected.masks)  # type: ignore[union-attr]
    for result, mask, salt in zip(answers.results, expected.masks, expected.salt, strict=True):
        assert result.status == 200
        assert result.salt == pytest.approx(salt, abs=1e-6)
        assert result.coverage == pytest.approx(mask.mean())
        assert result.above is result.expected_px is None
    assert {bool(result["rle"]) for result in response.json()["results"]} == {True, False}


@pytest.mark.parametrize("name", ["synthetic-00001.png", "synthetic-00003.png"])
def test_probabilities_give_the_mask_of_every_threshold(
    server: Running, model: SaltModel, tiles: dict[str, bytes], name: str
) -> None:
    body = server.predict([(name, tiles[name])], probabilities=True).json()
    (result,) = body["results"]
    raw = base64.b64decode(result["above"], validate=True)
    above = np.frombuffer(raw, dtype=np.uint8).reshape(101, 101)
    free = SaltModel(model.session, type(model.settings)(model.settings.threshold, 0.0, "hflip"))
    probability = free.predict(png.decode(tiles[name])[None]).probability[0]
    assert probability.any()
    assert result["expected_px"] == pytest.approx(float(probability.sum(dtype=np.float64)))
    for index, level in enumerate(body["levels"]):
        np.testing.assert_array_equal(above > index, probability > np.float32(level))
    own = body["levels"].index(body["threshold"])
    mask = (above > own) & (np.float32(result["salt"]) > np.float32(body["gate"]))
    assert rle.encode(mask[None]) == [result["rle"]]
    assert server.predict([(name, tiles[name])]).json()["results"][0]["rle"] == result["rle"]


@pytest.mark.parametrize("kind", pngs.bad_tiles())
def test_a_bad_file_has_its_reason_and_does_not_sink_the_others(
    server: Running, tiles: dict[str, bytes], kind: str
) -> None:
    data, reason = pngs.bad_tiles()[kind]
    status = 415 if "not a PNG" in reason or not data else 422
    alone = server.predict([("bad.png", data)])
    assert alone.status_code == status
    problem = Problem.model_validate(alone.json())
    assert reason in problem.detail
    good = "synthetic-00012.png"
    mixed = server.predict([("bad.png", data), (good, tiles[good])])
    assert mixed.status_code == 200
    bad, fine = mixed.json()["results"]
    assert bad == {"name": "bad.png", "status": status, "error": problem.detail}
    assert fine["rle"]


@pytest.mark.parametrize(
    ("start", "says"),
    [
        (
            b"PK\x03\x04",
            "50 4b 03 04 .*; it is a zip: send its tiles one by one, or as seve",
        ),
        (b"%PDF-1.7", "; it is a PDF"),
        (b"<!DOCTYPE html>", "; it is a web page, such as"),
        (b"\xff\xd8\xff\xe0", "; it is a JPEG, whatever its name: save it as PNG"),
    ],
)
def test_a_file_of_another_kind_is_named(server: Running, start: bytes, says: str) -> None:
    response = server.predict([("x.png", start + bytes(100))])
    assert response.status_code == 415
    assert re.search(f"not a PNG: starts with .*{says}", response.json()["detail"])
    assert response.json()["detail"].count("it is") == 1


def test_where_no_file_can_be_answered_the_status_is_theirs(server: Running) -> None:
    large, text, small = bytes(2**20 + 1), b"text", pngs.grey([[7] * 64] * 64, 64, 64)
    for files, status in [
        ([large], 413), ([large, large], 413), ([text, text], 415), ([large, text, small], 422),
    ]:  # fmt: skip
        response = server.predict([("x.png", data) for data in files])
        assert response.status_code == status
        assert len(response.json()["results"]) == len(files)
    assert "none of the 3 files has an answer; the first: has more than" in response.text
    each = server.predict([("x.png", text)], each=True)
    assert each.status_code == 200
    assert each.json()["results"][0]["status"] == 415


def test_names_are_told_as_they_are_and_never_as_html(
    server: Running, tiles: dict[str, bytes]
) -> None:
    data = tiles["synthetic-00001.png"]
    response = server.predict([(name, data) for name in HOSTILE_NAMES[:3]] + [("<b>", b"bad")])
    assert response.headers["content-type"] == "application/json"
    assert response.headers["x-content-type-options"] == "nosniff"
    names = [result["name"] for result in response.json()["results"]]
    assert names == ["<img src=x onerror=alert(1)>.png", "../../etc/cron.d/x.png", "x.png", "<b>"]


def test_too_many_files_and_other_forms_are_refused(server: Running) -> None:
    many = server.predict([("x.png", b"x")] * 65)
    assert many.status_code == 413
    assert many.json() == {"detail": "the form has more than 64 files; send fewer at once"}
    assert server.client.post("/v1/predict", json={}).status_code == 415
    packed = server.client.post(
        "/v1/predict",
        content=gzip.compress(b"--b"),
        headers={"Content-Type": "multipart/form-data; boundary=b", "Content-Encoding": "gzip"},
    )
    assert (packed.status_code, packed.json()) == (
        415, {"detail": "the body is packed by 'gzip', expected it as it is"},
    )  # fmt: skip
    assert server.client.post("/v1/predict", data={"files": "x"}).status_code == 415
    other = server.client.post("/v1/predict", files={"image": b"x"})
    assert other.status_code == 422
    assert "has a field 'image', expected only 'files'" in other.json()["detail"]
    query = server.predict([("x.png", b"x")], probabilities="perhaps")
    assert query.status_code == 422
    assert query.json()["detail"].startswith("query.probabilities: ")


@pytest.mark.parametrize("name", ["threshold", "gate"])
def test_what_the_server_decides_is_pointed_to(server: Running, name: str) -> None:
    response = server.predict([("x.png", pngs.good_tile())], **{name: "0.9"})
    assert response.status_code == 422
    assert response.json()["detail"].endswith(
        f"the {name} is the server's, and with probabilities=true the answer has what other ones "
        "would give"
    )


@pytest.mark.parametrize("name", ["probability", "<b>\n"])
def test_a_parameter_without_effect_is_refused(server: Running, name: str) -> None:
    response = server.predict([("x.png", pngs.good_tile())], each=True, **{name: "0.9"})
    assert response.status_code == 422
    detail = f"the query has {name!r}, expected only probabilities, each"
    assert response.json() == {"detail": detail}


def test_a_parameter_that_is_given_twice_is_refused(server: Running) -> None:
    for each in (["true", "false"], ["true", "true"]):
        response = server.predict([("x.png", pngs.good_tile())], each=each)
        assert response.status_code == 422
        assert response.json() == {"detail": "the query has 'each' 2 times, expected it once"}


def test_a_wrong_query_is_refused_after_a_large_body(server: Running) -> None:
    large = [("x.png", bytes(2**20))] * 15
    for _ in range(2):  # and the connection serves the next
        assert server.predict(large, threshold=7).status_code == 422
    assert server.predict([("x.png", pngs.good_tile())]).status_code == 200


def test_requests_that_arrive_together_are_run_together(
    predictor: Predictor, tiles: dict[str, bytes]
) -> None:
    held = Held(predictor)
    alone = dict(zip(tiles, _strings(predictor, tiles), strict=True))
    with running(held, options=BatchOptions(size=10, wait_s=0)) as server:
        ask = lambda item: server.predict([item]).json()["results"][0]  # noqa: E731
        with ThreadPoolExecutor(24) as clients:
            futures = [clients.submit(ask, item) for item in tiles.items()]
            assert held.begun.wait(600)
            until(lambda: server.service.batcher.waiting == 24 - held.batches[0])
            held.go.set()
            results = [future.result() for future in futures]
    for result in results:  # runs of other sizes may round a pixel on the edge otherwise
        differ = rle.decode(result["rle"]) != rle.decode(alone[result["name"]])
        assert differ.sum() <= 10
    assert sum(held.batches) == 24
    assert len(held.batches) <= 4


def _strings(predictor: Predictor, tiles: dict[str, bytes]) -> list[str]:
    pixels = np.stack([png.decode(data) for data in tiles.values()])
    return rle.encode(predictor.model.predict(pixels, batch_size=1).masks)


def test_a_full_queue_asks_to_come_back(predictor: Predictor, tiles: dict[str, bytes]) -> None:
    held = Held(predictor)
    tile = next(iter(tiles.items()))
    options = BatchOptions(size=1, wait_s=0, queue=2)
    with running(held, Limits(files=2), options) as server, ThreadPoolExecutor(3) as clients:
        running_one = clients.submit(server.predict, [tile])
        assert held.begun.wait(600)
        assert server.client.get("/readyz").status_code == 200
        two = clients.submit(server.predict, [tile, tile])
        until(lambda: server.service.batcher.full)
        for _ in range(3):
            refused = server.predict([tile])
            assert refused.status_code == 503
            assert int(refused.headers["retry-after"]) >= 1
            assert "queue is full" in refused.json()["detail"]
        assert server.client.get("/readyz").status_code == 503
        assert server.client.get("/healthz").status_code == 200
        held.go.set()
        assert running_one.result().status_code == two.result().status_code == 200
        assert len(two.result().json()["results"]) == 2
        assert server.predict([tile]).status_code == 200


def test_uploads_in_memory_are_bounded(predictor: Predictor, tiles: dict[str, bytes]) -> None:
    tile = next(iter(tiles.items()))
    limits = Limits(file_bytes=20_000, request_bytes=20_000, held_bytes=20_000)
    with running(predictor, limits) as server:
        budget = server.service.budget
        with budget.share() as others:
            others.take(15_000)
            assert server.client.get("/readyz").status_code == 503
            refused = server.predict([tile])
            assert refused.status_code == 503
            assert "too many uploads" in refused.json()["detail"]
        assert server.predict([tile]).status_code == 200
        assert budget.held == 0


def test_a_model_that_fails_on_a_tile_answers_the_others(
    predictor: Predictor, tiles: dict[str, bytes]
) -> None:
    wrong = png.decode(tiles["synthetic-00001.png"])
    broken = Broken(predictor, lambda query: bool((query.tile == wrong).all()))
    with running(broken) as server, logged() as log:
        results = server.predict(list(tiles.items())[:3]).json()["results"]
        assert [result["status"] for result in results] == [200, 500, 200]
        alone = server.predict([("x.png", tiles["synthetic-00001.png"])])
    assert alone.status_code == 500
    assert alone.json()["detail"] == results[1]["error"] == "the model failed on this tile"
    assert "secret of the machine room" not in alone.text
    assert "secret of the machine room" in log.getvalue()


def test_a_judge_that_rounds_past_one_is_sure(
    model: SaltModel, tiles: dict[str, bytes], monkeypatch: pytest.MonkeyPatch
) -> None:
    decide = SaltModel.decide

    def rounded(self: SaltModel, result: BatchResult) -> Decided:
        decided = decide(self, result)
        past = np.full_like(decided.salt, np.nextafter(np.float32(1), np.float32(2)))
        past[0] = np.float32(-1e-9)
        return dataclasses.replace(decided, salt=past)

    monkeypatch.setattr(SaltModel, "decide", rounded)
    with running(Predictor(model)) as server:
        response = server.predict(list(tiles.items())[:2])
    assert response.status_code == 200
    assert [result["salt"] for result in response.json()["results"]] == [0, 1]


def test_the_model_is_described(server: Running, model: SaltModel) -> None:
    told = server.client.get("/v1/model").json()
    assert told["sha256"] == model.session.sha256
    assert told["contract"]["validation"]["score"] == model.session.contract.validation["score"]
    assert told["limits"] == {"file_bytes": 2**20, "files": 64, "request_bytes": 2**24}
    assert "/" not in told["file"]


def test_a_model_without_a_judge_says_so(judgeless_model: Path) -> None:
    """Of which a pixel's probability is of any tile, and not to be weighted by ``salt``."""
    with running(Predictor(SaltModel.load(judgeless_model, threads=1))) as server:
        assert server.client.get("/v1/model").json()["judged"] is False


def test_what_happened_is_counted(predictor: Predictor, tiles: dict[str, bytes]) -> None:
    with running(predictor, options=BatchOptions(wait_s=0.01)) as server:
        server.predict([*list(tiles.items())[:2], ("x", b"x")])
        server.client.get("/nothing/here")
        server.client.request("BREW", "/v1/predict")
        lines = server.client.get("/metrics").text.splitlines()
    assert 'salt_tiles_total{status="200"} 2.0' in lines
    assert 'salt_tiles_total{status="415"} 1.0' in lines
    assert 'salt_requests_total{method="POST",path="/v1/predict",status="200"} 1.0' in lines
    assert 'salt_requests_total{method="GET",path="other",status="404"} 1.0' in lines
    assert 'salt_requests_total{method="other",path="/v1/predict",status="405"} 1.0' in lines
    assert "salt_batch_tiles_sum 2.0" in lines
    assert "salt_queue_tiles 0.0" in lines
    assert any(line.startswith("process_resident_memory_bytes ") for line in lines)


def test_every_address_is_counted_by_its_name(predictor: Predictor) -> None:
    with running(predictor) as server:  # its own: others are asked for more by other tests
        for path in ADDRESSES:
            server.client.get(f"{path}nothing.css" if path.endswith("/") else path)
        text = server.client.get("/metrics").text
        named = set(re.findall(r'salt_requests_total{method="GET",path="([^"]*)"', text))
        assert named == {path.rstrip("/") for path in ADDRESSES} - {""}
        server.client.get("/")  # whose file is closed before it is counted
        until(lambda: 'path="/",status="200"' in server.client.get("/metrics").text)


def test_counters_are_read_in_the_loop_that_changes_them(
    predictor: Predictor, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Another thread would find the queue changing while it counts who waits."""
    read_in: list[threading.Thread] = []
    with running(predictor) as server:
        batcher = server.service.batcher
        count = type(batcher).waiting.fget
        monkeypatch.setattr(
            type(batcher),
            "waiting",
            property(lambda self: read_in.append(threading.current_thread()) or count(self)),
        )
        server.client.get("/readyz")  # which looks at the queue, in the loop
        server.client.get("/metrics")
    assert len(read_in) == 2
    assert read_in[0] is read_in[1]


def test_small_masks_are_left_out_as_the_model_says(
    model: SaltModel, tiles: dict[str, bytes]
) -> None:
    """The server draws none of its own."""
    pixels = np.stack([png.decode(data) for data in tiles.values()])
    sizes = model.predict(pixels).masks.sum((1, 2))
    least = int(sizes.max())
    strict = SaltModel(model.session, dataclasses.replace(model.settings, min_area=least))
    with running(Predictor(strict)) as server:
        results = server.predict(list(tiles.items())).json()["results"]
    assert np.count_nonzero(sizes) > 1
    assert [bool(result["rle"]) for result in results] == (sizes >= least).tolist()


def test_a_stopped_batcher_shows(predictor: Predictor) -> None:
    with running(predictor) as server:
        assert server.client.get("/healthz").json() == {"status": "ok"}
        server.service.batcher._closing = True
        assert server.client.get("/healthz").status_code == 503
        assert server.client.get("/readyz").status_code == 503
        assert server.predict([("x.png", pngs.good_tile())]).status_code == 503


def test_no_upload_reaches_the_disk(server: Running, tiles: dict[str, bytes]) -> None:
    """Python tells an audit hook of every file that is opened, by whatever module."""
    opened: list[object] = []
    watching = threading.Event()

    def hook(event: str, arguments: tuple[object, ...]) -> None:
        if watching.is_set() and event in ("open", "tempfile.mkstemp", "os.mkdir", "os.rename"):
            opened.append(arguments)

    sys.addaudithook(hook)
    watching.set()
    try:
        files = [(name, tiles["synthetic-00001.png"]) for name in HOSTILE_NAMES]
        files += [("large.png", bytes(2**20)), ("larger.png", bytes(2**21))]
        assert server.predict(files).status_code == 200
    finally:
        watching.clear()
    assert not opened


def test_a_request_may_not_be_longer_than_the_queue(predictor: Predictor) -> None:
    with (
        pytest.raises(Exception, match="queue holds 3 tiles and a request may have 64"),
        running(predictor, options=BatchOptions(queue=3)),
    ):
        pass


def test_a_tile_that_can_hardly_be_meant_is_answered_with_a_warning(
    server: Running, tiles: dict[str, bytes]
) -> None:
    faint = png.encode(png.decode(tiles["synthetic-00001.png"]) // 16)
    odd, sound = server.predict(
        [("odd.png", faint), ("a.png", tiles["synthetic-00001.png"])]
    ).json()["results"]
    assert odd["warnings"] == [f"the tile is {oddities.WHAT['narrow-8']}"]
    assert "warnings" not in sound
