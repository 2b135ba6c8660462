"""The page in real headless Chromium; ``make test-browser`` installs what this needs."""

from __future__ import annotations

import base64
import contextlib
import csv
import dataclasses
import io
import re
import shutil
import zipfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

from salt_infer import SaltModel
from salt_infer.data import png
from salt_infer.masks import rle
from salt_infer.modelfile.onnx_reader import read_model
from salt_infer.models import default_model
from salt_infer.predictor.prediction import Prediction
from salt_infer.predictor.settings import Settings
from salt_serve import levels
from salt_serve.limits import MIB, Limits
from salt_serve.predictor import Predictor
from tests import pngs
from tests.serve.running import Running, running

playwright = pytest.importorskip("playwright.sync_api", reason="Playwright is not installed")
if TYPE_CHECKING:
    from playwright.sync_api import Browser, Locator, Page

CHROMIUM = shutil.which("chromium") or shutil.which("google-chrome")
pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(not CHROMIUM, reason="Chromium is not installed; make test-browser does it"),
]
MODEL = read_model(default_model()).contract
VIRIDIS = [[68, 1, 84], [59, 82, 139], [33, 145, 140], [94, 201, 98], [253, 231, 37]]
ROWS = [bytes(row) for row in pngs.ramp()]
HTML_NAME = "<img src=x onerror=alert(1)>.png"
DROP = """([box, files]) => {
  const transfer = new DataTransfer();
  for (const { name, data } of files) {
    const bytes = Uint8Array.from(atob(data), (character) => character.charCodeAt(0));
    transfer.items.add(new File([bytes], name, { type: "image/png" }));
  }
  for (const type of ["dragover", "drop"]) {
    box.dispatchEvent(new DragEvent(type, { dataTransfer: transfer, bubbles: true }));
  }
}"""
PIXELS = """(canvas) => {
  const { data } = canvas.getContext("2d").getImageData(0, 0, 101, 101);
  return btoa(String.fromCharCode(...data));
}"""


@dataclasses.dataclass
class Visit:
    """A page that is open, and what went wrong on it."""

    page: Page
    asked: list[str]
    errors: list[str]

    @property
    def predictions(self) -> int:
        return sum("/v1/predict" in url for url in self.asked)

    def drop(self, files: dict[str, bytes]) -> None:
        coded = [{"name": name, "data": _base64(data)} for name, data in files.items()]
        self.page.evaluate(DROP, [self.page.query_selector("#drop"), coded])

    def card(self, name: str) -> Locator:
        heading = self.page.get_by_role("heading", name=name, exact=True)
        return self.page.locator(".card", has=heading)

    def cards(self, count: int) -> Locator:
        found = self.page.locator(".card")
        playwright.expect(found).to_have_count(count, timeout=60_000)
        return found

    def pixels(self, name: str, kind: str) -> np.ndarray:
        canvas = self.card(name).locator(f'canvas[data-is="{kind}"]')
        raw = np.frombuffer(base64.b64decode(canvas.evaluate(PIXELS)), dtype=np.uint8)
        return raw.reshape(101, 101, 4)

    def rle(self, name: str) -> str:
        return str(self.card(name).get_by_role("textbox").input_value())

    def slide(self, name: str, index: int) -> None:
        self.page.locator(f"#{name}").fill(str(index))
        self.page.evaluate("new Promise(requestAnimationFrame)")

    def masks(self) -> dict[str, np.ndarray]:
        """What the archive of masks holds."""
        with zipfile.ZipFile(io.BytesIO(self.saved("Masks (.zip)"))) as archive:
            assert archive.testzip() is None
            return {name: png.decode_mask(archive.read(name)) for name in archive.namelist()}

    def saved(self, button: str) -> bytes:
        with self.page.expect_download() as download:
            self.page.get_by_role("button", name=button).click()
        return download.value.path().read_bytes()  # type: ignore[no-any-return]


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    options = ["--no-sandbox", "--disable-quic"]  # containers have no user namespaces
    with playwright.sync_playwright() as started:
        chromium = started.chromium.launch(executable_path=CHROMIUM, args=options)
        yield chromium
        chromium.close()


@pytest.fixture
def settings(request: pytest.FixtureRequest) -> dict[str, Any]:
    """Of the browser: the size of its window, say."""
    return getattr(request, "param", {})


