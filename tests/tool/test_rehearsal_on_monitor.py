"""Rehearsals on the monitor: where there can be one, what its container gets, and what is told."""

import re
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import pytest
from typer.testing import CliRunner

from skytier.cli import app
from skytier.deploy import contained as in_container
from skytier.deploy import rehearsal
from skytier.deploy.contained import Room, memory_mib, room
from skytier.deploy.kind import Key, Known
from skytier.deploy.rehearsal import Proof, Source
from skytier.errors import SkytierError
from skytier.hosts.host import CommandError
from skytier.openstack.commands import on_monitor
from skytier.openstack.commands import rehearsal as on_cloud
from skytier.openstack.commands.on_monitor import check_machine, check_place
from skytier.openstack.machines.operator import OperatorFiles
from skytier.release.platform import System
from skytier.services.pgbackrest.config import HOMES, address
from skytier.services.pgbackrest.contained import AT_BOOT, HOME, contained
from skytier.services.pgbackrest.program import Program, configuration
from skytier.services.pgbackrest.rehearsal import restoring
from skytier.stackfile import StackFile, parse
from skytier.stackfile.backup import FIRST, SECOND
from skytier.topology import ObjectStore
from tests.roles.topology import ON_A_HOST

from .test_backup import THERE, TO_CLOUD, TO_S3
from .test_object_store import PROJECT, resolved, there
from .test_rehearsal import MARKED, OF, PROOF, Machine, Shown, kinds

DEDICATED = "[monitor]\ndedicated = true\n"
TO_HOST = parse(f'name = "shop"\n{ON_A_HOST}')
ON_PATH = parse('backup = {kind = "path", path = "/mnt/backups"}')
STORE = ObjectStore("https://objects.example.org:8080", "shop-backups", "r", "access")
DEBIAN_12, DEBIAN_13 = ("debian", (12,)), ("debian", (13,))


def test_only_a_monitor_with_a_machine_of_its_own_has_a_container() -> None:
    check_machine(parse(DEDICATED))
    for text in ("", "monitor.enabled = false\n"):
        with pytest.raises(SkytierError, match="no machine of its own for the monitor") as error:
            check_machine(parse(text))
        assert "monitor.dedicated = true" in (error.value.do or "")


@pytest.mark.parametrize(
    ("stack", "system", "said"),
    [
        (TO_CLOUD, DEBIAN_12, ""),
        (TO_S3, DEBIAN_12, ""),
        (TO_HOST, DEBIAN_13, ""),
        (TO_HOST, DEBIAN_12, "older than 2.48"),
        (ON_PATH, DEBIAN_13, "which the monitor cannot read"),
    ],
)
def test_a_place_that_cannot_be_read_from_there_is_refused(
    stack: StackFile, system: System, said: str
) -> None:
    if not said:
        check_place(stack, FIRST, system)
        return
    with pytest.raises(SkytierError, match=said) as error:
        check_place(stack, FIRST, system)
    assert "Rehearse without --on monitor" in (error.value.do or "")


def test_where_there_is_another_place_it_is_named() -> None:
    second = '[backup.second]\nkind = "s3"\nbucket = "bbb"\nendpoint = "https://s3.example.org"\n'
    both = parse(f'[backup]\nkind = "path"\npath = "/mnt/backups"\n{second}')
    with pytest.raises(SkytierError) as error:
        check_place(both, FIRST, DEBIAN_13)
    assert "the other place with --from" in (error.value.do or "")
    check_place(both, SECOND, DEBIAN_13)


def test_half_of_the_memory_stays_for_the_monitor() -> None:
    assert memory_mib(768, "m") == 384
    with pytest.raises(SkytierError, match=r"767 MiB are available\. It needs 384 MiB") as error:
        memory_mib(767, "m")
    assert "monitor.flavor" in (error.value.do or "")


class Monitor:
    """A machine that answers what it is asked for its room."""

    name = "shop-monitor-1"

    def __init__(self, free_gib: int, said: str = "") -> None:
        self.free_gib, self.said = free_gib, said
        self.ran: list[str] = []

    def run(self, script: str, stdin: bytes | None = None) -> str:
        self.ran.append(script)
        if "meminfo" in script:
            return f"{2 * 2**20}\n"
        if script.startswith("df"):
            return f"{self.free_gib * 2**30} {40 * 2**30}\n"
        if "/dev/tcp" in script and self.said:
            raise CommandError("It ended with 1.", "Look.", self.said)
        return ""


def ask(machine: Monitor) -> Room:
    # 2.1 GiB and 1 more for the copy, a half for packages, and 4 stay free.
    backup = replace(THERE.newest, database_bytes=2 * 2**30)
    return room(cast(Any, machine), TO_CLOUD, STORE, Source(backup, {}))


