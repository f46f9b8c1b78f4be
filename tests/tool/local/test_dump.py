"""The database to a file and from one, on the stack here."""

import gzip
import json
import stat
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from skytier.local import options
from skytier.local.home import Home
from skytier.local.stack import LocalStack
from tests.skytier_command import Skytier

SCHEMA = '"Odd ""name"'
CONTENT = f"""
CREATE SCHEMA {SCHEMA};
CREATE TYPE {SCHEMA}.mood AS ENUM ('good');
CREATE DOMAIN short AS text CHECK (length(VALUE) < 9);
CREATE TABLE {SCHEMA}.things (id serial PRIMARY KEY, word text, kind short, how {SCHEMA}.mood);
CREATE VIEW words AS SELECT word FROM {SCHEMA}.things;
CREATE FUNCTION twice(short) RETURNS text LANGUAGE sql AS 'SELECT $1 || $1';
CREATE STATISTICS pairs ON word, kind FROM {SCHEMA}.things;
INSERT INTO {SCHEMA}.things (word, kind)
VALUES ('COMMENT ON EXTENSION a', 'a'), (E'\\\\.\\n\\tb', NULL);
SELECT lo_from_bytea(0, 'large');
"""


def ask(stack: Skytier, statement: str) -> str:
    return stack.run("psql", "--", "-qAtc", statement).strip()


def everything(stack: Skytier) -> str:
    """What PostgreSQL's own program says that the database has, as SQL."""
    local = LocalStack(Home(stack.home))
    program = local.postgresql.psql(options.load(local.home)).with_name("pg_dump")
    words = [program, f"--dbname={local.postgresql.url()}", "--exclude-schema=skytier_jobs"]
    said = subprocess.run(words, capture_output=True, text=True, check=True).stdout
    # A word by chance, against psql's commands in rows.
    return "\n".join(line for line in said.splitlines() if "restrict " not in line)


@pytest.fixture(scope="module")
def filled(shared: Skytier, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A dump of the shared stack with more in its database, which is as before afterwards."""
    directory = tmp_path_factory.mktemp("dumps")
    shared.run("database", "export", str(directory / "before"))
    for statement in CONTENT.split(";\n")[:-1]:
        ask(shared, statement)
    shared.run("database", "export", str(directory / "filled"))
    # PostgreSQL writes the parentheses of some expressions in another way after the first time.
    shared.run("database", "import", str(directory / "filled"), "--yes")
    yield directory / "filled"
    shared.run("database", "import", str(directory / "before"), "--yes")
    assert ask(shared, "SELECT to_regclass('words') IS NULL") == "t"


def test_an_archive_brings_all_back_and_takes_away_what_came_later(
    shared: Skytier, filled: Path
) -> None:
    before = everything(shared)
    assert "lo_create" in before
    ask(shared, "CREATE TABLE later (a int); CREATE TYPE later_too AS (a int)")
    ask(shared, f"DELETE FROM {SCHEMA}.things; DROP TABLE posts CASCADE")

    said = json.loads(shared.run("database", "import", str(filled), "--yes", "--json"))

    assert everything(shared) == before
    assert said["tables"] == int(
        ask(shared, "SELECT count(*) FROM pg_tables WHERE tableowner = current_user")
    )
    assert shared.status()["healthy"]


@pytest.mark.parametrize("pack", [bytes, gzip.compress], ids=["plain", "gzip"])
def test_sql_brings_all_back(
    shared: Skytier, filled: Path, tmp_path: Path, pack: type[bytes]
) -> None:
    before = everything(shared)
    path = tmp_path / "dump.sql"
    path.write_bytes(pack(f"SET transaction_timeout = 0;\n{before}\n".encode()))
    ask(shared, f"DELETE FROM {SCHEMA}.things")

    shared.run("database", "import", str(path), "--yes")

    assert everything(shared) == before


def test_the_runs_of_jobs_are_of_the_stack_and_stay(shared: Skytier, filled: Path) -> None:
    ask(shared, "CREATE SCHEMA IF NOT EXISTS skytier_jobs; CREATE TABLE skytier_jobs.seen (a int)")

    shared.run("database", "import", str(filled), "--yes")

    assert ask(shared, "SELECT count(*) FROM skytier_jobs.seen") == "0"
    ask(shared, "DROP TABLE skytier_jobs.seen")


DAMAGED = {
    "an archive that is cut short": lambda dump: dump[: len(dump) * 2 // 3],
    "an archive with a hole": lambda dump: dump[:3000] + bytes(3000) + dump[6000:],
    "sql with an error at its end": lambda dump: b"CREATE TABLE a (b int);\nSELECT 1/0;\n",
    "sql that ends in the middle of rows": lambda dump: (
        b"CREATE TABLE a (b int);\nCOPY a FROM stdin;\n1\n2\n"
    ),
    "sql with a command of psql": lambda dump: b"CREATE TABLE a (b int);\n \\! touch ran\n",
    "a command of psql behind a statement": lambda dump: b"SELECT 1; \\! touch ran\n",
    "sql that commits in between": lambda dump: b"CREATE TABLE a (b int); COMMIT; SELECT 1;\n",
    "sql that rolls back in between": lambda dump: b"SELECT 1; ROLLBACK; CREATE TABLE a ();\n",
    "sql of pg_dump that is cut short": lambda dump: (
        b"--\n-- PostgreSQL database dump\n--\nCREATE TABLE a (b int);\n"
    ),
    "sql that fails when it is committed": lambda dump: (
        b"CREATE TABLE a (b int PRIMARY KEY, c int REFERENCES a DEFERRABLE INITIALLY DEFERRED);\n"
        b"INSERT INTO a VALUES (1, 2);\n"
    ),
}


@pytest.mark.parametrize("damage", DAMAGED.values(), ids=DAMAGED.keys())
def test_what_fails_changes_nothing(
    shared: Skytier, filled: Path, tmp_path: Path, damage: object
) -> None:
    before = everything(shared)
    path = tmp_path / "dump"
    path.write_bytes(damage(filled.read_bytes()))  # type: ignore[operator]

    said = shared.ends_with(1, "database", "import", str(path), "--yes", cwd=tmp_path)

    assert str(path) in said
    assert everything(shared) == before
    assert list(tmp_path.iterdir()) == [path]


def test_an_export_is_for_its_owner_only_and_takes_nobodys_place(
    shared: Skytier, filled: Path, tmp_path: Path
) -> None:
    assert stat.S_IMODE(filled.stat().st_mode) == 0o600
    there = tmp_path / "there"
    there.write_text("mine")
    assert "is there already" in shared.ends_with(1, "database", "export", str(there))
    assert there.read_text() == "mine"
    nowhere = tmp_path / "no" / "dump"
    assert "There is no directory" in shared.ends_with(64, "database", "export", str(nowhere))


def test_nobody_is_asked_in_vain_and_options_before_the_command_are_refused(
    shared: Skytier, filled: Path
) -> None:
    assert "--yes" in shared.ends_with(1, "database", "import", str(filled))
    said = shared.ends_with(1, "database", "--cloud", "other", "import", str(filled), "--yes")
    assert "come after it" in said
