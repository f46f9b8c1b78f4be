"""The pages for people: `/`, and the API's documentation at `/docs` and `/redoc`."""

from pathlib import Path

from fastapi import APIRouter, FastAPI
from fastapi.responses import HTMLResponse
from fastapi.staticfiles import StaticFiles

_HERE = Path(__file__).parent
STATIC = _HERE / "static"
"""What Nginx serves under /static/ where there is one."""

_PLAIN = "default-src 'none'; style-src 'self'; img-src 'self'; frame-ancestors 'none'"
# Swagger UI and Redoc put styles and a font into the page, and Redoc searches in a worker that
# is made from a blob.
_DOCUMENTATION = (
    "default-src 'none'; script-src 'self'; style-src 'self' 'unsafe-inline'; "
    "img-src 'self' data:; font-src data:; connect-src 'self'; worker-src blob:; "
    "frame-ancestors 'none'"
)

router = APIRouter(include_in_schema=False, default_response_class=HTMLResponse)


def _page(name: str, policy: str) -> HTMLResponse:
    headers = {"Content-Security-Policy": policy, "Cache-Control": "no-cache"}
    return HTMLResponse((_HERE / "pages" / f"{name}.html").read_bytes(), headers=headers)


_INDEX, _SWAGGER, _REDOC = (
    _page("index", _PLAIN),
    _page("docs", _DOCUMENTATION),
    _page("redoc", _DOCUMENTATION),
)


@router.get("/")
async def index() -> HTMLResponse:
    """The page that a visitor sees first."""
    return _INDEX


@router.get("/docs")
async def docs() -> HTMLResponse:
    """Swagger UI, to try the API out."""
    return _SWAGGER


@router.get("/redoc")
async def redoc() -> HTMLResponse:
    """Redoc, to read about the API."""
    return _REDOC


def install(app: FastAPI) -> None:
    """Add the pages, and their static files for where no Nginx serves them."""
    app.include_router(router)
    app.mount("/static", StaticFiles(directory=STATIC), name="static")
