"""A database on a volume goes from Debian 12 to Debian 13, and then from PostgreSQL 15 to 17."""

from collections.abc import Iterator

import pytest

from skytier.deploy import backups
from skytier.errors import SkytierError
from skytier.openstack.plan.other_files import new_servers, refuse
from skytier.poll import until
from skytier.render import render
from skytier.services.postgresql.upgrade import kept
from tests.cluster.asked import code_name, silent, sql
from tests.cluster.cluster import Cluster, changed, cluster
from tests.cluster.container import MOVED
from tests.cluster.members import FIRST, PROJECT, begin_to_write, goes_on, lost, stack
from tests.project.trees import write_dedented

pytestmark = pytest.mark.large

CONTENTS = render("skytier.services.pgbackrest", "rehearsal-contents.sql")
# Of each kind that is written by its own rules: large values, sorted texts, large objects.
DATA = """
CREATE EXTENSION pg_trgm;
CREATE TABLE notes (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    text text NOT NULL, data jsonb, raw bytea, at timestamptz DEFAULT now()
);
INSERT INTO notes (text, data, raw)
SELECT 'note ' || n || repeat(chr(228 + n % 30), n % 5000),
       json_build_object('n', n), decode(md5(n::text), 'hex')
  FROM generate_series(1, 20000) AS n;
CREATE INDEX ON notes (text text_pattern_ops);
CREATE INDEX ON notes USING gin (text gin_trgm_ops);
SELECT lo_from_bytea(0, decode(repeat('ab', 100000), 'hex'));
DELETE FROM notes WHERE id % 3 = 0;
"""


class Database:
    """The stack, whose database's machine and version change."""

    def __init__(self, made: Cluster, text: str) -> None:
        self.made = made
        self.text = text

    def write(self, image: str, version: int | None = None) -> None:
        """Another stack file, for the next plan."""
        pinned = f"database.version = {version}\n" if version else ""
        self.made.write(f'database.image = "{image}"\n{pinned}{self.text}')

    def contents(self) -> str:
        """Count and checksum of every table that no client writes to."""
        said = self.made.containers[FIRST].run(
            "cd /; runuser -u postgres -- psql -XAt skytier -f -", CONTENTS.encode()
        )
        return "\n".join(line for line in said.splitlines() if '"numbers"' not in line)

    def version(self) -> int:
        return int(sql(self.made.containers[FIRST], "SHOW server_version_num")) // 10000

    def system(self) -> str:
        return code_name(self.made.containers[FIRST])

    def refused(self) -> SkytierError:
        """What `skytier plan` refuses, where the machine is not asked."""
        servers = new_servers(self.made.resolved, self.made.known(), self.made.plan())
        with pytest.raises(SkytierError) as error:
            refuse(servers, self.made.resolved.stack.database.version, None)
        return error.value

    def goes_on_with(self, contents: str) -> None:
        """Clients write again, nothing is lost, and all is well."""
        goes_on(self.made)
        assert self.contents() == contents
        assert lost(self.made) == set()
        self.well()

    def well(self) -> None:
        """All is as it should be, and nothing is left to do."""
        assert until(lambda: self.made.wrong() == {}, 300), self.made.wrong()
        assert changed(self.made.plan()) == []


@pytest.fixture(scope="module")
def database(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Database]:
    project = write_dedented(tmp_path_factory.mktemp("newer"), PROJECT)
    text = f"database.volume_gib = 2\n{stack(str(project), 1)}"
    with cluster(f'database.image = "debian-12"\n{text}') as made:
        database = Database(made, text)
        sql(made.containers[FIRST], DATA)
        begin_to_write(made)
        database.well()
        yield database


def test_the_new_image_alone_is_refused_and_names_the_way(database: Database) -> None:
    database.write(MOVED.name)

    error = database.refused()

    assert "has PostgreSQL 17" in error.what
    assert "is of PostgreSQL 15" in error.what
    assert "Set database.version = 15" in (error.do or "")


def test_image_and_version_together_are_refused_and_name_the_way(database: Database) -> None:
    database.write(MOVED.name, 17)

    error = database.refused()

    assert "set database.version = 15 and run skytier up" in (error.do or "")


def test_without_the_archive_nothing_is_lost_and_there_is_a_way_back(database: Database) -> None:
    """A machine here reaches none, and this image has PostgreSQL 17 alone."""
    before = database.contents()
    database.write("debian-13", 15)

    with pytest.raises(SkytierError, match="PostgreSQL 15 is in no source of this machine"):
        database.made.up()

    database.write("debian-12", 15)
    database.made.up()
    database.goes_on_with(before)
    assert (database.system(), database.version()) == ("bookworm", 15)


def test_a_machine_of_debian_13_finds_the_data_with_postgresql_15(database: Database) -> None:
    before = database.contents()
    database.write(MOVED.name, 15)
    assert f"replace server {FIRST}" in changed(database.made.plan())

    database.made.up()

    database.goes_on_with(before)
    assert (database.system(), database.version()) == ("trixie", 15)
    machine = database.made.containers[FIRST]
    backups.make(machine, "diff", silent)
    assert backups.listing(machine).newest.version == "15"
    assert not backups.verify(machine, silent).wrong


def test_then_its_version_goes_up(database: Database) -> None:
    before = database.contents()
    database.write(MOVED.name, 17)

    database.made.up()

    database.goes_on_with(before)
    assert database.version() == 17
    machine = database.made.containers[FIRST]
    # The copy is on the volume, too.
    assert machine.run(f"cat {kept(15)}/main/PG_VERSION").strip() == "15"
    assert until(lambda: backups.listing(machine).newest.version == "17", 300, every_s=1)
    assert not backups.verify(machine, silent).wrong