def test_memory_disk_and_the_way_to_the_backups_are_asked_before_anything_is_made() -> None:
    machine = Monitor(free_gib=8)
    assert ask(machine) == Room(1024, 4 * 2**30)
    # First what is left of a run that was interrupted, which takes room.
    assert HOME in machine.ran[0]
    assert AT_BOOT in machine.ran[0]
    assert "/dev/tcp/objects.example.org/8080" in machine.ran[-1]
    with pytest.raises(SkytierError, match=r"no room on shop-monitor-1: 0\.7 GiB more"):
        ask(Monitor(free_gib=7))


@pytest.mark.parametrize(
    ("said", "reason", "advice"),
    [
        (
            "bash: connect: Connection refused\nbash: line 1: {}: Connection refused\n",
            "Connection refused",
            "Allow connections from that machine there",
        ),
        (
            "bash: objects.example.org: Name or service not known\n"
            "bash: line 1: {}: Invalid argument\n",
            "Name or service not known",
            "The name objects.example.org is not found there",
        ),
        (
            "bash: warning: setlocale: no such locale\nbash: connect: No route to host\n",
            "No route to host",
            "Allow connections from that machine there",
        ),
        (
            "Terminated\n",
            "no answer within 20 s",
            "Allow connections from that machine there",
        ),
    ],
)
def test_why_the_place_of_the_backups_is_not_reached_is_told(
    said: str, reason: str, advice: str
) -> None:
    with pytest.raises(SkytierError, match=f"8080: {reason}") as error:
        ask(Monitor(free_gib=8, said=said.format("/dev/tcp/objects.example.org/8080")))
    assert "shop-monitor-1 does not reach the place" in error.value.what
    assert (error.value.do or "").startswith(advice)


def around(reached_at: tuple[str, int] | None, conf: str = "") -> Program:
    trusted = {HOMES[FIRST].ca: "an authority"}
    inner = restoring(
        marker="m",
        backup="b",
        version="15",
        conf=configuration(conf, trusted, "/run/skytier-rehearsal"),
        secrets={"conf.d/secrets.conf": "cipher-pass"},
        spare_bytes=2**30,
    )
    return contained(
        inner,
        version="15",
        packages=["postgresql-15-x"],
        reached_at=reached_at,
        memory_mib=512,
        least="2.48" if reached_at == ("192.0.2.7", 22) else "",
    )


def test_the_container_gets_its_limits_and_the_machine_keeps_nothing_of_it() -> None:
    program = around(None, f"repo1-storage-ca-file={HOMES[FIRST].ca}")
    texts = {file.path.removeprefix("/run/skytier-rehearsal/"): file for file in program.files}
    assert [name for name, file in texts.items() if "cipher-pass" in file.text] == [
        "conf.d/secrets.conf"
    ]
    # The machine need not know PostgreSQL's user.
    assert {(file.owner, file.group) for file in program.files} == {("root", "root")}
    own = [file for name, file in texts.items() if not name.startswith("root/")]
    assert {file.mode for file in own} == {0o600}
    assert texts["pgbackrest.conf"].text.endswith("=/run/skytier-rehearsal/ca.pem")
    assert texts["ca.pem"].text == "an authority"
    installs = texts["root/usr/local/lib/skytier/install-packages"]
    assert "wanted=(pgbackrest postgresql-15-x)\nwanted+=(postgresql-15)" in installs.text
    assert "MemoryMax=512M" in program.properties
    assert "PrivateMounts=yes" in program.properties
    assert set(program.owned) == {HOME, AT_BOOT}
    # Without a place by the network there is none.
    assert "systemd-socket-activate" not in texts["program"].text


def test_the_place_of_the_backups_is_all_of_the_network() -> None:
    assert address(TO_CLOUD, STORE) == ("objects.example.org", 8080)
    plain = replace(STORE, endpoint="https://s3.example.org")
    assert address(TO_S3, plain) == ("s3.example.org", 443)
    assert address(TO_HOST, None) == ("backup.example.org", 2222)
    assert address(ON_PATH, None) is None
    by_name = around(("s3.example.org", 443)).files[0].text
    assert "s3.example.org:443" in by_name
    assert 'echo "127.0.0.1 s3.example.org"' in by_name
    by_address = around(("192.0.2.7", 22)).files[0].text
    assert "ip address add 192.0.2.7/32 dev lo" in by_address
    assert "--listen=192.0.2.7:22" in by_address


@pytest.mark.skipif(not shutil.which("shellcheck"), reason="needs shellcheck")
@pytest.mark.parametrize("reached_at", [None, ("s3.example.org", 443), ("192.0.2.7", 22)])
def test_the_program_is_good_shell(reached_at: tuple[str, int] | None, tmp_path: Path) -> None:
    for number, file in enumerate(around(reached_at).files):
        if file.text.startswith("#!"):
            path = tmp_path / str(number)
            path.write_text(file.text)
            done = subprocess.run(["shellcheck", path], check=False, capture_output=True, text=True)
            assert done.returncode == 0, done.stdout


