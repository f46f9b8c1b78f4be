"""A dump of the database on a server: as the application's role, with Debian's extensions."""

import shlex
from pathlib import Path
from typing import Any, cast

import pytest

from skytier.dump import transfer
from skytier.dump.client import Client
from skytier.dump.file import recognise
from skytier.errors import SkytierError
from skytier.openstack.commands.psql import AS_NOBODY
from skytier.openstack.plan.releases import note_migrations
from tests.cluster.cluster import Cluster, changed


@pytest.fixture(scope="module")
def client(three: Cluster) -> Client:
    """As the tool has it, except SSH."""
    machine = three.containers["shop-database-1"]
    # What the superuser made in tests before is not the application's to read.
    machine.run("cd /; runuser -u postgres -- psql -q skytier -c 'DROP TABLE IF EXISTS marks'")
    return Client(lambda script: machine.words("sh", "-c", AS_NOBODY, "sh", script))


def ask(client: Client, statement: str) -> str:
    ended = client.run(f'psql -qAt --dbname="$DATABASE" --command={shlex.quote(statement)}')
    assert ended.code == 0, ended.said
    return ended.out


def silent(count: int) -> None:
    """Nobody looks."""


def test_the_programs_have_the_rights_of_the_application_only(client: Client) -> None:
    assert client.run("id --user --name; id --groups --name").out.split() == ["nobody", "nogroup"]
    assert ask(client, "SELECT current_user") == "skytier"
    assert client.run("cat /etc/skytier/secrets/*").code != 0


def test_a_dump_with_extensions_of_the_superuser_and_of_the_role_is_brought_back(
    three: Cluster, client: Client, tmp_path: Path
) -> None:
    as_superuser = "cd /; runuser -u postgres -- psql --quiet skytier --command="
    made = "CREATE EXTENSION hstore; COMMENT ON EXTENSION hstore IS 'pairs'"
    three.containers["shop-database-1"].run(as_superuser + shlex.quote(made))
    ask(client, "CREATE EXTENSION citext")
    ask(client, "CREATE TABLE pairs AS SELECT 'a=>1'::hstore AS pair, 'B'::citext AS word")
    users = ask(client, "SELECT count(*) FROM pg_tables WHERE tablename = 'users'")
    assert users == "1"

    path = tmp_path / "dump"
    size = transfer.export(client, path, silent)
    assert size == path.stat().st_size
    ask(client, "UPDATE pairs SET word = 'c'; DROP TABLE users CASCADE; CREATE TABLE later ()")
    transfer.import_dump(client, recognise(path), silent)

    assert ask(client, "SELECT pair->'a', word = 'b' FROM pairs") == "1|t"
    assert ask(client, "SELECT to_regclass('later'), to_regclass('users')") == "|users"
    assert ask(client, "SELECT extname FROM pg_extension WHERE extowner = 10 AND oid > 16384")
    ask(client, "DROP TABLE pairs")


def test_a_stream_that_ends_early_changes_nothing(client: Client, tmp_path: Path) -> None:
    ask(client, "CREATE TABLE kept (a int)")
    path = tmp_path / "dump"
    transfer.export(client, path, silent)
    path.write_bytes(path.read_bytes()[:-400])

    with pytest.raises(SkytierError, match="has what it had before"):
        transfer.import_dump(client, recognise(path), silent)

    assert ask(client, "SELECT to_regclass('kept')") == "kept"
    ask(client, "DROP TABLE kept")


def test_after_a_dump_of_an_older_release_the_next_up_migrates(
    three: Cluster, client: Client
) -> None:
    newest = ask(client, "SELECT version_num FROM alembic_version")
    ask(client, "UPDATE alembic_version SET version_num = '0004'")
    assert changed(three.plan()) == []

    note_migrations(cast(Any, three.servers))

    assert changed(three.plan()) == ["change release shop-web-1"]
    three.up()
    assert ask(client, "SELECT version_num FROM alembic_version") == newest != "0004"
    assert changed(three.plan()) == []
