"""Backups on another host by SFTP: a real sshd, and what goes wrong with it."""

import shutil
import subprocess
import tempfile
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import pytest

from skytier import roles
from skytier.deploy import backups, program, rehearsal
from skytier.deploy.checks import failing
from skytier.deploy.restore import intend, restore
from skytier.deploy.setup import set_up
from skytier.errors import SkytierError
from skytier.poll import until
from skytier.services.pgbackrest import copy
from skytier.services.pgbackrest.config import HOMES, pgbackrest_conf, trusted
from skytier.services.pgbackrest.info import read
from skytier.services.pgbackrest.program import secret_files
from skytier.stackfile.backup import FIRST, SECOND
from skytier.stackfile.known_hosts import keys_of
from skytier.topology import Topology
from tests.cluster.asked import silent, sql
from tests.cluster.backup_host import ACCOUNT, HOST, PATH, key, let_in, public
from tests.cluster.container import DEBIAN_12, TWO_VERSIONS, Base, Container, Network
from tests.roles.topology import DATABASE, topology

pytestmark = pytest.mark.large

ON_HOST = f"""\
kind = "sftp"
host = "{HOST}"
user = "{ACCOUNT}"
known_hosts = "keys"
path = "{PATH}"
"""
ALONE = "monitor.enabled = false\ndatabase.version = 15\n"
KEYS = "/etc/ssh/ssh_host_*_key"
WAITS = "ls /var/lib/postgresql/15/main/pg_wal/archive_status | grep ready || true"


@dataclass
class Place:
    """The machine of a database, and the host that its backups go to."""

    machine: Container
    host: Container
    network: Network
    known: str
    """The keys that the host shows, as ssh-keyscan writes them."""
    home: Path
    secrets: dict[str, str] = field(default_factory=dict)
    checks: Topology | None = None

    def here(self, text: str = ON_HOST, known: str = "") -> Topology:
        """What the stack file says. Its file of keys is read before."""
        made = topology(f"{ALONE}[backup]\n{text}", [DATABASE])
        backup, keys = made.stack.backup, {"known_hosts": keys_of(HOST, 22, known or self.known)}
        if backup.on_host:
            backup = backup.model_copy(update=keys)
        if backup.second.on_host:
            backup = backup.model_copy(update={"second": backup.second.model_copy(update=keys)})
        return replace(made, stack=made.stack.model_copy(update={"backup": backup}))

    def up(self, here: Topology, **given: str) -> None:
        """As `skytier up` does in the machine's turn."""
        for secret in roles.secrets(here):
            if not {*secret.names} <= self.secrets.keys():
                self.secrets |= {**secret.make()} if secret.names[0] not in given else given
        self.secrets |= given
        setup = roles.setup(here, here.machines[0])
        kept = {name: self.secrets[name] for name in setup.secrets}
        set_up(self.machine, setup, kept, silent)
        self.checks = here

    def wrong(self) -> Mapping[str, str]:
        """The checks that fail now."""
        assert self.checks
        return failing(self.machine, roles.setup(self.checks, self.checks.machines[0]).checks)

    def well(self) -> bool:
        return until(lambda: not self.wrong(), 120, every_s=1)

    def refused(self, here: Topology, **given: str) -> SkytierError:
        """The error of a set-up that is refused. What was given before counts again."""
        before = dict(self.secrets)
        with pytest.raises(SkytierError) as error:
            self.up(here, **given)
        self.secrets = before
        return error.value


def machine(home: Path, network: Network, address: str, name: str, base: Base) -> Container:
    made = Container(name, address, home / name, base=base)
    network.connect(made)
    here = topology(ALONE, [DATABASE])
    is_database = name == DATABASE.name
    made.create(roles.user_data(here, here.machines[0]) if is_database else "#cloud-config\n{}\n")
    made.start()
    made.wait()
    return made


@pytest.fixture(scope="module")
def place() -> Iterator[Place]:
    home = Path(tempfile.mkdtemp(prefix="skytier-sftp-"))
    network = Network(home.name, "192.168.128.0/24")
    network.create()
    made: list[Container] = []
    try:
        host = machine(home, network, HOST, "backup-host", TWO_VERSIONS)
        made.append(host)
        private = key(home / "backup-ssh")
        # A disk of its own.
        host.run(f"mkdir -p {PATH} && mount -t tmpfs -o size=300m tmpfs {PATH}")
        let_in(host, public(home / "backup-ssh"))
        known, _ = network.start("ssh-keyscan", HOST, stderr=subprocess.DEVNULL).communicate()
        database = machine(home, network, DATABASE.address, DATABASE.name, TWO_VERSIONS)
        made.append(database)
        there = Place(database, host, network, known, home)
        there.up(there.here(), backup_ssh_key=private)
        assert until(lambda: there.well() and backups.listing(database).all, 120)
        sql(database, "CREATE TABLE marks (mark text)")
        yield there
    finally:
        for each in made:
            each.delete()
        network.delete()
        shutil.rmtree(home)