@pytest.mark.parametrize(
    ("state", "events", "told"),
    [
        ("done", "oom_kill 0", "done"),
        # Something was ended, and it went on without that.
        ("done", "oom_kill 1", "done"),
        ("failed\nIt was killed.", "oom_kill 0", "failed\nIt was killed."),
        ("failed\nIt was killed.", "oom_kill 2", "more memory than the 512 MiB"),
        ("replaying", "oom_kill 1", "more memory than the 512 MiB"),
        ("installing", "oom_kill 0", "The container ended by itself: ip: no such device"),
    ],
)
def test_how_the_container_ended_is_told_with_its_reason(
    tmp_path: Path, state: str, events: str, told: str
) -> None:
    (tmp_path / "state").write_text(f"{state}\n")
    (tmp_path / "events").write_text(f"oom 3\n{events}\n")
    end(tmp_path)
    said = (tmp_path / "state").read_text()
    assert told in said
    if "memory" in told:
        assert "monitor.flavor" in said
        assert state.rpartition("\n")[2] in said


@pytest.mark.parametrize(
    ("stack", "has", "said"),
    [
        (TO_HOST, "2.44-1", "has pgBackRest 2.44-1, which cannot read backups by SFTP"),
        (TO_HOST, "2.56.0-1", ""),
        (TO_CLOUD, "2.44-1", ""),
    ],
)
def test_what_an_image_does_not_tell_is_looked_at_once_it_is_installed(
    monkeypatch: pytest.MonkeyPatch, stack: StackFile, has: str, said: str
) -> None:
    ran: list[Program] = []

    def run(host: Any, program: Program, tell: Any, *, beside: bool) -> str:
        ran.append(program)
        raise SkytierError("It fails.", "")

    monkeypatch.setattr(in_container.program, "run", run)
    secrets = dict.fromkeys(("backup_key", "backup_ssh_key"), "s") | {"object_store_key": "a:s"}
    of = Source(THERE.newest, secrets)
    store = STORE if stack is TO_CLOUD else None
    with pytest.raises(SkytierError, match="It fails"):
        in_container.prove(
            *(cast(Any, None), stack, store, of, MARKED, "15"), Room(512, 1), lambda text: None
        )
    text = ran[0].files[0].text
    # These lines alone: the others mount and delete.
    looks = re.search(r"^has=.*?^fi$", text, re.DOTALL | re.MULTILINE)
    assert bool(looks) == (stack is TO_HOST)
    if looks is None:
        return
    stubs = f'fail() {{ echo "$*"; exit 1; }}\ndpkg-query() {{ echo {has}; }}\nroot=/none\n'
    done = subprocess.run(
        ["bash", "-c", stubs + looks[0]], check=False, capture_output=True, text=True
    )
    assert said in done.stdout
    assert bool(done.stdout) == bool(said)
    assert done.stderr == ""


def test_a_link_that_was_made_in_the_container_is_not_followed(tmp_path: Path) -> None:
    of_the_machine = tmp_path / "shadow"
    of_the_machine.write_text("done\n")
    for name in ("state", "state.new", "result"):
        (tmp_path / name).symlink_to(of_the_machine)
    end(tmp_path)
    assert of_the_machine.read_text() == "done\n"
    assert "The container ended by itself" in (tmp_path / "state").read_text()


def test_nothing_runs_in_the_container_that_can_set_the_machines_kernel() -> None:
    for reached_at in (None, ("s3.example.org", 443)):
        lines = around(reached_at).files[0].text.splitlines()
        begun = [each for each in lines if '"${apart[@]}"' in each]
        assert len(begun) == 2
        assert all('"${closed[@]}"' in each for each in begun)


def end(directory: Path) -> None:
    """Run the end of the container's program, with what it left in a directory."""
    program = around(None).files[0].text
    fail = next(each for each in program.split("\n}\n") if "fail() {" in each)
    ending = program.partition("# How it ended.")[2].partition("\n")[2]
    before = f"directory={directory} said='ip: no such device' installed=1"
    functions = fail[fail.index("tell() {") :] + "\n}\n"
    ending = re.sub("^events=.*", f"events={directory}/events", ending, flags=re.MULTILINE)
    script = f"{before}\n{functions}{ending}"
    done = subprocess.run(["bash", "-c", script], check=False, capture_output=True, text=True)
    assert done.stderr == ""


