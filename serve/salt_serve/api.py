"""The server's addresses."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Annotated, Any

from fastapi import APIRouter, FastAPI, Query, Request, Response
from fastapi.exceptions import RequestValidationError
from fastapi.routing import APIRoute
from fastapi.staticfiles import StaticFiles
from pydantic import BaseModel
from starlette.exceptions import HTTPException
from starlette.responses import FileResponse, JSONResponse
from starlette.types import ASGIApp

from salt_infer import __version__
from salt_serve import metrics, uploads
from salt_serve.body import Body
from salt_serve.errors import (
    BusyError,
    RequestError,
    TooSlowError,
    UnreadableError,
    WrongTypeError,
)
from salt_serve.metrics import Counted
from salt_serve.prefix import PREFIX, Prefixed
from salt_serve.schemas import Health, Predictions, Problem, ServedModel, Wanted
from salt_serve.security import Secured
from salt_serve.service import Service
from salt_serve.stopping import Stoppable

STATIC = Path(__file__).parent / "static"
PAGES = {"/": "index.html", "/docs": "docs.html"}

_DESCRIPTION = """\
Finds salt in 101x101 seismic tiles.

Answers are JSON; what is refused has a `detail` that says why. Tiles that arrive together, from
whomever, are run together; when too many wait, the answer is 503 with Retry-After. The limits are
in `/v1/model`."""

_FORM = {
    "requestBody": {
        "required": True,
        "content": {
            "multipart/form-data": {
                "schema": {
                    "type": "object",
                    "required": [uploads.FIELD],
                    "additionalProperties": False,
                    "properties": {
                        uploads.FIELD: {
                            "type": "array",
                            "minItems": 1,
                            "items": {"type": "string", "format": "binary"},
                        }
                    },
                }
            }
        },
    }
}
_PROBLEMS: dict[int | str, dict[str, Any]] = {
    200: {"description": "A result for each file; at least one has an answer, or each=true."},
    408: {"model": Problem, "description": "The body did not arrive in time."},
    413: {"model": Problem, "description": "Too many bytes or files."},
    415: {"model": Problem, "description": "Not a multipart form, or no file is a PNG."},
    422: {
        "model": Problem,
        "description": "A damaged form, no file is a sound 101x101 tile, or an unknown or wrong "
        "query parameter.",
    },
    500: {"model": Problem, "description": "The model failed."},
    503: {
        "model": Problem,
        "description": "No room, or it is stopping; Retry-After says when to come back.",
        "headers": {"Retry-After": {"description": "Seconds.", "schema": {"type": "integer"}}},
    },
}

_DESCRIBED, _FILES = "/openapi.json", "/static"
router = APIRouter()


@router.post(
    "/v1/predict",
    summary="Find salt in tiles",
    response_model=Predictions,
    responses=_PROBLEMS,
    openapi_extra=_FORM,
)
async def predict(request: Request, wanted: Annotated[Wanted, Query()]) -> Response:
    """Send one or many PNGs in fields named `files`.

    The masks are drawn by the full float32 probabilities and this server's threshold and gate. A
    file that cannot be read has its own status and reason among the results and does not touch the
    others; if no file has an answer, the request's status is theirs (422 if they differ).

    `curl -F files=@a.png -F files=@b.png http://127.0.0.1:8080/v1/predict`
    """
    service = _service(request)
    body = request.state.body = Body(request, service.limits)
    try:
        _check_once(request)
        if service.batcher.full:
            raise BusyError("the queue is full; try again")
        _check_plain(request)
        content_type = request.headers.get("content-type", "")
        with service.budget.share() as share:
            files = await uploads.read(content_type, body.chunks(share), service.limits)
            status, answer = await body.answered(service.predict(files, wanted))
    except RequestError as error:
        if not isinstance(error, TooSlowError):
            await body.forget()
        raise
    return _json(answer, status)


@router.head("/v1/model", include_in_schema=False)
@router.get("/v1/model", summary="The model and the limits")
def model(request: Request) -> ServedModel:
    """What is served: the model file, its contract, and what a request may hold."""
    return _service(request).model()


@router.head("/healthz", include_in_schema=False)
@router.get(
    "/healthz", summary="Is it alive?", response_model=Health, responses={503: {"model": Health}}
)
async def healthz(request: Request) -> Response:
    """503 when the server will not answer any more and should be started anew."""
    alive = _service(request).batcher.alive
    return _json(Health(status="ok" if alive else "stopped"), 200 if alive else 503)


@router.head("/readyz", include_in_schema=False)
@router.get(
    "/readyz", summary="Is there room?", response_model=Health, responses={503: {"model": Health}}
)
async def readyz(request: Request) -> Response:
    """503 when the queue is full or the largest upload would find no room; send others elsewhere.
    Once told to stop, the server takes no more connections and does not answer this either.
    """
    ready = _service(request).ready
    return _json(Health(status="ok" if ready else "busy"), 200 if ready else 503)


@router.head("/metrics", include_in_schema=False)
@router.get(
    "/metrics",
    summary="Counters",
    response_class=Response,
    responses={200: {"content": {"text/plain": {"schema": {"type": "string"}}}}},
)
async def metrics_text(request: Request) -> Response:
    """Requests, files, batches, the queue and the process, for Prometheus."""
    # Not in a thread of its own: the queue belongs to the loop, which changes it.
    return Response(_service(request).metrics.text(), media_type=metrics.CONTENT_TYPE)


ADDRESSES = (
    *(each.path for each in router.routes if isinstance(each, APIRoute)),
    _DESCRIBED,
    f"{_FILES}/",
)


def create_app(service: Service, prefix: str = "") -> ASGIApp:
    """The application of a service, with its page, its headers and its counters.

    Args:
        service: what answers.
        prefix: what a proxy puts before its addresses, see :mod:`salt_serve.prefix`.
    """

    @contextlib.asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        with contextlib.suppress(asyncio.CancelledError):  # Ctrl-C twice: it has said enough
            async with service:
                yield

    app = FastAPI(
        title="salt-toolkit",
        version=__version__,
        description=_DESCRIPTION,
        lifespan=lifespan,
        docs_url=None,  # FastAPI's own pages load scripts from elsewhere; ours is static/docs.html
        redoc_url=None,
        openapi_url=None,  # ours names the prefix of each request
        redirect_slashes=False,  # FastAPI's redirects name the host that it sees, a proxy's inside
    )
    app.state.service = service
    app.include_router(router)
    for path, name in PAGES.items():
        app.add_route(path, _page(name), methods=["GET"], include_in_schema=False)
    app.add_route(_DESCRIBED, _openapi, methods=["GET"], include_in_schema=False)
    app.mount(_FILES, StaticFiles(directory=STATIC))
    app.add_exception_handler(RequestError, _refused)
    app.add_exception_handler(RequestValidationError, _invalid)
    app.add_exception_handler(HTTPException, _http_problem)
    app.add_exception_handler(Exception, _broken)
    answering = Counted(Stoppable(app), service.metrics, (*PAGES, *ADDRESSES))
    return Secured(Prefixed(answering, prefix, PAGES, ADDRESSES))


async def _openapi(request: Request) -> Response:
    prefix, described = request.scope[PREFIX], request.app.openapi()
    return JSONResponse({**described, "servers": [{"url": prefix}]} if prefix else described)


def _page(name: str) -> Any:
    async def page(request: Request) -> Response:
        return FileResponse(STATIC / name)

    return page


def _check_once(request: Request) -> None:
    """Raise UnreadableError where a parameter is given twice: only one of them would count."""
    for name in Wanted.model_fields:
        if (count := len(request.query_params.getlist(name))) > 1:
            raise UnreadableError(f"the query has {name!r} {count} times, expected it once")


def _check_plain(request: Request) -> None:
    """Raise WrongTypeError where the body is packed, and would look like a damaged form."""
    coding = request.headers.get("content-encoding", "").strip().lower()
    if coding not in ("", "identity"):
        raise WrongTypeError(f"the body is packed by {coding[:50]!r}, expected it as it is")


def _service(request: Request) -> Service:
    service: Service = request.app.state.service
    return service


def _json(answer: BaseModel, status: int, headers: dict[str, str] | None = None) -> Response:
    text = answer.model_dump_json(exclude_none=True)
    return Response(text, status, headers, media_type="application/json")


async def _refused(request: Request, error: Exception) -> Response:
    assert isinstance(error, RequestError)
    headers = dict(error.headers)
    if not request.state.body.finished:  # no other request can follow on this connection
        headers["Connection"] = "close"
    return _json(Problem(detail=str(error)), error.status, headers)


async def _invalid(request: Request, error: Exception) -> Response:
    assert isinstance(error, RequestValidationError)
    first = error.errors()[0]
    where = ".".join(map(str, first["loc"]))
    detail = f"{where}: {first['msg']}"
    if first["type"] == "extra_forbidden":
        known = ", ".join(Wanted.model_fields)
        name = str(first["loc"][-1])[:100]
        detail = f"the query has {name!r}, expected only {known}"
        if name in ("threshold", "gate"):
            detail += (
                f"; the {name} is the server's, and with probabilities=true the answer has what "
                "other ones would give"
            )
    return _json(Problem(detail=detail), 422, await _forgotten(request))


async def _http_problem(request: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)
    headers = dict(error.headers or {}) | await _forgotten(request)
    if headers.get("Allow") == "GET":  # the router names one route's methods
        headers["Allow"] = "GET, HEAD"
    return _json(Problem(detail=error.detail), error.status_code, headers)


async def _forgotten(request: Request) -> dict[str, str]:
    """Throw away the body of a request that nothing has read; what to say of the connection."""
    body = Body(request, _service(request).limits)
    await body.forget()
    return {} if body.finished else {"Connection": "close"}


async def _broken(request: Request, error: Exception) -> Response:
    return _json(Problem(detail="the server failed; its log says why"), 500)