def marks(machine: Container) -> list[str]:
    return sql(machine, "SELECT mark FROM marks ORDER BY 1").split()


def written(machine: Container, text: str) -> str:
    """Writes something down, and returns the segment of the log that has it, which is complete."""
    sql(machine, f"INSERT INTO marks VALUES ('{text}')")
    segment = sql(machine, "SELECT pg_walfile_name(pg_current_wal_lsn())")
    sql(machine, "SELECT pg_switch_wal()")
    return segment


def has(place: Place, segment: str) -> bool:
    # What is written in part has another ending.
    return segment in place.host.run(f"find {PATH}/shop/archive -type f -not -name '*.tmp'")


def test_backups_and_changes_are_on_the_host_and_a_moment_is_restored(place: Place) -> None:
    database = place.machine
    segment = written(database, "before")
    assert until(lambda: has(place, segment), 60)
    between = backups.now(database)
    written(database, "after")

    intended = intend(database, between.isoformat())
    assert intended.first
    restore(database, intended, silent)

    assert marks(database) == ["before"]
    assert place.well()
    newest = backups.listing(database).newest.name
    assert f"{PATH}/shop/backup/main/{newest}/backup.manifest" in place.host.run(
        f"find {PATH}/shop/backup -name backup.manifest"
    )
    assert not backups.verify(database, silent).wrong
    # The key is PostgreSQL's alone, and in no configuration.
    mode = database.run(f"stat --format='%U %a' {HOMES[FIRST].ssh_key}").strip()
    assert mode == "postgres 400"
    assert database.run("grep -l 'PRIVATE KEY' -r /etc/pgbackrest").split() == [
        HOMES[FIRST].ssh_key
    ]


def test_a_copy_and_a_rehearsal_read_them_with_files_of_their_own(place: Place) -> None:
    assert place.checks
    database, stack = place.machine, place.checks.stack
    of_copy = secret_files(
        *(stack.backup, place.secrets, FIRST),
        directory=copy.DIRECTORY,
        data=copy.data("15"),
        own=copy.OWN,
    )
    listing = copy.listing(copy.Place(pgbackrest_conf(stack, None), of_copy, trusted(stack)))

    told = program.run(database, listing, silent)

    there = read(told.partition(f"{copy.LISTED}\n")[2])
    assert there.newest == backups.listing(database).newest
    assert not database.run(f"ls -d {copy.DIRECTORY} 2>/dev/null || true")

    of = rehearsal.source(database)
    marked = rehearsal.mark(database, backups.now(database), silent)
    proof = rehearsal.prove(database, stack, None, of, marked, silent, beside=True)
    assert proof.compared.same
    assert proof.rows > 0


def test_another_host_gets_nothing(place: Place, tmp_path: Path) -> None:
    key(tmp_path / "other")
    other = f"{HOST} {public(tmp_path / 'other')}"
    error = place.refused(place.here(known=other))
    assert "has another key than those that it is known by" in error.what
    assert "known_hosts" in (error.do or "")

    # Whoever takes the place of the host later is not known, either.
    place.up(place.here())
    place.host.run(
        f"mkdir /root/keys; mv {KEYS} {KEYS}.pub /root/keys/; ssh-keygen -A; systemctl restart ssh"
    )
    try:
        segment = written(place.machine, "kept")
        with pytest.raises(SkytierError, match="known hosts failure"):
            backups.make(place.machine, "diff", silent)
        assert until(lambda: "known hosts failure" in "".join(place.wrong().values()), 120)
        assert segment in place.machine.run(WAITS)
    finally:
        place.host.run("mv /root/keys/* /etc/ssh/; systemctl restart ssh")
    backups.make(place.machine, "diff", silent)
    assert until(lambda: has(place, segment), 120)
    assert place.well()


def test_a_key_that_is_not_let_in_is_a_clear_error(place: Place, tmp_path: Path) -> None:
    other = key(tmp_path / "other")
    error = place.refused(place.here(), backup_ssh_key=other)
    assert f"does not let {ACCOUNT} in by the private SSH key" in error.what
    # What to write down on the host.
    assert " ".join(public(tmp_path / "other").split()[:2]) in (error.do or "")
    for wrong in (key(tmp_path / "locked", "a passphrase"), "no key", "backup-ssh"):
        error = place.refused(place.here(), backup_ssh_key=wrong)
        assert "SKYTIER_BACKUP_SSH_KEY is no private SSH key, or needs a passphrase" in error.what
        assert "ssh-keygen -t ed25519" in (error.do or "")
        assert "PRIVATE" not in str(error)
    place.up(place.here())
    assert place.well()