class Stack:
    """A stack on a cloud with a monitor of its own: the machines are left to the test."""

    lost: frozenset[Key] = frozenset()
    """Of its resources."""

    def __init__(self, tmp_path: Path) -> None:
        text = 'backup = {kind = "object-store", bucket = "shop-backups"}\n'
        self.stack, self.cloud = parse(f'name = "shop"\n{text}{DEDICATED}'), "mycloud"
        self.project, self.kinds = PROJECT, kinds()
        self.operator = OperatorFiles(tmp_path)

    @contextmanager
    def held(self, what: str, lost: Any) -> Iterator[None]:
        yield

    def plan(self) -> Any:
        found = resolved(self.stack)
        choices = replace(found.choices, systems={"monitor": DEBIAN_12})
        known = {key: each for key, each in there(self.stack).items() if key not in self.lost}
        return SimpleNamespace(resolved=replace(found, choices=choices), known=Known(known))


@pytest.fixture
def begun(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> tuple[Stack, Machine]:
    stack, database = Stack(tmp_path), Machine()

    @contextmanager
    def target(stack: Any, name: str, tell: Any = None) -> Iterator[Any]:
        # By `monitor` it could be the machine that the monitor was on.
        assert name == "shop-monitor-1"
        yield Monitor(free_gib=8)

    @contextmanager
    def of_database(stack: Any) -> Iterator[Machine]:
        yield database

    monkeypatch.setattr(on_monitor, "ssh_target", target)
    monkeypatch.setattr(on_cloud, "database_of", of_database)
    monkeypatch.setattr(rehearsal, "source", lambda host, places: OF)
    monkeypatch.setattr(rehearsal, "mark", lambda host, at, tell, place: MARKED)
    return stack, database


def test_a_rehearsal_there_makes_no_server_and_says_where_it_was(
    begun: tuple[Stack, Machine], monkeypatch: pytest.MonkeyPatch
) -> None:
    stack, database = begun
    given: list[Any] = []

    def prove(host: Any, *more: Any) -> Proof:
        given.extend((host.name, more[-3], more[-2]))
        return replace(PROOF, installed_s=8.0)

    monkeypatch.setattr(in_container, "prove", prove)
    done = on_cloud.rehearse(cast(Any, stack), Shown(), on_monitor=True)
    assert given == ["shop-monitor-1", OF.backup.version, Room(1024, 4 * 2**30)]
    assert done.good
    assert done.machine == "shop-monitor-1 (in a container)"
    assert done.parts == {"set-up": 8.0, "copy": 10.0, "replay": 5.0}
    assert done.recovery_s == 23
    assert not any(kind.there for kind in stack.kinds.values())
    assert "skytier_rehearsal_failed 0" in database.ran[-1]


def test_a_failure_there_is_told_to_the_monitor_as_any_other(
    begun: tuple[Stack, Machine], monkeypatch: pytest.MonkeyPatch
) -> None:
    stack, database = begun

    def prove(*given: Any) -> Proof:
        raise SkytierError("It fails.", "Mend it.")

    monkeypatch.setattr(in_container, "prove", prove)
    done = on_cloud.rehearse(cast(Any, stack), Shown(), on_monitor=True)
    assert (done.good, done.trouble) == (False, "It fails.")
    assert "skytier_rehearsal_failed 1" in database.ran[-1]


def test_one_that_ctrl_c_ended_is_run_again_where_it_was(
    begun: tuple[Stack, Machine], monkeypatch: pytest.MonkeyPatch
) -> None:
    def prove(*given: Any) -> Proof:
        raise KeyboardInterrupt

    monkeypatch.setattr(in_container, "prove", prove)
    with pytest.raises(SkytierError, match="not proven") as error:
        on_cloud.rehearse(cast(Any, begun[0]), Shown(), on_monitor=True)
    # Without that it would not look there, and so would remove nothing.
    assert (error.value.do or "").startswith("Run again: skytier rehearse --on monitor.")


def test_without_the_monitors_server_no_other_machine_gets_the_copy(
    begun: tuple[Stack, Machine],
) -> None:
    stack, database = begun
    stack.lost = frozenset({Key("server", "shop-monitor-1")})
    with pytest.raises(SkytierError, match="shop-monitor-1, is not there") as error:
        on_cloud.rehearse(cast(Any, stack), Shown(), on_monitor=True)
    assert "skytier up" in (error.value.do or "")
    assert database.ran == []


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ("--last --switchover --rollback", "so --switchover, --rollback cannot be given with it"),
        ("--last --from first --flavor f", "so --flavor, --from cannot be given with it"),
        ("--last --on monitor", "so --on cannot be given with it"),
        ("--on monitor --flavor f", "--on monitor makes no server, so --flavor cannot"),
    ],
)
def test_options_that_would_do_nothing_are_refused(options: str, said: str) -> None:
    found = CliRunner().invoke(app, ["rehearse", *options.split()]).exception
    assert isinstance(found, SkytierError)
    assert said in found.what
