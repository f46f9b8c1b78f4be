"""Questions for health are measured apart from visitors' requests, whatever their path is."""

import asyncio
import importlib
import sys
from types import ModuleType
from typing import Any
from urllib.parse import unquote

import prometheus_client
import pytest

VISITOR = "203.0.113.9"
CASES = [
    # A balancer asks without an address, a monitor outside with one.
    ("/up", "/up", "", "/health"),
    ("/up", "/up", VISITOR, "/health"),
    ("/login/", "/login/", "", "/health"),
    ("/of%20us", "/of us", "", "/health"),
    ("/up", "/up/more", VISITOR, None),
    ("/up", "/", "", None),
    # The page of visitors.
    ("/", "/", "", "/health"),
    ("/", "/", VISITOR, None),
    ("/", "/up", VISITOR, None),
]


@pytest.fixture(scope="module")
def metrics() -> Any:
    """Without the registry of this process, where the sample application has the same names."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(prometheus_client.CollectorRegistry, "register", lambda *_: None)
        return importlib.import_module("skytier_runtime.metrics")


@pytest.fixture(params=CASES, ids=str)
def case(
    request: pytest.FixtureRequest, metrics: Any, monkeypatch: pytest.MonkeyPatch
) -> tuple[str, str, str | None]:
    health, path, address, route = request.param
    monkeypatch.setenv("SKYTIER_RELEASE", "1.0-a")
    monkeypatch.setattr(metrics, "_HEALTH", unquote(health))
    return path, address, route


@pytest.fixture
def measured(metrics: Any, monkeypatch: pytest.MonkeyPatch) -> list[tuple[Any, ...]]:
    """Method, route and status of each request."""
    seen: list[tuple[Any, ...]] = []
    monkeypatch.setattr(metrics, "answered", lambda *said: seen.append(said[:3]))
    return seen


@pytest.mark.parametrize("named", ["/of-the-framework", None])
def test_asgi(
    case: tuple[str, str, str | None], measured: list[tuple[Any, ...]], named: str | None
) -> None:
    path, address, route = case

    class Route:
        path = named

    async def app(scope: Any, receive: Any, send: Any) -> None:
        scope["route"], scope["path"] = Route(), "/inside"
        await send({"type": "http.response.start", "status": 503})

    async def send(message: Any) -> None: ...

    headers = [(b"x-forwarded-for", address.encode())] if address else []
    scope = {"type": "http", "path": path, "method": "GET", "headers": headers, "client": None}
    asgi = importlib.import_module("skytier_runtime.asgi")
    asyncio.run(asgi.Measured(app)(scope, send, send))
    assert measured == [("GET", route or named or "all", 503)]


@pytest.fixture
def wsgi(monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    """Without Gunicorn, which comes with a release."""
    base = ModuleType("gunicorn")
    vars(base)["BaseApplication"] = object
    for name, module in {"gunicorn": base, "gunicorn.app": base, "gunicorn.app.base": base}.items():
        monkeypatch.setitem(sys.modules, name, module)
    # Noted as it was, and imported anew.
    monkeypatch.setitem(sys.modules, "skytier_runtime.wsgi", base)
    del sys.modules["skytier_runtime.wsgi"]
    return importlib.import_module("skytier_runtime.wsgi")


def test_wsgi(
    case: tuple[str, str, str | None], measured: list[tuple[Any, ...]], wsgi: ModuleType
) -> None:
    path, address, route = case

    def app(environ: Any, start: Any) -> list[bytes]:
        environ["PATH_INFO"] = "/inside"
        start("204 No Content", [])
        return []

    environ = {"REQUEST_METHOD": "GET", "PATH_INFO": path, "REMOTE_ADDR": ""}
    if address:
        environ["HTTP_X_FORWARDED_FOR"] = address
    assert list(wsgi.Measured(app)(environ, lambda *said: None)) == []
    assert measured == [("GET", route or "all", 204)]