def test_a_directory_that_cannot_be_written_and_a_host_that_is_away_are_told(place: Place) -> None:
    forbidden = ON_HOST.replace(PATH, "/srv/others")
    error = place.refused(place.here(forbidden))
    assert f"{ACCOUNT} may not write to the directory /srv/others of {HOST}" in error.what
    place.host.run("systemctl stop ssh.socket ssh")
    try:
        error = place.refused(place.here(f"{ON_HOST}keep_full = 3\n"))
        assert f"The host with the directory {PATH} of {HOST} cannot be reached" in error.what
    finally:
        place.host.run("systemctl start ssh")
    place.up(place.here())
    assert place.well()


def test_while_the_host_is_away_changes_wait_up_to_the_bound(place: Place) -> None:
    database, conf = place.machine, HOMES[FIRST].conf
    place.network.cut(place.host)
    try:
        waiting = written(database, "waits")
        assert until(lambda: waiting in database.run(WAITS), 60)
        assert until(lambda: not backups.arrive(database), 180, every_s=1)
        # More than its queue holds is dropped, so that the disk does not fill up.
        database.run(f"sed --in-place=.before 's/queue-max=.*/queue-max=1MiB/' {conf}")

        def dropped() -> bool:
            written(database, "dropped")
            return "some were dropped" in "".join(place.wrong().values())

        assert until(dropped, 240, every_s=3)
        database.run(f"mv {conf}.before {conf}")
    finally:
        place.network.cut(place.host, mended=True)
    assert "some were dropped" in place.wrong()["backup"]
    backups.make(database, "diff", silent)
    assert place.well()
    segment = written(database, "again")
    assert until(lambda: has(place, segment), 120)


def test_a_full_disk_of_the_host_keeps_the_changes_here(place: Place) -> None:
    database = place.machine
    place.host.run(f"dd if=/dev/zero of={PATH}/full bs=1M 2>/dev/null || true")
    sql(database, "CREATE TABLE filler AS SELECT md5(n::text) FROM generate_series(1, 50000) AS n")
    segment = written(database, "full")
    with pytest.raises(SkytierError, match="The backup failed"):
        backups.make(database, "diff", silent)
    assert until(lambda: "last backup failed" in "".join(place.wrong().values()), 120, every_s=1)
    assert until(lambda: not backups.arrive(database), 180, every_s=1)
    assert not has(place, segment)
    place.host.run(f"rm {PATH}/full")
    assert until(lambda: has(place, segment), 180, every_s=1)
    backups.make(database, "diff", silent)
    assert place.well()
    assert not backups.verify(database, silent).text.count("status: invalid")


def test_it_may_be_the_second_place_and_nothing_of_it_stays_without(place: Place) -> None:
    local = 'kind = "path"\npath = "/srv/here"\n'
    second = ON_HOST.replace(PATH, f"{PATH}/second")
    place.secrets["backup_second_ssh_key"] = place.secrets["backup_ssh_key"]
    written(place.machine, "both")
    place.up(place.here(f"{local}[backup.second]\n{second}"))
    both = (FIRST, SECOND)
    assert until(lambda: all(e.all for e in backups.everywhere(place.machine, both)), 120)
    assert place.well()
    assert "ssh_key" not in place.machine.run("ls /etc/pgbackrest /etc/pgbackrest/conf.d")
    intended = intend(place.machine, "latest", places=[SECOND])
    restore(place.machine, intended, silent)
    assert "both" in marks(place.machine)

    place.up(place.here(local))
    assert place.well()
    left = place.machine.run("find /etc/pgbackrest -name ssh_key -o -name known_hosts")
    assert left == ""
    # What is on the host stays there.
    assert "backup.info" in place.host.run(f"ls {PATH}/second/shop/backup/main")


def test_an_older_pgbackrest_is_refused(place: Place) -> None:
    home = Path(tempfile.mkdtemp(prefix="skytier-sftp-old-"))
    network = Network(home.name, "192.168.128.0/24")
    network.create()
    old: Any = None
    try:
        old = machine(home, network, DATABASE.address, DATABASE.name, DEBIAN_12)
        error = replace(place, machine=old, network=network).refused(place.here())
        assert "this machine has pgBackRest 2.45" in error.what
        assert f"the directory {PATH} of {HOST}" in error.what
        assert "Debian 13, Ubuntu 24.04" in (error.do or "")
    finally:
        if old:
            old.delete()
        network.delete()
        shutil.rmtree(home)