@pytest.fixture
def visit(browser: Browser, server: Running, settings: dict[str, Any]) -> Iterator[Visit]:
    with visiting(browser, server.url, settings) as it:
        yield it


@contextlib.contextmanager
def visiting(browser: Browser, url: str, settings: dict[str, Any]) -> Iterator[Visit]:
    """A page of a server, on which nothing may go wrong but what the test takes off its list."""
    context = browser.new_context(base_url=url, **settings)
    context.grant_permissions(["clipboard-read", "clipboard-write"])
    page = context.new_page()
    it = Visit(page, [], [])
    page.on("request", lambda request: it.asked.append(request.url))
    page.on("pageerror", lambda error: it.errors.append(str(error)))
    page.on("console", lambda said: it.errors.append(said.text) if said.type == "error" else None)
    page.on("dialog", lambda dialog: it.errors.append(dialog.message))
    page.goto("/")
    page.wait_for_selector("html[data-ready]")
    yield it
    assert it.errors == []
    assert all(asked.startswith((url, f"blob:{url}")) for asked in it.asked)
    context.close()


def mask(server: Running, data: bytes, threshold: float, gate: float) -> np.ndarray:
    """bool [101, 101], as salt-infer would draw it."""
    session = server.service._predictor.model.session
    model = SaltModel(session, Settings(threshold, gate, "hflip"))
    return model.predict(png.decode(data)[None]).masks[0]


def test_a_dropped_tile_is_shown_with_its_mask_over_it(
    visit: Visit, server: Running, tiles: dict[str, bytes]
) -> None:
    name = "synthetic-00001"
    visit.drop({f"{name}.png": tiles[f"{name}.png"]})
    visit.cards(1)
    expected = mask(server, tiles[f"{name}.png"], MODEL.threshold, MODEL.gate)
    assert visit.rle(name) == rle.encode(expected[None])[0]
    np.testing.assert_array_equal(visit.pixels(name, "mask")[:, :, 0], expected * np.uint8(255))
    tile, overlay = visit.pixels(name, "tile"), visit.pixels(name, "overlay")
    np.testing.assert_array_equal(tile[:, :, 0], png.decode(tiles[f"{name}.png"]))
    changed = (tile != overlay).any(axis=2)
    np.testing.assert_array_equal(changed, expected)
    assert (overlay[changed][:, 0] > overlay[changed][:, 2]).all()  # orange
    facts = visit.card(name).inner_text()
    (answer,) = server.predict({f"{name}.png": tiles[f"{name}.png"]}.items()).json()["results"]
    assert re.search(rf"Salt probability\s+{answer['salt']:.3f}", facts)
    assert re.search(rf"Coverage\s+{100 * expected.mean():.1f} %", facts)
    shown = visit.pixels(name, "probability").reshape(-1, 4)
    assert len(np.unique(shown, axis=0)) > 20
    assert visit.page.get_by_role("status").inner_text() == "1 of 1 looked at: 1 with salt."


@pytest.mark.parametrize(
    ("name", "body"),
    [
        (b"eXIf", b"MM\0*\0\0\0\x08\0\x01\x01\x12\0\x03\0\0\0\x01\0\x06\0\0\0\0\0\0"),
        (b"tRNS", b"\0\7"),
        (b"gAMA", b"\0\0\x40\0"),
    ],
    ids=["turned by a quarter", "one grey level hidden", "darker"],
)
def test_a_tile_is_shown_as_the_model_sees_it(visit: Visit, name: bytes, body: bytes) -> None:
    """Whatever a file tells viewers to do with its pixels."""
    tile = pngs.png(8, 0, ROWS, before=(pngs.chunk(name, body),))
    visit.drop({"a.png": tile})
    visit.cards(1)
    shown = visit.pixels("a", "tile")
    np.testing.assert_array_equal(shown[:, :, 0], png.decode(tile))
    assert (shown[:, :, 3] == 255).all()


def test_where_there_is_no_salt_no_pixel_looks_like_some(
    visit: Visit, server: Running, tiles: dict[str, bytes]
) -> None:
    answers = server.predict(tiles.items()).json()["results"]
    name = min(answers, key=lambda answer: answer["salt"])["name"].removesuffix(".png")
    visit.drop({f"{name}.png": tiles[f"{name}.png"]})
    visit.cards(1)
    shown = visit.pixels(name, "probability")[:, :, :3].astype(int)
    assert np.abs(shown - [68, 1, 84]).max() <= 6  # the colour of 0


