"""What is served: the page's own files, and answers to what it asks."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import FileResponse, JSONResponse, Response
from starlette.routing import Mount, Route
from starlette.staticfiles import StaticFiles

from skytier.dashboard.answers import Answers
from skytier.errors import SkytierError
from skytier.metrics.catalogue import BY_ID

STATIC = Path(__file__).with_name("static")


def application(answers: Answers) -> Starlette:
    """The page and its API, without any guard."""

    # Plain functions: Starlette runs them in threads, since answers wait for other machines.
    def page(_: Request) -> Response:
        return FileResponse(STATIC / "index.html")

    def chart(request: Request) -> Response:
        if request.path_params["id"] not in BY_ID:
            return _problem(404, f"There is no chart {request.path_params['id']}.", None)
        return _answer(lambda: answers.chart(request.path_params["id"], *_time(request)))

    def releases(request: Request) -> Response:
        return _answer(lambda: answers.releases(*_time(request)))

    return Starlette(
        routes=[
            Route("/", page),
            Mount("/static", StaticFiles(directory=STATIC)),
            Route("/api/catalogue", _plain(answers.catalogue)),
            Route("/api/topology", _plain(answers.topology)),
            Route("/api/figures", _plain(answers.figures)),
            Route("/api/charts/{id}", chart),
            Route("/api/alerts", _plain(answers.alerts)),
            Route("/api/releases", releases),
            Route("/api/cost", _plain(answers.cost)),
        ]
    )


def _plain(ask: Callable[[], dict[str, Any]]) -> Callable[[Request], Response]:
    def endpoint(_: Request) -> Response:
        return _answer(ask)

    return endpoint


def _answer(ask: Callable[[], dict[str, Any]]) -> Response:
    """503 with what happened and what to do when it could not be asked."""
    try:
        return JSONResponse(ask())
    except SkytierError as error:
        return _problem(503, error.what, error.do)
    except Exception as error:
        what = f"Something unexpected happened: {type(error).__name__}: {error}"
        return _problem(500, what, "See whether skytier status says the same.")


def _problem(status: int, what: str, do: str | None) -> Response:
    return JSONResponse({"what": what, "do": do}, status)


def _time(request: Request) -> tuple[str, str]:
    return request.query_params.get("from", "-1h"), request.query_params.get("to", "now")
