"""psql on the database of a stack here: as the application's user, with no password shown."""

import time
from pathlib import Path

import pytest

from skytier.local.psql import without_password
from tests.skytier_command import Skytier, free_port, processes_of


@pytest.mark.parametrize(
    ("url", "shown", "password"),
    [
        ("postgresql://a:p%2F%40@h:5/db?sslmode=x", "postgresql://a@h:5/db?sslmode=x", "p/@"),
        ("postgresql://a@h/db", "postgresql://a@h/db", None),
        ("postgresql://a:x@/db?host=%2Frun%2Fa%20b", "postgresql://a@/db?host=%2Frun%2Fa%20b", "x"),
        ("postgresql://h/db?user=a&password=b%26c", "postgresql://h/db?user=a", "b&c"),
        ("postgres://a:@[::1]/db", "postgres://a@[::1]/db", ""),
    ],
)
def test_an_address_is_shown_without_its_password(
    url: str, shown: str, password: str | None
) -> None:
    assert without_password(url) == (shown, password)


def test_a_statement_runs_as_the_user_of_the_application(shared: Skytier) -> None:
    said = shared.run("psql", "--", "-Atc", "SELECT current_user, current_database()")
    assert said == "skytier|skytier\n"
    assert "syntax error" in shared.ends_with(1, "psql", "--", "-c", "SELEC 1")


def test_no_password_is_on_its_command_line(shared: Skytier) -> None:
    password = (shared.home / "secrets" / "postgresql_password").read_text().strip()
    with shared.start("psql", "--", "-Atc", "SELECT pg_sleep(600)") as command:
        deadline = time.monotonic() + 300
        found: list[str] = []
        while not found and time.monotonic() < deadline:
            lines = [" ".join(each.cmdline()) for each in processes_of(shared.home)]
            found = [line for line in lines if "pg_sleep" in line and "--dbname" in line]
            time.sleep(0.1)
        end = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE query ~ '^SELECT pg_sl'"
        shared.run("psql", "--", "-qAtc", end)
        command.communicate(timeout=300)
    assert found
    assert not [line for line in found if password in line]


def test_a_database_that_does_not_run_is_told(fresh: Skytier, tmp_path: Path) -> None:
    assert "The database does not run" in fresh.ends_with(1, "psql", cwd=tmp_path)
    port = str(free_port())
    fresh.run("up", "--port", port, "--no-monitor", "--workers", "1", cwd=tmp_path)
    fresh.run("down", cwd=tmp_path)
    assert "The database does not run" in fresh.ends_with(1, "psql", cwd=tmp_path)
