from __future__ import annotations

from collections.abc import Iterator
from urllib.parse import urljoin

import pytest
from click.testing import CliRunner

from salt_infer.errors import InputError
from salt_serve import cli, prefix
from salt_serve.predictor import Predictor
from salt_serve.security import HEADERS
from tests import pngs
from tests.serve.running import Running, running

TILE = {"files": ("a.png", pngs.good_tile())}


@pytest.fixture(scope="module")
def prefixed(predictor: Predictor) -> Iterator[Running]:
    with running(predictor, prefix="/v1/salt") as it:
        yield it


@pytest.mark.parametrize("path", ["/v1/predict/", "//v1/predict", "/v1//predict//"])
def test_a_slash_more_is_the_same_address(server: Running, path: str) -> None:
    response = server.client.post(server.url + path, files=TILE)
    assert response.status_code == 200
    assert response.json()["results"][0]["status"] == 200
    assert response.headers["content-security-policy"] == HEADERS["Content-Security-Policy"]


@pytest.mark.parametrize("path", ["/healthz/", "/v1/model/", "/metrics/", "/openapi.json/"])
def test_other_addresses_alike(server: Running, path: str) -> None:
    told = {"X-Forwarded-Proto": "https", "X-Forwarded-Host": "salt.example"}
    response = server.client.get(path, headers=told)
    assert response.status_code == 200
    assert "location" not in response.headers


def test_a_page_whose_links_are_relative_is_found_by_a_relative_redirect(server: Running) -> None:
    response = server.client.get("/docs/", headers={"X-Forwarded-Proto": "https"})
    assert response.status_code == 307
    assert response.headers["location"] == "../docs"
    seen = urljoin("https://example.org/any/where/docs/", response.headers["location"])
    assert seen == "https://example.org/any/where/docs"
    assert response.headers["x-frame-options"] == "DENY"


@pytest.mark.parametrize("before", ["", "/v1/salt"])
def test_a_proxy_may_take_its_prefix_off_or_not(prefixed: Running, before: str) -> None:
    client = prefixed.client
    assert client.get(f"{before}/").text.startswith("<!")
    assert client.get(f"{before}/static/main.js").status_code == 200
    assert client.post(f"{before}/v1/predict/", files=TILE).status_code == 200
    described = client.get(f"{before}/openapi.json").json()
    assert described["servers"] == [{"url": "/v1/salt"}]
    assert "/v1/predict" in described["paths"]


@pytest.mark.parametrize("before", ["/v1", "/docs", "/static", "/metrics"])
def test_a_prefix_may_begin_as_an_address_does(predictor: Predictor, before: str) -> None:
    with running(predictor, prefix=before) as it:
        for taken_off in ("", before):
            assert it.client.get(f"{taken_off}/").text.startswith("<!")
            assert it.client.get(f"{taken_off}/docs").text.startswith("<!")
            assert it.client.get(f"{taken_off}/static/main.js").status_code == 200
            assert it.client.get(f"{taken_off}/v1/model").json()["limits"]
            assert it.client.get(f"{taken_off}/metrics").text.startswith("#")
            assert it.client.post(f"{taken_off}/v1/predict", files=TILE).status_code == 200


def test_the_prefix_alone_leads_to_the_page(prefixed: Running) -> None:
    response = prefixed.client.get("/v1/salt")
    assert (response.status_code, response.headers["location"]) == (307, "salt/")
    assert prefixed.client.get("/v1/saltier").status_code == 404


def test_what_a_proxy_says_of_its_prefix_counts_for_that_request(server: Running) -> None:
    def servers(header: str | None) -> object:
        headers = {} if header is None else {"X-Forwarded-Prefix": header}
        return server.client.get("/openapi.json", headers=headers).json().get("servers")

    assert servers("/salt/") == [{"url": "/salt"}]
    assert servers(None) is None
    for wrong in ("https://evil.example", "//evil.example", "/a b", "/../x", "/" + "x" * 300):
        assert servers(wrong) is None


@pytest.mark.parametrize("text", ["salt", "https://x.example/salt", "//salt", "/a/../b", "/a?b"])
def test_what_is_no_prefix(text: str) -> None:
    with pytest.raises(InputError, match="expected a path such as /salt"):
        prefix.parse(text)
    done = CliRunner().invoke(cli.cli, ["--root-path", text])
    assert isinstance(done.exception, InputError)


def test_prefixes() -> None:
    assert [prefix.parse(text) for text in ("", "/", "/salt/", "/a/b.c")] == [
        "", "", "/salt", "/a/b.c",
    ]  # fmt: skip