@pytest.mark.parametrize("judged", [True, False])
def test_the_probability_is_of_any_tile(
    browser: Browser, server: Running, judgeless_model: Path, tiles: dict[str, bytes], judged: bool
) -> None:
    """As :attr:`salt_infer.predictor.prediction.Prediction.pixel_salt` has it."""
    file = {"a.png": tiles["synthetic-00001.png"]}
    with contextlib.ExitStack() as stack:
        if not judged:
            model = SaltModel.load(judgeless_model, threads=1, gate=0.0)
            server = stack.enter_context(running(Predictor(model)))
        visit = stack.enter_context(visiting(browser, server.url, {}))
        visit.drop(file)
        visit.cards(1)
        shown = visit.pixels("a", "probability")[:, :, :3]
        model = server.service._predictor.model
        tile = png.decode(file["a.png"])[None]
        (pixel_salt,) = model.predict(tile).pixel_salt
    stops = np.linspace(0, 1, len(VIRIDIS))
    expected = [np.interp(pixel_salt, stops, part) for part in np.transpose(VIRIDIS)]
    assert pixel_salt.max() > 0.2
    assert np.abs(np.stack(expected, axis=2) - shown).max() < 6  # levels are 0.005 apart


def test_a_warning_of_a_tile_is_shown(visit: Visit, tiles: dict[str, bytes]) -> None:
    sound = tiles["synthetic-00001.png"]
    visit.drop({"odd.png": png.encode(png.decode(sound) // 16), "sound.png": sound})
    visit.cards(2)
    assert "with at most 1/16 of the range" in visit.card("odd").inner_text()
    assert "1/16" not in visit.card("sound").inner_text()


def test_sliders_decide_at_once_and_as_salt_infer_would(
    visit: Visit, server: Running, tiles: dict[str, bytes]
) -> None:
    names = ["synthetic-00001", "synthetic-00003", "synthetic-00019"]
    for count, name in enumerate(names, 1):  # one by one, as they are run below
        visit.drop({f"{name}.png": tiles[f"{name}.png"]})
        visit.cards(count)
    asked = len(visit.asked)
    steps = levels.levels(MODEL.threshold)
    seen = set()
    places = [
        (0, 0),
        (20, 0),
        (40, 40),
        (77, 82),
        (110, 0),
        (150, 60),
        (199, 0),
        (200, 0),
        (3, 200),
    ]
    for threshold, gate in places:
        visit.slide("threshold", threshold)
        visit.slide("gate", gate)
        assert visit.page.locator("#threshold-value").inner_text() == f"{steps[threshold]:.3f}"
        for name in names:
            drawn = mask(server, tiles[f"{name}.png"], steps[threshold], steps[gate])
            assert visit.rle(name) == rle.encode(drawn[None])[0], (name, threshold, gate)
            seen.add(visit.rle(name))
    assert len(seen) > 6
    visit.page.get_by_role("button", name="Reset").click()
    assert visit.page.locator("#threshold-value").inner_text() == f"{MODEL.threshold:.3f}"
    assert visit.page.locator("#gate-value").inner_text() == f"{MODEL.gate:.3f}"
    assert len(visit.asked) == asked


def test_tiles_are_put_in_the_order_that_is_asked_for(
    visit: Visit, server: Running, tiles: dict[str, bytes]
) -> None:
    """By what salt-infer says of each; also once a slider has changed that, and of new tiles. The
    page knows those in a mask to half a level: tiles as sure as each other may change places.
    """
    model = server.service._predictor.model
    names = sorted(name.removesuffix(".png") for name in tiles)[:6]

    def listed() -> list[str]:
        return visit.page.locator(".card h2").all_inner_texts()

    def predicted(name: str, **settings: float) -> Prediction:
        decided = SaltModel(model.session, dataclasses.replace(model.settings, **settings))
        return decided.predict(png.decode(tiles[f"{name}.png"])[None])

    def check_unsure(given: list[str], **settings: float) -> None:
        *found, last = listed()
        assert (sorted(found), last) == (given, "bad")
        sure = [float(predicted(name, **settings).confidence[0]) for name in found]
        told = visit.page.locator('[data-is="confidence"]').all_inner_texts()
        assert list(map(float, told)) == pytest.approx(sure, abs=0.0076)
        assert sure == pytest.approx(sorted(sure), abs=0.0052)

    visit.drop({"bad.png": b"bad"} | {f"{name}.png": tiles[f"{name}.png"] for name in names[:5]})
    visit.cards(6)
    assert listed() == ["bad", *names[:5]]
    visit.page.locator("#order").select_option("salt")
    share = {name: float(predicted(name).masks.mean()) for name in names[:5]}
    assert listed() == [*sorted(names[:5], key=lambda name: -share[name]), "bad"]
    visit.page.locator("#order").select_option("unsure")
    check_unsure(names[:5])
    visit.slide("gate", 0)
    visit.slide("threshold", 20)
    visit.page.locator("#gate").dispatch_event("change")  # a slider that is let go
    visit.page.evaluate("new Promise(requestAnimationFrame)")
    low = {"gate": 0.0, "threshold": levels.levels(MODEL.threshold)[20]}
    check_unsure(names[:5], **low)
    visit.drop({f"{names[5]}.png": tiles[f"{names[5]}.png"]})
    visit.cards(7)
    check_unsure(names, **low)
    visit.page.locator("#order").select_option("given")
    assert listed() == ["bad", *names]


def test_everything_can_be_done_by_keyboard(visit: Visit) -> None:
    press = visit.page.keyboard.press
    focused = "document.activeElement.id || document.activeElement.textContent"
    stops = []
    for _ in range(3):
        press("Tab")
        stops.append(visit.page.evaluate(focused))
    assert stops == ["API for programs", "files", "example"]
    press("Enter")
    visit.cards(3)
    for stop in ("save-masks", "save-csv", "clear", "order", "threshold"):
        press("Tab")
        assert visit.page.evaluate(focused) == stop
    before = visit.rle("synthetic-00011")
    press("ArrowLeft")
    press("ArrowLeft")
    lower = f"{MODEL.threshold - 0.01:.3f}"
    assert visit.page.locator("#threshold-value").inner_text() == lower
    assert visit.page.locator("#threshold").get_attribute("aria-valuetext") == lower
    visit.page.wait_for_function(
        "before => [...document.querySelectorAll('textarea')][1].value !== before", arg=before
    )
    press("Tab")
    press("Home")
    assert visit.page.locator("#gate-value").inner_text() == "0.000"


def test_the_run_length_mask_can_be_copied(visit: Visit) -> None:
    visit.page.get_by_role("button", name="Try three examples").click()
    visit.cards(3)
    visit.card("synthetic-00011").get_by_role("button", name="Copy").click()
    playwright.expect(visit.card("synthetic-00011").locator("button")).to_have_text("Copied")
    copied = visit.page.evaluate("navigator.clipboard.readText()")
    assert copied == visit.rle("synthetic-00011")
    assert len(copied) > 100


def test_bad_files_and_odd_names_are_told_beside_the_good(
    visit: Visit, tiles: dict[str, bytes]
) -> None:
    good = tiles["synthetic-00001.png"]
    visit.drop(
        {"broken.png": good[:1000], "<b>bold</b>.png": b"text", "large.png": bytes(2**20 + 1)}
    )
    visit.cards(3)
    visit.drop({HTML_NAME: good, '"quoted", twice.PNG': good})
    visit.cards(5)
    reasons = {name: visit.card(name).inner_text() for name in ("broken", "<b>bold</b>", "large")}
    assert "truncated" in reasons["broken"]
    assert "not a PNG" in reasons["<b>bold</b>"]
    assert "more than 1048576 bytes" in reasons["large"]
    assert visit.rle(HTML_NAME.removesuffix(".png"))
    assert visit.page.locator("main img, main b").count() == 0
    status = visit.page.get_by_role("status").inner_text()
    assert status == "5 of 5 looked at: 2 with salt, 3 could not be read."
    rows = list(csv.reader(io.StringIO(visit.saved("RLE (.csv)").decode())))
    assert [row[0] for row in rows] == ["id", '"quoted", twice', HTML_NAME.removesuffix(".png")]
    assert visit.masks().keys() == {"_img src=x onerror=alert(1)_.png", "_quoted_, twice.png"}


def test_fifty_files_are_answered_and_saved(visit: Visit, tiles: dict[str, bytes]) -> None:
    files = {f"{i:02}.png": list(tiles.values())[i % 24] for i in range(50)}
    visit.drop(files)
    visit.cards(50)
    visit.page.set_input_files(
        "#files", [{"name": "00.png", "mimeType": "image/png", "buffer": files["01.png"]}]
    )
    visit.cards(51)
    assert visit.predictions == 8
    rows = dict(csv.reader(io.StringIO(visit.saved("RLE (.csv)").decode())))
    assert rows.pop("id") == "rle_mask"
    assert list(rows) == sorted([f"{i:02}" for i in range(50)] + ["00 (2)"])
    assert rows["00 (2)"] == rows["01"] != rows["00"]
    masks = visit.masks()
    assert {f"{name}.png" for name in rows} == masks.keys()
    for name, text in rows.items():
        assert rle.encode(masks[f"{name}.png"][None])[0] == text
    visit.page.get_by_role("button", name="Clear").click()
    visit.cards(0)
    assert visit.page.locator("#controls").is_hidden()


def test_what_is_cleared_while_it_is_looked_at_does_not_come_back(
    visit: Visit, tiles: dict[str, bytes]
) -> None:
    visit.drop({"first.png": tiles["synthetic-00001.png"]})
    visit.cards(1)
    visit.drop({f"{i}.png": data for i, data in enumerate(tiles.values())})
    visit.page.get_by_role("button", name="Clear").click()
    visit.drop({"last.png": tiles["synthetic-00001.png"]})
    playwright.expect(visit.card("last")).to_have_count(1)
    visit.page.wait_for_timeout(300)
    visit.cards(1)
    status = visit.page.get_by_role("status").inner_text()
    assert status == "1 of 1 looked at: 1 with salt."


def test_a_busy_server_is_asked_again(visit: Visit) -> None:
    refusals = iter([503, 503])

    def answer(route: Any) -> None:
        status = next(refusals, None)
        if status is None:
            route.continue_()
        else:
            route.fulfill(status=status, headers={"Retry-After": "1"}, json={"detail": "full"})

    visit.page.route("**/v1/predict*", answer)
    visit.page.get_by_role("button", name="Try three examples").click()
    status = visit.page.get_by_role("status")
    playwright.expect(status).to_have_text(
        "0 of 3 looked at: 0 with salt. The server is busy; this page will ask it again."
    )
    visit.cards(3)
    playwright.expect(status).to_have_text(re.compile(r"^3 of 3 looked at: \d with salt\.$"))
    assert visit.page.locator(".refused").count() == 0
    assert [error.partition(":")[0] for error in visit.errors] == ["Failed to load resource"] * 2
    visit.errors.clear()  # browsers log every such status themselves


def test_a_server_that_has_gone_is_told(visit: Visit) -> None:
    visit.page.route("**/v1/predict*", lambda route: route.abort())
    visit.page.get_by_role("button", name="Try three examples").click()
    visit.cards(3)
    refused = visit.page.locator(".refused p")
    assert refused.all_inner_texts() == ["the server cannot be reached"] * 3
    visit.errors.clear()


def test_rows_are_in_the_order_that_salt_infer_has(visit: Visit, tiles: dict[str, bytes]) -> None:
    names = ["\U0001f600", "\uff5e", "ab", "a\U0001f600", "a", "B", "a\uff5e"]
    visit.drop({f"{name}.png": tiles["synthetic-00001.png"] for name in names})
    visit.cards(len(names))
    rows = list(csv.reader(io.StringIO(visit.saved("RLE (.csv)").decode())))
    assert [row[0] for row in rows] == ["id", *sorted(names)]


def test_a_tile_that_is_tried_again_is_saved_by_its_own_name(
    visit: Visit, tiles: dict[str, bytes]
) -> None:
    tile = tiles["synthetic-00001.png"]
    for data in (tile[:500], tile, tile):
        visit.drop({"a.png": data})
    visit.cards(3)
    assert visit.page.locator(".card h2").all_inner_texts() == ["a", "a", "a (2)"]
    rows = list(csv.reader(io.StringIO(visit.saved("RLE (.csv)").decode())))
    assert [row[0] for row in rows] == ["id", "a", "a (2)"]
    assert list(visit.masks()) == ["a.png", "a (2).png"]


@pytest.mark.parametrize(
    ("fails", "reason"),
    [
        (lambda route: route.abort(), "the server cannot be reached"),
        (lambda route: route.fulfill(status=502, body="no"), "the server answered 502"),
    ],
    ids=["gone", "a proxy's error"],
)
def test_examples_that_cannot_be_had_are_told(
    visit: Visit, fails: Callable[[Any], None], reason: str
) -> None:
    visit.page.route("**/static/examples/*", fails)
    button = visit.page.get_by_role("button", name="Try three examples")
    button.click()
    status = visit.page.get_by_role("status")
    playwright.expect(status).to_have_text(
        f"The examples cannot be had ({reason}); try again later."
    )
    visit.cards(0)
    visit.page.unroute("**/static/examples/*")
    button.click()
    visit.cards(3)
    playwright.expect(status).to_have_text(re.compile(r"^3 of 3 looked at: \d with salt\.$"))
    visit.errors.clear()  # browsers log what fails themselves


@pytest.mark.parametrize(
    "limits", [Limits(files=3), Limits(request_bytes=MIB)], ids=["files", "bytes"]
)
def test_no_request_has_more_than_the_server_takes(
    browser: Browser, predictor: Predictor, tiles: dict[str, bytes], limits: Limits
) -> None:
    large = pngs.png(8, 0, ROWS, before=(pngs.chunk(b"teSt", bytes(900_000)),))
    files = {"one.png": large, "two.png": large, "larger.png": bytes(2 * MIB), **tiles}
    with running(predictor, limits) as server, visiting(browser, server.url, {}) as visit:
        visit.drop(files)
        visit.cards(len(files))
        refused = visit.page.locator(".refused h2").all_inner_texts()
        assert refused == ["larger"]
        assert visit.predictions < len(files)


def test_a_file_that_cannot_be_opened_is_refused_alone(
    visit: Visit, tiles: dict[str, bytes], tmp_path: Path
) -> None:
    paths = [tmp_path / f"{i:02}.png" for i in range(16)]
    for path, data in zip(paths, tiles.values(), strict=False):
        path.write_bytes(data)

    def answer(route: Any) -> None:
        paths[9].unlink(missing_ok=True)  # while the first eight are looked at
        route.continue_()

    visit.page.route("**/v1/predict*", answer)
    visit.page.set_input_files("#files", paths)
    visit.cards(16)
    assert visit.page.locator(".refused h2").all_inner_texts() == ["09"]
    assert "moved, changed or deleted" in visit.card("09").inner_text()


def test_an_answer_that_lacks_results_does_not_stop_the_page(
    visit: Visit, tiles: dict[str, bytes]
) -> None:
    def lacking(route: Any) -> None:
        response = route.fetch()
        body = response.json()
        route.fulfill(response=response, json={**body, "results": body["results"][:-1]})

    visit.page.route("**/v1/predict*", lacking, times=1)
    visit.page.get_by_role("button", name="Try three examples").click()
    visit.cards(3)
    refused = visit.page.locator(".refused p").all_inner_texts()
    assert refused == ["the server answered 2 of 3 files"] * 3
    visit.drop({"next.png": tiles["synthetic-00001.png"]})
    visit.cards(4)
    assert visit.rle("next")


def test_what_another_model_answers_is_not_drawn_by_the_levels_of_the_first(
    browser: Browser, predictor: Predictor, tiles: dict[str, bytes]
) -> None:
    tile = tiles["synthetic-00001.png"]
    with running(predictor) as first, visiting(browser, first.url, {}) as visit:
        visit.drop({"before.png": tile})
        visit.cards(1)
        drawn = visit.rle("before")
        first.stop()
        other = SaltModel.load(default_model().with_name("default.onnx"), threads=1)
        with running(Predictor(other), port=first.port):
            visit.drop({"after.png": tile})
            visit.cards(2)
            assert "another model by now; reload this page" in visit.card("after").inner_text()
            assert visit.rle("before") == drawn
            visit.page.reload()
            visit.page.wait_for_selector("html[data-ready]")
            visit.drop({"after.png": tile})
            visit.cards(1)
            expected = other.predict(png.decode(tile)[None]).masks
            assert visit.rle("after") == rle.encode(expected)[0]


@pytest.mark.parametrize(
    "other", [Settings(0.4217, MODEL.gate, "hflip"), Settings(MODEL.threshold, 0.3, "hflip")]
)
def test_what_is_answered_by_another_threshold_or_gate_is_not_drawn_by_the_first(
    browser: Browser, predictor: Predictor, tiles: dict[str, bytes], other: Settings
) -> None:
    """Such an answer counts other levels, so that every mask would be a step off."""
    tile = tiles["synthetic-00001.png"]
    model = SaltModel(predictor.model.session, other)
    with running(predictor) as first, visiting(browser, first.url, {}) as visit:
        first.stop()
        with running(Predictor(model), port=first.port):
            visit.drop({"after.png": tile})
            visit.cards(1)
            assert "another threshold or gate by now; reload" in visit.card("after").inner_text()
            visit.page.reload()
            visit.page.wait_for_selector("html[data-ready]")
            visit.drop({"after.png": tile})
            visit.cards(1)
            expected = model.predict(png.decode(tile)[None]).masks
            assert visit.rle("after") == rle.encode(expected)[0]


def test_masks_have_names_that_every_system_takes_and_tells_apart(
    visit: Visit, tiles: dict[str, bytes]
) -> None:
    names = ["A", "a", "CON", "com1.x", "console", "\u00e9", "e\u0301", "..", "a (2)"]
    visit.drop({f"{name}.png": tiles["synthetic-00001.png"] for name in names})
    visit.cards(len(names))
    assert [name.removesuffix(".png") for name in visit.masks()] == [
        "A", "a (2)", "_CON", "_com1.x", "console", "\u00e9", "e\u0301 (2)", "_", "a (2) (2)",
    ]  # fmt: skip


@pytest.mark.parametrize(
    "settings",
    [
        {"viewport": {"width": width, "height": 700}, "color_scheme": scheme}
        for width, scheme in [(320, "light"), (390, "dark"), (768, "light"), (1400, "dark")]
    ],
    indirect=True,
    ids=lambda settings: f"{settings['viewport']['width']}",
)
def test_nothing_is_wider_than_the_window(visit: Visit, settings: dict[str, Any]) -> None:
    visit.drop({f"{'long-name' * 20}.png": b"no"})
    visit.page.get_by_role("button", name="Try three examples").click()
    visit.cards(4)
    visit.page.get_by_text("The model", exact=True).click()
    width = settings["viewport"]["width"]
    assert visit.page.evaluate("document.documentElement.scrollWidth") <= width
    boxes = (
        visit.card("synthetic-00001")
        .locator("canvas")
        .evaluate_all("all => all.map((one) => one.getBoundingClientRect().toJSON())")
    )
    assert all(box["width"] == pytest.approx(box["height"]) for box in boxes)
    assert min(box["width"] for box in boxes) >= 100
    rows = len({box["top"] for box in boxes})
    assert rows == (2 if width < 500 else 1)
    text, behind = visit.page.evaluate(
        "[getComputedStyle(document.body).color, getComputedStyle(document.body).backgroundColor]"
    )
    dark = settings["color_scheme"] == "dark"
    assert (_light(text) > _light(behind)) == dark


@pytest.mark.parametrize(
    "settings", [{"viewport": {"width": 360, "height": 700}}, {}], indirect=True, ids=str
)
def test_the_api_is_described_without_network(visit: Visit, server: Running) -> None:
    visit.page.get_by_role("link", name="API for programs").click()
    heading = visit.page.get_by_role("heading", name="POST /v1/predict")
    playwright.expect(heading).to_be_visible()
    text = visit.page.locator("main").inner_text()
    for words in (
        "GET /v1/model",
        "probabilities",
        "precision is 0.005",
        "Retry-After",
        "TileAnswer",
        f"curl -F files=@a.png -F files=@b.png {server.url}/v1/predict",
    ):
        assert words in text
    overhang = "document.documentElement.scrollWidth - innerWidth"
    assert visit.page.evaluate(overhang) <= 0
    visit.page.get_by_role("link", name="Predictions").first.click()
    assert visit.page.url == f"{server.url}/docs#Predictions"


def _light(colour: str) -> int:
    return sum(map(int, re.findall(r"\d+", colour)[:3]))


def _base64(data: bytes) -> str:
    return base64.b64encode(data).decode()
