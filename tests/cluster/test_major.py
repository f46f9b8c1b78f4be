"""PostgreSQL 15 becomes 17 by pg_upgrade: what is the same, what is kept, and what stops it."""

import shutil
import tempfile
import threading
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from skytier import roles
from skytier.deploy import backups
from skytier.deploy.checks import failing
from skytier.deploy.restore import intend
from skytier.deploy.setup import set_up
from skytier.deploy.upgrade import upgrade
from skytier.errors import SkytierError
from skytier.poll import until
from skytier.render import render
from skytier.services.postgresql.upgrade import HOME, PROGRAM, STATE, UNIT, kept
from skytier.services.system.service import INSTALL
from skytier.topology import Topology
from tests.cluster.conftest import BACKUPS
from tests.cluster.container import TWO_VERSIONS, Container, Network
from tests.roles.topology import DATABASE, topology

pytestmark = pytest.mark.large

CONTENTS = render("skytier.services.pgbackrest", "rehearsal-contents.sql")
DATA = """
CREATE EXTENSION pg_stat_statements;
CREATE EXTENSION pg_trgm;
CREATE TYPE mood AS ENUM ('sad', 'glad');
CREATE SEQUENCE tickets START 4711;
CREATE TABLE notes (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    text text NOT NULL, mood mood, at timestamptz DEFAULT now(),
    data jsonb, raw bytea, amount numeric(12, 2), tags text[],
    place bigint DEFAULT nextval('tickets')
);
INSERT INTO notes (text, mood, data, raw, amount, tags)
SELECT 'note ' || n || repeat(chr(228 + n % 30), n % 5000),
       CASE n % 2 WHEN 0 THEN 'sad'::mood ELSE 'glad' END,
       json_build_object('n', n), decode(md5(n::text), 'hex'), n / 7.0, ARRAY[n::text, 'x']
  FROM generate_series(1, 20000) AS n;
CREATE INDEX ON notes USING gin (text gin_trgm_ops);
CREATE TABLE measured (day date, value int) PARTITION BY RANGE (day);
CREATE TABLE measured_1 PARTITION OF measured FOR VALUES FROM ('2026-01-01') TO ('2026-07-01');
CREATE TABLE measured_2 PARTITION OF measured FOR VALUES FROM ('2026-07-01') TO ('2027-01-01');
INSERT INTO measured SELECT '2026-01-01'::date + n % 365, n FROM generate_series(1, 5000) AS n;
CREATE MATERIALIZED VIEW monthly AS
SELECT date_trunc('month', day), sum(value) FROM measured GROUP BY 1;
SELECT lo_from_bytea(0, decode(repeat('ab', 100000), 'hex'));
DELETE FROM notes WHERE id % 3 = 0;
"""


@dataclass
class Database:
    """The machine of a database, and the stack file that it was last brought to."""

    machine: Container
    secrets: dict[str, str] = field(default_factory=dict)
    checks: Topology | None = None

    def up(self, version: int) -> None:
        """As `skytier up` does in the machine's turn."""
        here = topology(
            f'monitor.enabled = false\nbackup = {{kind = "path", path = "{BACKUPS}"}}\n'
            f"database.version = {version}",
            [DATABASE],
        )
        for secret in roles.secrets(here):
            if not set(secret.names) <= self.secrets.keys():
                self.secrets |= secret.make()
        setup = roles.setup(here, here.machines[0])
        upgrade(self.machine, setup, version, lambda text: None)
        given = {name: self.secrets[name] for name in setup.secrets}
        set_up(self.machine, setup, given, lambda text: None)
        self.checks = here

    def wrong(self) -> Mapping[str, str]:
        """The checks that fail now."""
        assert self.checks
        return failing(self.machine, roles.setup(self.checks, self.checks.machines[0]).checks)

    def sql(self, statement: str, name: str = "skytier") -> str:
        psql = f"runuser -u postgres -- psql -XAt -v ON_ERROR_STOP=1 {name} -f -"
        return self.machine.run(f"cd /; {psql}", statement.encode()).strip()

    def version(self) -> int:
        return int(self.sql("SHOW server_version_num")) // 10000

    def contents(self) -> str:
        """Count and checksum of every table of every database, and where sequences are."""
        sequences = "SELECT schemaname, sequencename, last_value FROM pg_sequences ORDER BY 1, 2;"
        return "\n".join(self.sql(CONTENTS + sequences, name) for name in ("skytier", "other"))

    def there(self, path: str) -> bool:
        return bool(self.machine.run(f"[ ! -e {path} ] || echo yes"))


