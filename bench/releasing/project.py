"""The application that is released: each version differs in one line."""

from collections.abc import Mapping
from pathlib import Path

FILES = {
    "requirements.txt": "starlette==1.7.0\n",
    "shop.py": """\
import asyncio

from starlette.applications import Starlette
from starlette.responses import PlainTextResponse
from starlette.routing import Route

VERSION = "0"


async def home(request):
    return PlainTextResponse(VERSION)


async def length(request):
    return PlainTextResponse(str(len(await request.body())))


async def slow(request):
    await asyncio.sleep(float(request.query_params["seconds"]))
    return PlainTextResponse("slow")


app = Starlette(
    routes=[Route("/", home), Route("/length", length, methods=["POST"]), Route("/slow", slow)]
)
""",
    "skytier.toml": """\
name = "{name}"
{settings}monitor.enabled = false

[application]
serve = "shop:app"
interface = "asgi"
""",
}


def write(directory: Path, name: str, settings: Mapping[str, str | None]) -> None:
    """Write the project of a stack with a name, and with settings of its stack file."""
    lines = "".join(f'{key} = "{value}"\n' for key, value in settings.items() if value)
    for path, text in FILES.items():
        (directory / path).write_text(text.replace("{name}", name).replace("{settings}", lines))


def change(directory: Path, version: int) -> None:
    """Change its one line."""
    code = FILES["shop.py"].replace('VERSION = "0"', f'VERSION = "{version}"')
    (directory / "shop.py").write_text(code)
