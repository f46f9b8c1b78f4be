"""Schemathesis over the whole OpenAPI document, with all its checks, signed in and not."""

import subprocess
import sys
from pathlib import Path

import asyncpg
import httpx
import pytest

from .conftest import Serve, register, sign_in

# High enough that no limit is met: the limits have tests of their own.
NO_LIMITS = {
    "SKYTIER_FAILED_SIGN_INS_PER_MINUTE": "1000000",
    "SKYTIER_REGISTRATIONS_PER_MINUTE": "1000000",
}


async def api_token(url: str, sql: "asyncpg.Connection[asyncpg.Record]") -> str:
    # An id that nothing guesses: whose token it is must not be deleted on the way.
    await sql.execute("SELECT setval(pg_get_serial_sequence('users', 'id'), 7777777777)")
    async with httpx.AsyncClient(base_url=url) as client:
        await register(client, "ada")
        await sign_in(client, "ada")
        answer = await client.post("/api/tokens", json={"name": "schemathesis"})
    await sql.execute("SELECT setval(pg_get_serial_sequence('users', 'id'), 1)")
    return str(answer.json()["token"])


@pytest.mark.timeout(900)
@pytest.mark.parametrize("signed_in", [False, True], ids=["stranger", "signed in"])
async def test_every_operation_keeps_what_the_document_promises(
    serve: Serve, tmp_path: Path, sql: "asyncpg.Connection[asyncpg.Record]", signed_in: bool
) -> None:
    with serve(SKYTIER_WORKERS="2", **NO_LIMITS) as served:
        arguments = [f"{served.url}/openapi.json", "--checks", "all", "--max-examples", "30"]
        if signed_in:
            arguments += ["--header", f"Authorization: Bearer {await api_token(served.url, sql)}"]
        run = subprocess.run(
            [sys.executable, "-m", "schemathesis.cli", "run", "--no-color", *arguments],
            cwd=tmp_path,
            capture_output=True,
            text=True,
            check=False,
        )
        assert run.returncode == 0, run.stdout + run.stderr
        # All operations were reached, and the service still works.
        assert "Errors" not in run.stdout
        assert httpx.get(f"{served.url}/health").status_code == 200
        failed = [line for line in served.log.read_text().splitlines() if '"ERROR"' in line]
        assert failed == []
