"""What a copy must not keep of the original, before anybody is let in: with a real PostgreSQL."""

import os
import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from skytier.poll import until
from skytier.services.pgbackrest import copy as programs
from skytier.services.pgbackrest.target import Target
from tests.postgres_cluster import PostgresCluster

ROLE = "CREATE ROLE somebody LOGIN PASSWORD 'of the other stack'"
SUBSCRIPTION = (
    "CREATE SUBSCRIPTION others CONNECTION 'host=127.0.0.1 dbname=none' PUBLICATION none "
    "WITH (connect = false)",
    "ALTER SUBSCRIPTION others ENABLE",
)
END = (
    "ALTER SUBSCRIPTION others DISABLE",
    "ALTER SUBSCRIPTION others SET (slot_name = NONE)",
    "DROP SUBSCRIPTION others",
)


@pytest.fixture(scope="module")
def postgres() -> Iterator[PostgresCluster]:
    with tempfile.TemporaryDirectory(prefix="sky", dir="/tmp") as directory:
        Path(directory).chmod(0o711)
        made = PostgresCluster(Path(directory) / "pg")
        made.stop()
        # Nobody is subscribed to in fact.
        with (made.data / "postgresql.auto.conf").open("a") as settings:
            settings.write("max_logical_replication_workers = 0\n")
        made.start()
        yield made
        made.stop("immediate")


def psql(postgres: PostgresCluster, *statements: str) -> str:
    words = [f"--command={each}" for each in statements]
    done = subprocess.run(
        [*words_of(postgres), *words], check=True, capture_output=True, text=True, env=writes()
    )
    return done.stdout.strip()


def shown(postgres: PostgresCluster, setting: str) -> str:
    words = [*words_of(postgres), f"--command=SHOW {setting}"]
    return subprocess.run(words, check=True, capture_output=True, text=True).stdout.strip()


def words_of(postgres: PostgresCluster) -> list[str]:
    place = ["--host", str(postgres.home), "--username", "skytier", "--dbname", "postgres"]
    return [str(postgres.bin / "psql"), "--no-psqlrc", "-qAt", "-v", "ON_ERROR_STOP=1", *place]


def writes() -> dict[str, str]:
    """The environment of the test itself, whom a setting of the original does not keep off."""
    return {**os.environ, "PGOPTIONS": "-c default_transaction_read_only=off"}


def guarded(postgres: PostgresCluster) -> str:
    """What the program of a copy does once the recovery has ended, and what it says."""
    place = programs.Place("", {}, {})
    made = programs.restoring(place, Target("default"), "15", watched=False)
    (text,) = [each.text for each in made.files if each.path.endswith("/program")]
    _, _, guards = text.partition("# No password of the other stack")
    guards, _, _ = guards.partition("for setting in")
    around = f"""
set -uo pipefail
fail() {{ echo "$*"; exit 1; }}
sql() {{ {postgres.bin}/psql --no-psqlrc --quiet --tuples-only --no-align --host={postgres.home} \\
    --username=skytier --dbname=postgres "$@"; }}
#"""
    done = subprocess.run(
        ["bash", "-c", f"{around}{guards}\necho well"],
        check=False,
        capture_output=True,
        text=True,
    )
    return done.stdout.strip()


def test_no_password_and_no_subscription_of_the_other_stack_stays(
    postgres: PostgresCluster,
) -> None:
    psql(postgres, ROLE)
    psql(postgres, *SUBSCRIPTION)
    try:
        assert guarded(postgres) == "well"
        with_password = "SELECT count(*) FROM pg_authid WHERE rolpassword IS NOT NULL"
        assert psql(postgres, with_password) == "0"
        assert psql(postgres, "SELECT count(*) FROM pg_subscription WHERE subenabled") == "0"
    finally:
        psql(postgres, *END)
        psql(postgres, "DROP ROLE somebody")
    assert guarded(postgres) == "well"


@pytest.mark.parametrize(
    ("before", "after", "said"),
    [
        ((ROLE,), ("DROP ROLE somebody",), "The passwords of the other stack cannot be taken away"),
        (SUBSCRIPTION, END, "The subscriptions of the other stack cannot be ended"),
    ],
)
def test_a_copy_that_would_keep_one_is_not_finished(
    postgres: PostgresCluster, before: tuple[str, ...], after: tuple[str, ...], said: str
) -> None:
    """The original refuses writes by a setting, which the backup has, too."""
    psql(postgres, *before)
    psql(postgres, "ALTER SYSTEM SET default_transaction_read_only = on", "SELECT pg_reload_conf()")
    try:
        # It reads its settings a moment after it is told.
        assert until(lambda: shown(postgres, "default_transaction_read_only") == "on", 30, 0.05)
        assert said in guarded(postgres)
    finally:
        psql(postgres, "ALTER SYSTEM RESET default_transaction_read_only")
        psql(postgres, "SELECT pg_reload_conf()", *after)
