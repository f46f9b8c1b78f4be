"""Pages from templates, as HTML with an ETag."""

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from fastapi import Request, Response
from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup

from skytier_app import __version__, markdown
from skytier_app.accounts import Account
from skytier_app.pages.assets import asset, origins
from skytier_app.pages.texts import LANGUAGE, section, text
from skytier_app.representation import NOT_SHARED, cache_headers, etag, matches
from skytier_app.services import Services

_FILES = origins()
_CSP = (
    f"default-src 'none'; script-src {_FILES}; style-src {_FILES}; img-src {_FILES}; "
    "connect-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
)
# Swagger UI and Redoc put styles and a font into the page, and Redoc searches in a worker that
# is made from a blob.
_DOCUMENTATION_CSP = (
    f"default-src 'none'; script-src {_FILES}; style-src {_FILES} 'unsafe-inline'; "
    f"img-src {_FILES} data:; font-src data:; connect-src 'self'; worker-src blob:; "
    "base-uri 'none'; frame-ancestors 'none'"
)


def _time(value: datetime) -> Markup:
    """A moment as <time>: in UTC, which the page's script turns into the visitor's zone."""
    utc = value.astimezone(UTC)
    shown = f"{utc.day} {utc:%B %Y, %H:%M} UTC"
    return Markup('<time datetime="{}">{}</time>').format(utc.isoformat(), shown)


def _bytes(value: float) -> str:
    for unit in ("B", "KiB", "MiB", "GiB"):
        if value < 1024:
            return f"{value:.0f} {unit}" if value >= 10 or unit == "B" else f"{value:.1f} {unit}"
        value /= 1024
    return f"{value:.1f} TiB"


_environment = Environment(
    loader=PackageLoader("skytier_app", "pages/templates"),
    autoescape=True,
    undefined=StrictUndefined,
    trim_blocks=True,
    lstrip_blocks=True,
)
_environment.globals.update(
    asset=asset, t=text, texts=section, language=LANGUAGE, version=__version__
)
_environment.filters.update(
    time=_time,
    bytes=_bytes,
    excerpt=markdown.excerpt,
    # to_html has cleaned it.
    markdown=lambda content: Markup(markdown.to_html(content)),  # noqa: S704
)


async def page(
    request: Request,
    services: Services,
    account: Account | None,
    name: str,
    status: int = 200,
    headers: Mapping[str, str] | None = None,
    **values: Any,
) -> Response:
    """The page of a template; 304 when the visitor has it already."""
    # A page about an outage does not wait for what is away.
    away = status >= 500
    skyline = (
        services.skyline.kept
        if away
        else await services.skyline.get(services.strangers_reads.database)
    )
    template = _environment.get_template(f"{name}.html")
    body = template.render(
        account=account, skyline=skyline, path=request.scope["path"], **values
    ).encode()
    tag = etag(body)
    common = {
        **(cache_headers(request) if status == 200 else NOT_SHARED),
        **(headers or {}),
        "Content-Security-Policy": _CSP,
        "Vary": "Cookie",
        "ETag": tag,
    }
    if status == 200 and matches(request.headers.get("if-none-match"), tag):
        return Response(status_code=304, headers=common)
    return Response(body, status, headers=common, media_type="text/html")


def documentation(name: str) -> Response:
    """A page of the API's documentation."""
    body = _environment.get_template(f"{name}.html").render()
    headers = {"Content-Security-Policy": _DOCUMENTATION_CSP, "Cache-Control": "no-cache"}
    return Response(body, headers=headers, media_type="text/html")
