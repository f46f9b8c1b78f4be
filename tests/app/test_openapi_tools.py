"""The OpenAPI document as its users' tools read it: a linter, and a generator of clients."""

import json
import subprocess
import sys
from pathlib import Path
from types import ModuleType
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
from fastapi import FastAPI

from .conftest import PASSWORD, Serve

LINTER = "@redocly/cli@2.77.0"
# Beside what the tests' own environment has; typer there is newer than the generator takes.
GENERATOR = [
    "openapi-python-client==0.29.1", "attrs==26.1.0", "ruamel.yaml==0.19.1", "typer==0.27.3"
]  # fmt: skip


def run(*command: str | Path, cwd: Path, **environment: str) -> str:
    done = subprocess.run(
        command,
        cwd=cwd,
        env={"PATH": "/usr/local/bin:/usr/bin:/bin", "HOME": str(Path.home()), **environment},
        capture_output=True,
        text=True,
        check=False,
        timeout=600,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout + done.stderr


def install(*command: str | Path, cwd: Path) -> None:
    """Install a tool, or leave the test out where its registry cannot be reached."""
    try:
        run(*command, cwd=cwd)
    except (AssertionError, subprocess.TimeoutExpired) as error:
        pytest.skip(f"cannot be installed here: {error}")


@pytest.fixture
def document(app: FastAPI, tmp_path: Path) -> Path:
    path = tmp_path / "openapi.json"
    path.write_text(json.dumps(app.openapi(), indent=1))
    return path


def test_the_linter_s_recommended_rules_find_nothing(document: Path, tmp_path: Path) -> None:
    install("npm", "install", "--no-audit", "--no-fund", "--prefix", ".", LINTER, cwd=tmp_path)
    linter = tmp_path / "node_modules" / ".bin" / "redocly"
    said = run(
        linter, "lint", "--extends", "recommended", document.name,
        cwd=tmp_path, REDOCLY_TELEMETRY="off", REDOCLY_SUPPRESS_UPDATE_NOTICE="true",
    )  # fmt: skip
    assert "description is valid" in said
    assert "warning" not in said.lower().replace("deprecation warning: node.js", "")


def test_each_operation_has_a_short_name_its_security_and_a_refusal(app: FastAPI) -> None:
    document = app.openapi()
    schemes = set(document["components"]["securitySchemes"])
    names = []
    for item in document["paths"].values():
        for operation in item.values():
            names.append(operation["operationId"])
            assert {name for one in operation["security"] for name in one} <= schemes
            assert any(status.startswith("4") for status in operation["responses"])
            takes_body = "requestBody" in operation
            assert takes_body is ({"400", "413", "415", "422"} <= set(operation["responses"]))
    assert len(set(names)) == len(names)
    assert {"list_posts", "create_post", "change_post", "register", "sign_in"} <= set(names)
    assert all(len(name) <= 20 for name in names)
    assert document["paths"]["/api/posts"]["get"]["security"] == []


@pytest.fixture
def generated(document: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    """The package of a client that a public generator makes of the document."""
    tools, made = tmp_path / "tools", tmp_path / "made"
    pip = [sys.executable, "-m", "pip", "install", "--quiet", "--no-deps", "--target", str(tools)]
    install(*pip, *GENERATOR, cwd=tmp_path)
    run(
        sys.executable, "-m", "openapi_python_client", "generate", "--path", document,
        "--meta", "none", "--output-path", made / "skytier_client", "--fail-on-warning",
        cwd=tmp_path, PYTHONPATH=str(tools), PATH=f"{Path(sys.executable).parent}:/usr/bin:/bin",
    )  # fmt: skip
    monkeypatch.setattr(sys, "path", [str(made), *sys.path, str(tools)])  # attrs is in the tools
    import skytier_client  # type: ignore[import-not-found]

    return skytier_client  # type: ignore[no-any-return]


def test_a_generated_client_registers_signs_in_posts_and_pages(
    generated: ModuleType, serve: Serve
) -> None:
    from skytier_client import models  # type: ignore[import-not-found]
    from skytier_client.api.posts import create_post, list_posts  # type: ignore[import-not-found]
    from skytier_client.api.sessions import sign_in, who_am_i  # type: ignore[import-not-found]
    from skytier_client.api.users import register  # type: ignore[import-not-found]

    with serve(SKYTIER_WORKERS="1") as served, generated.Client(base_url=served.url) as client:
        ada = models.Registration(username="ada", email="ada@example.org", password=PASSWORD)
        made = register.sync(client=client, body=ada)
        assert isinstance(made, models.Self)
        again = register.sync(client=client, body=ada)
        assert isinstance(again, models.Problem)
        assert again.status == 409
        credentials = models.Credentials(username="ada", password=PASSWORD)
        assert sign_in.sync(client=client, body=credentials) == made
        assert who_am_i.sync(client=client) == made
        for number in range(5):
            post = models.NewPost(title=f"On engines {number}", content="They weave.")
            keyed = {"client": client, "body": post, "idempotency_key": f"key-{number}"}
            created = create_post.sync_detailed(**keyed)
            assert created.status_code == 201
            assert create_post.sync(**keyed) == created.parsed

        read: list[str] = []
        cursor: Any = None
        while True:
            page = list_posts.sync_detailed(client=client, limit=2, **(cursor or {}))
            read += [post.title for post in page.parsed]
            if "Link" not in page.headers:
                break
            address = page.headers["Link"].partition(">")[0]
            cursor = {"cursor": parse_qs(urlsplit(address).query)["cursor"][0]}
    assert read == [f"On engines {number}" for number in (4, 3, 2, 1, 0)]
