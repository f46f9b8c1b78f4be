"""Schemathesis over the whole OpenAPI document, with all its checks, signed in and not."""

import os
import subprocess
import sys
from pathlib import Path

import asyncpg
import httpx
import pytest
from hypothesis.configuration import storage_directory

from skytier_app.idempotency import HEADER, PATTERN

from .conftest import QUICK_HASHES, Serve, make_token, register, sign_in

# High enough that no limit is met: the limits have tests of their own.
NO_LIMITS = {
    "SKYTIER_FAILED_SIGN_INS_PER_MINUTE": "1000000",
    "SKYTIER_REGISTRATIONS_PER_MINUTE": "1000000",
    "SKYTIER_PASSWORDS_PER_MINUTE": "1000000",
    "SKYTIER_POSTS_PER_MINUTE": "1000000",
}

# The examples have the right password in them: one of them may set a new one, which revokes tokens.
STAYING = [
    argument
    for name in ("revoke_token", "change_user", "delete_user")
    for argument in ("--exclude-operation-id", name)
]

# To generate a title or a content takes Hypothesis longer on a busy machine than its health check
# allows. Schemathesis can leave that check out for a whole run only.
SLOW = ["--suppress-health-check", "too_slow"]

# A failure is found again with the same seed; another seed makes other examples.
SEED = os.environ.get("SKYTIER_SCHEMATHESIS_SEED", "1")

# Refusals of what is wrong: Schemathesis' own list without errors of the server, and with 413,
# since some wrong bodies are wrong by being larger than any may be, and 415 for a body left out.
CONFIGURATION = """
hooks = "hooks.py"

[checks.negative_data_rejection]
expected-statuses = [400, 401, 403, 404, 405, 409, 412, 413, 415, 422, 429]
"""

# Schemathesis sends the same few keys again and again, each with another body. Right keys are made
# new ones here; wrong ones are left as they are.
# Hypothesis lists the characters of a pattern again wherever the document has it, some 100,000 for
# a title: more than half of the time of a run. Here it lists them once.
HOOKS = """
import re
import uuid

import schemathesis
from hypothesis.strategies._internal import regex

list_characters = regex.base_regex_strategy
listed = {}


def list_once(pattern, *, parsed=None, alphabet=None):
    key = pattern, repr(alphabet)
    if key not in listed:
        listed[key] = list_characters(pattern, parsed=parsed, alphabet=alphabet)
    return listed[key]


regex.base_regex_strategy = list_once


@schemathesis.hook
def before_call(context, case, **kwargs):
    if case.headers and re.fullmatch(PATTERN, str(case.headers.get(HEADER, ""))):
        case.headers[HEADER] = uuid.uuid4().hex
"""


async def ada_signs_in(
    url: str, sql: "asyncpg.Connection[asyncpg.Record]"
) -> tuple[dict[str, str], dict[str, str]]:
    """The headers of a session, and of an API token."""
    # An id that nothing guesses: who is signed in must not be deleted on the way.
    await sql.execute("SELECT setval(pg_get_serial_sequence('users', 'id'), 7777777777)")
    async with httpx.AsyncClient(base_url=url) as client:
        await register(client, "ada")
        await sign_in(client, "ada")
        session = {"Cookie": f"skytier_session={client.cookies['skytier_session']}"}
        made = await make_token(client, "schemathesis")
    await sql.execute("SELECT setval(pg_get_serial_sequence('users', 'id'), 1)")
    return session, {"Authorization": f"Bearer {made.json()['token']}"}


def share_the_lists_of_characters(directory: Path) -> None:
    """Let Hypothesis in a directory read what it keeps of Unicode beside these tests.

    To list it anew takes two seconds. What else it keeps, like examples, is the directory's own.
    """
    ours = storage_directory("unicode_data").path
    ours.mkdir(parents=True, exist_ok=True)
    theirs = directory / ".hypothesis/unicode_data"
    theirs.parent.mkdir()
    theirs.symlink_to(ours.resolve())


@pytest.mark.timeout(900)
@pytest.mark.parametrize(
    ("who", "operations"),
    [
        ("stranger", SLOW),
        # The token must stay valid: operations that may end it are left to the next two runs.
        ("token", [*STAYING, *SLOW]),
        ("session", ["--include-path-regex", "^/api/tokens", *SLOW]),
        ("leaver", ["--include-path-regex", "^/api/users", *SLOW]),
    ],
)
async def test_every_operation_keeps_what_the_document_promises(
    serve: Serve,
    tmp_path: Path,
    sql: "asyncpg.Connection[asyncpg.Record]",
    who: str,
    operations: list[str],
) -> None:
    keys = f"HEADER, PATTERN = {HEADER!r}, {PATTERN!r}\n"  # to import them takes half a second
    (tmp_path / "hooks.py").write_text(keys + HOOKS)
    share_the_lists_of_characters(tmp_path)
    with serve(QUICK_HASHES, SKYTIER_WORKERS="2", **NO_LIMITS) as served:
        session, token = await ada_signs_in(served.url, sql)
        headers = {"stranger": {}, "session": session}.get(who, token)
        # Besides the boundary values of each parameter, which are always tried.
        arguments = [f"{served.url}/openapi.json", "--checks", "all", "--max-examples", "15"]
        arguments += ["--seed", SEED]
        configuration = CONFIGURATION
        if who == "session":
            # As the document's security scheme: a plain Cookie header would stay in the requests
            # that `ignored_auth` sends without credentials.
            value = session["Cookie"].partition("=")[2]
            configuration += f'\n[auth.openapi.APIKeyCookie]\napi_key = "{value}"\n'
        else:
            for name, value in headers.items():
                arguments += ["--header", f"{name}: {value}"]
        (tmp_path / "schemathesis.toml").write_text(configuration)
        run = subprocess.run(
            [
                sys.executable,
                "-m",
                "schemathesis.cli",
                "run",
                "--no-color",
                *arguments,
                *operations,
            ],
            cwd=tmp_path,
            capture_output=True,
            text=True,
            check=False,
        )
        assert run.returncode == 0, run.stdout + run.stderr
        assert "Errors" not in run.stdout
        # It was signed in with what it was given.
        assert who != "session" or "Authentication failed" not in run.stdout
        assert httpx.get(f"{served.url}/health").status_code == 200
        still = httpx.get(f"{served.url}/api/sessions", headers=headers)
        assert who == "leaver" or still.status_code == (401 if who == "stranger" else 200)
        failed = [line for line in served.log.read_text().splitlines() if '"ERROR"' in line]
        assert failed == []