@pytest.fixture(scope="module")
def database() -> Iterator[Database]:
    home = Path(tempfile.mkdtemp(prefix="skytier-major-"))
    network = Network(home.name, "192.168.128.0/24")
    machine = Container(DATABASE.name, DATABASE.address, home / DATABASE.name, base=TWO_VERSIONS)
    network.create()
    try:
        network.connect(machine)
        here = topology("monitor.enabled = false\ndatabase.version = 15", [DATABASE])
        machine.create(roles.user_data(here, here.machines[0]))
        machine.start()
        machine.wait()
        made = Database(machine)
        made.up(15)
        made.sql(DATA)
        made.sql("CREATE DATABASE other", "postgres")
        made.sql("CREATE TABLE elsewhere AS SELECT generate_series(1, 1000) AS n", "other")
        assert until(lambda: not made.wrong() and backups.listing(machine).all, 120), made.wrong()
        yield made
    finally:
        if machine.home.exists():
            machine.delete()
        network.delete()
        shutil.rmtree(home)


def as_before(database: Database, contents: str) -> None:
    """The former version serves, with its data, and nothing is left of the other one."""
    assert database.version() == 15
    assert database.contents() == contents
    assert not database.wrong()
    left = [f"{HOME}/17", "/etc/postgresql/17/main", kept(15), f"{STATE}/from"]
    assert [path for path in left if database.there(path)] == []
    assert database.machine.run("cat /etc/postgresql/15/main/start.conf").split()[-1] == "auto"


def test_a_lower_version_is_refused_and_nothing_is_changed(database: Database) -> None:
    before = database.contents()

    with pytest.raises(SkytierError, match="cannot read the files of a newer version") as error:
        database.up(14)

    assert "skytier database export" in (error.value.do or "")
    as_before(database, before)


def test_what_pg_upgrade_refuses_leaves_the_former_version_serving(database: Database) -> None:
    before = database.contents()
    database.sql("CREATE TABLE refused (what regproc)")
    started = "SELECT pg_postmaster_start_time()"
    since = database.sql(started)

    with pytest.raises(SkytierError, match="15 serves as before") as error:
        database.up(17)

    assert "pg_upgrade refuses" in error.value.what
    assert "public.refused.what" in error.value.what
    # It was not even stopped.
    assert database.sql(started) == since
    database.sql("DROP TABLE refused")
    as_before(database, before)


def test_a_run_that_is_killed_while_it_copies_is_undone(database: Database) -> None:
    before = database.contents()

    def kill() -> None:
        copying = f"grep -q 'copying the data' {STATE}/state && echo yes || true"
        assert until(lambda: database.machine.run(copying), 120, every_s=0.05)
        database.machine.run(f"systemctl kill --signal=KILL {UNIT}.service")

    killer = threading.Thread(target=kill)
    killer.start()
    with pytest.raises(SkytierError, match="15 serves as before") as error:
        database.up(17)
    killer.join()
    assert "It was interrupted" in error.value.what

    as_before(database, before)


def test_one_that_is_cut_once_the_data_is_proven_is_finished_by_the_next(
    database: Database,
) -> None:
    before = database.contents()
    etc = "/etc/postgresql/15/main"
    database.machine.run(f"mount --bind {etc} {etc}")  # it cannot be moved then

    with pytest.raises(SkytierError, match="Run skytier up again"):
        database.up(17)

    assert database.there(f"{HOME}/17/main/PG_VERSION")
    database.machine.run(f"umount {etc}")
    database.up(17)
    assert until(lambda: not database.wrong(), 120), database.wrong()
    assert database.version() == 17
    assert database.contents() == before


