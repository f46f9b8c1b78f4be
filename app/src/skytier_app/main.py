"""Builds the application from its parts."""

import gc
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from fastapi import FastAPI

from skytier_app import __version__, openapi, problems
from skytier_app.health import routes as health
from skytier_app.housekeeping import every
from skytier_app.metrics import figures
from skytier_app.metrics import routes as metrics
from skytier_app.middleware.body_limit import BodyLimit
from skytier_app.middleware.hot_routes import HotRoutes
from skytier_app.middleware.request_context import RequestContext
from skytier_app.middleware.request_log import RequestLog
from skytier_app.pages import assets, preview
from skytier_app.pages import routes as pages
from skytier_app.pages.errors import error_page
from skytier_app.posts import hot
from skytier_app.posts import routes as posts
from skytier_app.security_log import routes as security_log
from skytier_app.services import open_services
from skytier_app.sessions import own as own_sessions
from skytier_app.sessions import routes as sessions
from skytier_app.settings import Settings, get_settings
from skytier_app.stats import routes as stats
from skytier_app.tokens import routes as tokens
from skytier_app.users import routes as users

DESCRIPTION = """\
Users and their posts. Lists are read page by page along the `Link` header; errors are
problem documents (RFC 9457). Sign in by `POST /api/sessions`, or send an API token.
"""

POOL_EVERY_S = 1
"""Often enough for a monitor, which reads every few seconds."""


def create_app(settings: Settings | None = None) -> FastAPI:
    """The ASGI application; settings come from the environment when they are not given."""
    settings = settings or get_settings()

    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        async with (
            open_services(settings) as services,
            every(POOL_EVERY_S, lambda: figures.record_pool(services.database)),
        ):
            figures.record_build(settings.release)
            app.state.services = services
            gc.freeze()  # modules stay for ever: no request waits while the collector scans them
            yield

    app = FastAPI(
        title="Skytier",
        version=__version__,
        description=DESCRIPTION,
        license_info={"name": "Apache License 2.0", "identifier": "Apache-2.0"},
        servers=[{"url": "/"}],
        generate_unique_id_function=lambda route: route.name,
        lifespan=lifespan,
        docs_url=None,  # pages/ serves these with assets of our own
        redoc_url=None,
        redirect_slashes=False,  # one address for one thing
        # The log and /metrics tell what there is to tell.
        telemetry={"tracing": False, "metrics": False, "logs": False},
    )
    problems.install(app, error_page)
    openapi.install(app)
    accounts = (users, sessions, own_sessions, tokens, security_log)
    for part in (health, *accounts, posts, preview, stats, metrics, pages):
        app.include_router(part.router)
    assets.install(app)
    app.add_middleware(BodyLimit)
    # Outside the framework's own middleware.
    stack = app.build_middleware_stack()
    routes = HotRoutes(stack, app, [*hot.ROUTES, health.HOT])
    app.middleware_stack = RequestContext(routes, RequestLog())
    return app
