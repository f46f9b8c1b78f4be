"""Where the database comes from: along with Skytier, from the system, or from elsewhere."""

import os
import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import quote

import httpx
import psutil
import pytest

from skytier.poll import until
from tests.skytier_command import Skytier, free_port, processes_of

SYSTEM = sorted(Path("/usr/lib/postgresql").glob("*/bin/postgres"))


@pytest.mark.skipif(not SYSTEM, reason="no PostgreSQL server is installed on this machine")
def test_the_system_s_own_postgresql_runs_with_a_cluster_of_its_own(fresh: Skytier) -> None:
    fresh.run("up", "--postgres", "system", "--port", str(free_port()), "--workers", "1")

    server = psutil.Process(fresh.pid("postgresql"))
    assert server.exe().startswith("/usr/lib/postgresql/")
    assert fresh.status()["machines"][1]["services"][0]["detail"].endswith("(system)")
    assert "Nothing to do" in fresh.run("up"), "the choice is remembered"

    fresh.run("down")
    version = fresh.home / "postgresql" / "data" / "PG_VERSION"
    made_by = version.read_text()
    version.write_text("13\n")
    said = fresh.ends_with(1, "up")
    assert "was made by PostgreSQL 13" in said
    assert "left as it is" in said
    version.write_text(made_by)
    fresh.run("down", "--purge", "--yes")


@pytest.fixture
def redis() -> Iterator[str]:
    """The URL of a Redis of its own."""
    with tempfile.TemporaryDirectory(prefix="red") as directory:
        command = ["redis-server", "--port", "0", "--save", "", "--dir", directory]
        with subprocess.Popen(
            [*command, "--unixsocket", f"{directory}/redis.sock"], stdout=subprocess.DEVNULL
        ) as server:
            assert until(Path(directory, "redis.sock").exists, 120)
            yield f"unix://{directory}/redis.sock"
            server.terminate()


def test_a_database_and_a_redis_elsewhere_are_used_and_none_is_started(
    fresh: Skytier, shared: Skytier, redis: str
) -> None:
    url = (shared.home / "secrets" / "skytier_database_url").read_text().strip()
    port = str(free_port())

    said = fresh.run("up", "--postgres", url, "--port", port, "--workers", "1", "--redis", redis)

    assert "postgresql" not in said
    assert not (fresh.home / "postgresql" / "data").exists()
    assert fresh.status()["machines"][1]["services"] == [
        {"name": "postgresql", "running": True, "pid": None, "detail": "runs elsewhere"}
    ]
    counts = [httpx.get(f"{s.url()}/api/stats").json()["users"] for s in (fresh, shared)]
    assert counts[0] == counts[1]
    assert cache_of(fresh) == "redis"
    assert "Nothing to do" in fresh.run("up"), "the URLs are remembered"
    assert_unseen(url.split(":")[2].split("@")[0], fresh, said)

    fresh.run("up", "--redis", "none")
    assert cache_of(fresh) == "postgresql"
    fresh.run("down", "--purge", "--yes")
    assert shared.status()["healthy"], "it is left as it is"


def test_a_database_elsewhere_that_does_not_answer_is_an_error_without_its_password(
    fresh: Skytier,
) -> None:
    url = f"postgresql://me:hunter2secret@127.0.0.1:{free_port()}/app"

    said = fresh.ends_with(1, "up", port_option(), env={"SKYTIER_POSTGRES": url})

    assert "migrate failed" in said
    assert_unseen("hunter2secret", fresh, said)


def test_the_password_is_nowhere_but_in_its_files(shared: Skytier) -> None:
    said = shared.run("up") + shared.run("status") + shared.run("logs", "--lines", "500")
    password = (shared.home / "secrets" / "postgresql_password").read_text().strip()

    assert_unseen(password, shared, said)
    secrets = list((shared.home / "secrets").iterdir())
    assert {path.stat().st_mode & 0o777 for path in secrets} == {0o600}
    assert (shared.home / "secrets").stat().st_mode & 0o777 == 0o700


def test_postgresql_listens_on_its_unix_socket_only_and_never_as_root(shared: Skytier) -> None:
    server = psutil.Process(shared.pid("postgresql"))

    assert not server.net_connections("inet")
    assert server.uids().effective != 0
    assert (shared.home / "postgresql" / "data").stat().st_mode & 0o777 == 0o700


def test_the_superuser_cannot_be_reached_by_another_user(shared: Skytier) -> None:
    psql = next((shared.home / "postgresql").glob("embedded-*/*/*/bin/psql"))
    sockets = quote(str(shared.home / "run" / "postgresql"))
    refused = subprocess.run(
        [psql, "--no-psqlrc", f"postgresql://postgres@/postgres?host={sockets}"],
        input="SELECT 1",
        env={"LC_ALL": "C"},
        capture_output=True,
        text=True,
        check=False,
    )

    if psutil.Process(shared.pid("postgresql")).uids().effective == os.geteuid():
        assert refused.returncode == 0, "the operator's own user is the superuser"
    else:
        assert "Peer authentication failed" in refused.stderr


def cache_of(skytier: Skytier) -> str:
    return str(httpx.get(f"{skytier.url()}/health").json()["cache"]["backend"])


def port_option() -> str:
    return f"--port={free_port()}"


def assert_unseen(secret: str, skytier: Skytier, said: str) -> None:
    """A secret is in no output, no log, no configuration and no list of processes."""
    assert secret not in said
    for process in processes_of(skytier.home):
        assert secret not in " ".join(process.cmdline())
        assert secret not in str(process.environ()), process
    for directory in ("logs", "etc", "run"):
        for path in (skytier.home / directory).rglob("*"):
            if path.is_file():
                assert secret.encode() not in path.read_bytes(), path