def test_the_new_version_has_everything_and_the_copy_is_there(database: Database) -> None:
    assert database.sql("SHOW data_checksums") == "on"
    assert database.sql("SHOW port") == "5432"
    of_extension = "SELECT extversion FROM pg_extension WHERE extname = 'pg_stat_statements'"
    assert database.sql(of_extension) == "1.11"  # and 1.10 in PostgreSQL 15
    statistics = "SELECT count(*) > 0 FROM pg_stats WHERE tablename = 'notes'"
    assert database.sql(statistics) == "t"
    assert database.machine.run(f"cat {kept(15)}/main/PG_VERSION").strip() == "15"
    assert not database.there(f"{STATE}/from")
    assert not database.there(f"{STATE}/analyze")
    # It serves after a restart of the machine, and the former does not.
    assert database.machine.run("ls /etc/postgresql").split() == ["17"]
    full = "17"  # a restart would end it
    assert until(lambda: backups.listing(database.machine).newest.version == full, 120, every_s=1)
    database.machine.run("systemctl restart postgresql")
    assert until(lambda: not database.wrong(), 60), database.wrong()
    assert database.version() == 17


def test_its_backups_begin_with_a_full_one_and_older_ones_are_refused_in_place(
    database: Database,
) -> None:
    machine = database.machine
    assert until(lambda: backups.listing(machine).newest.version == "17", 120, every_s=1)

    *older, newest = backups.listing(machine).all

    assert newest.kind == "full"
    # The one that is made before the database stops.
    assert [(each.version, each.kind) for each in older][-1] == ("15", "diff")
    with pytest.raises(SkytierError, match="is of PostgreSQL 15") as error:
        intend(machine, older[-1].name)
    assert "database.version = 15" in (error.value.do or "")
    assert not backups.verify(machine, lambda text: None).wrong


def other_version_is_left_alone(database: Database) -> None:
    """A set-up without a version takes the newest that is installed, 17; the data is of 15."""
    before, started = database.contents(), "SELECT pg_postmaster_start_time()"
    since = database.sql(started)
    here = topology("monitor.enabled = false", [DATABASE])
    script = roles.setup(here, here.machines[0]).script
    there = f"[ -e {INSTALL}.kept ] || cp --archive {INSTALL} {INSTALL}.kept"
    # Its packages are not to be had without a network.
    database.machine.run(f"{there}; printf '#!/bin/sh\\n' >{INSTALL}")
    try:
        with pytest.raises(SkytierError, match="The data belongs to PostgreSQL 15, but 17 is"):
            database.machine.run(script)
    finally:
        database.machine.run(f"mv {INSTALL}.kept {INSTALL}")
    assert database.sql(started) == since
    assert database.contents() == before


def test_there_is_a_way_back_and_forward_again(database: Database) -> None:
    before = database.contents()
    database.sql("CREATE TABLE since (n int)")

    said = database.machine.run(f"{PROGRAM} back 15")
    assert "run skytier up" in said
    database.up(15)

    assert until(lambda: not database.wrong(), 120), database.wrong()
    assert database.version() == 15
    assert database.contents() == before
    assert until(lambda: backups.listing(database.machine).newest.version == "15", 120, every_s=1)
    assert database.machine.run(f"cat {kept(17)}/main/PG_VERSION").strip() == "17"
    other_version_is_left_alone(database)

    database.up(17)
    assert until(lambda: not database.wrong(), 120), database.wrong()
    assert database.version() == 17
    assert database.contents() == before
    for version in (15, 17):
        database.machine.run(f"{PROGRAM} forget {version}")
    assert database.machine.run(f"ls -d {HOME}/kept-* 2>/dev/null || true") == ""
