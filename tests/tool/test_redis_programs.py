"""The programs of Redis' members, with servers and Sentinels on this machine."""

import os
import re
import shutil
import subprocess
import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path

import pytest

from skytier import roles
from skytier.poll import until
from skytier.services.redis.servers import DUTY, HAND_OVER, KEPT
from skytier.services.sentinel.service import LEAVE, PROMOTE
from skytier.services.setup import REMOVALS
from skytier.topology import Machine, Topology
from tests.roles.topology import TOPOLOGIES

pytestmark = pytest.mark.skipif(not shutil.which("redis-server"), reason="needs redis-server")
STACK = TOPOLOGIES["three members of Redis"]
PASSWORDS = ("redis_password", "redis_monitor_password", "redis_member_password")
# What the machines have besides. Users of the system are those of this test.
BESIDES = """
systemctl() { false; }
journal() { true; }
changed() { true; }
applied() { true; }
fail() { echo "$*" >&2; exit 1; }
install() {
    local words=() skip=
    for word; do
        case $skip$word in
            -o | -g) skip=yes- ;;
            yes-*) skip= ;;
            *) words+=("$word") ;;
        esac
    done
    command install "${words[@]}"
}
"""


class Member:
    """A machine with Redis and a Sentinel, below a directory."""

    def __init__(self, root: Path, topology: Topology, machine: Machine) -> None:
        self.root, self.topology, self.machine = root, topology, machine
        self.name, self.address = machine.name, machine.address
        self.server: subprocess.Popen[bytes] | None = None
        self.sentinel: subprocess.Popen[bytes] | None = None
        self.script = ""
        self.make()

    def make(self) -> None:
        """As after the files of a set-up came to a new machine."""
        shutil.rmtree(self.root, ignore_errors=True)
        setup = roles.setup(self.topology, self.machine)
        for each in setup.files:
            if "redis" in each.path or "sentinel" in each.path:
                path = Path(self.here(each.path))
                path.parent.mkdir(parents=True, exist_ok=True)
                path.write_text(self.here(each.text))
                path.chmod(each.mode)
        for name in ("run/redis", "run/skytier-sentinel", "var/lib/redis", "var/lib/skytier"):
            (self.root / name).mkdir(parents=True, exist_ok=True)
        (self.root / "etc/systemd/system/multi-user.target.wants").mkdir()
        shutil.copytree(self.root.parent / "secrets", self.root / "etc/skytier/secrets")
        etc = self.root / "etc/skytier/redis"
        for name in ("server.key", "server.crt", "ca.crt"):
            shutil.copy(self.root.parent / name, etc)
        (etc / "replica.conf").write_text('masterauth "redis_member_password"\n')
        self.script = setup.script
        users = self.part("hash_of() {", "# A variable with the password")
        self.bash(f"{BESIDES}\nversion=7.0.15\n{users}")

    def here(self, text: str) -> str:
        for place in (
            "/etc/",
            "/usr/local/lib/skytier",
            "/var/lib/",
            "/run/redis/",
            "/run/sky",
            "/run/$",
        ):
            text = text.replace(place, f"{self.root}{place}")
        return text

    def part(self, begin: str, end: str) -> str:
        """Of the script of the set-up."""
        return self.here(begin + self.script.split(begin, 1)[1].split(end, 1)[0])

    def bash(self, script: str) -> str:
        done = subprocess.run(
            ("bash", "-eu"), input=script, capture_output=True, text=True, check=True
        )
        return done.stdout

    def program(self, path: str, *words: str) -> "subprocess.CompletedProcess[str]":
        command = (f"{self.root}{path}", *words)
        return subprocess.run(command, capture_output=True, text=True, check=False)

    def duty(self) -> "subprocess.CompletedProcess[str]":
        """What a server does before it starts."""
        return self.program(DUTY, KEPT.name, str(KEPT.port), f"{self.root}{KEPT.duty}")

    def start(self) -> None:
        """Redis, as its unit does."""
        said = self.duty()
        assert said.returncode == 0, said.stderr
        config = f"{self.root}/etc/skytier/redis/redis.conf"
        self.server = subprocess.Popen(
            ("redis-server", config), stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
        )
        assert until(lambda: "role:" in self.tell("info replication"), 20)
        (self.root / "var/lib/skytier/redis-server.applied").touch()

    def watch(self) -> None:
        """Sentinel, as its set-up and its unit do."""
        first = self.part("hash_of() {", "channels=")
        state = self.part(
            "# Sentinel: who is the primary", "    systemctl start skytier-sentinel ||"
        )
        end = "fi\n"
        self.bash(
            f"{BESIDES}\nset +e\n{first}\n{state}\n{end}".replace(
                "    systemctl stop skytier-sentinel", "    true"
            )
        )
        config = f"{self.root}/var/lib/redis/sentinel.conf"
        self.sentinel = subprocess.Popen(
            ("redis-server", config, "--sentinel"),
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )

    def lose(self) -> None:
        """All at once, with the disk."""
        self.stop()
        self.make()

    def stop(self) -> None:
        for each in (self.sentinel, self.server):
            if each:
                each.kill()
                each.wait()
        self.sentinel = self.server = None

    def tell(self, command: str, user: str = "default") -> str:
        password = {"default": PASSWORDS[0], "monitor": PASSWORDS[1]}[user]
        done = subprocess.run(
            (
                *("redis-cli", "--no-auth-warning", "--user", user),
                *("-s", f"{self.root}{KEPT.socket}", *command.split()),
            ),
            env={**os.environ, "REDISCLI_AUTH": password},
            capture_output=True,
            text=True,
            check=False,
        )
        return done.stdout.strip()

    def sentinels(self) -> str:
        """What its Sentinel says of the primary."""
        done = subprocess.run(
            (
                *("redis-cli", "--no-auth-warning", "--user", "default"),
                *("-s", f"{self.root}/run/skytier-sentinel/sentinel.sock"),
                *("sentinel", "master", KEPT.name),
            ),
            env={**os.environ, "REDISCLI_AUTH": PASSWORDS[0]},
            capture_output=True,
            text=True,
            check=False,
        )
        return done.stdout


def authority(root: Path, addresses: Sequence[str]) -> None:
    """One certificate for all, which signs itself."""
    names = ",".join(f"IP:{each}" for each in addresses)
    subprocess.run(
        (
            *("openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256"),
            *("-nodes", "-days", "2", "-subj", "/CN=test", "-addext", f"subjectAltName={names}"),
            *("-keyout", root / "server.key", "-out", root / "server.crt"),
        ),
        check=True,
        capture_output=True,
    )
    shutil.copy(root / "server.crt", root / "ca.crt")
    (root / "secrets").mkdir()
    for name in PASSWORDS:
        (root / "secrets" / name).write_text(name)


@pytest.fixture(scope="module")
def members() -> Iterator[list[Member]]:
    """Three that follow each other and are watched, at addresses of this machine alone."""
    # The path of a socket has to be short, and pytest's directories have the test's name.
    with tempfile.TemporaryDirectory(prefix="s-") as directory:
        root = Path(directory)
        network = f"127.{os.getpid() // 250 % 250 + 1}.{os.getpid() % 250 + 1}"
        machines = [
            replace(each, address=f"{network}.{number}")
            for number, each in enumerate(STACK.machines, 1)
        ]
        topology = replace(STACK, machines=machines)
        running = topology.running("redis")
        authority(root, [each.address for each in running])
        running = sorted(running, key=lambda each: each.name != "shop-web-1")
        made = [Member(root / str(n), topology, each) for n, each in enumerate(running)]
        try:
            for each in made:
                each.start()
                each.watch()
            yield made
        finally:
            for each in made:
                each.stop()


def well(members: Sequence[Member]) -> None:
    """Each knows the others."""

    def is_well() -> bool:
        said = [each.sentinels().split("\n") for each in members]
        known = ("num-slaves", "num-other-sentinels")
        return all(
            x[x.index(name) + 1] == "2" for x in said for name in known if name in x
        ) and all("num-slaves" in x for x in said)

    assert until(is_well, 40), [each.sentinels() for each in members]
    good = "min_slaves_good_slaves:2"
    assert until(lambda: good in primary_of(members).tell("info replication"), 20)


def primary_of(members: Sequence[Member]) -> Member:
    return next(each for each in members if "role:master" in each.tell("info replication"))


def test_the_application_cannot_tell_the_sentinels_who_is_the_primary(
    members: list[Member],
) -> None:
    first = members[0]
    well(members)
    assert first.tell("publish __sentinel__:hello forged").startswith("NOPERM")
    script = "return redis.call('publish','__sentinel__:hello','forged')"
    Path(first.root, "forged.lua").write_text(script)
    assert "can't publish" in first.tell(f"--eval {first.root}/forged.lua")
    for channel in ("celery", "_shop", "/0.celeryev/worker"):
        assert first.tell(f"publish {channel} hello") == "0"


def test_an_empty_primary_does_not_start_before_members_with_keys(members: list[Member]) -> None:
    first, second, third = members
    well(members)
    assert first.tell("set session alive") == "OK"
    assert until(lambda: third.tell("get session") == "alive", 10)
    first.lose()
    second.lose()
    said = first.duty()
    assert said.returncode == 1
    assert f"{third.name} has keys" in said.stderr
    # Its Sentinel alone is gone: the server still has them.
    assert third.sentinel
    third.sentinel.kill()
    third.sentinel.wait()
    assert first.duty().returncode == 1
    third.watch()
    # The operator chooses, since one Sentinel of three cannot.
    assert until(lambda: "s_down" in third.sentinels(), 20), third.sentinels()
    promoted = third.program(PROMOTE, KEPT.name)
    assert promoted.returncode == 0, promoted.stderr
    first.start()
    first.watch()
    assert until(lambda: first.tell("get session") == "alive", 20)
    assert until(lambda: third.tell("set session again") == "OK", 20)
    second.start()
    second.watch()


def test_less_memory_than_the_keys_take_is_refused(members: list[Member]) -> None:
    first = members[0]
    check = first.part("asked() {", "# The key and the users")
    first.bash(f"{BESIDES}{check}")
    with pytest.raises(subprocess.CalledProcessError) as raised:
        first.bash(BESIDES + re.sub(r"\(\(\d+ \* 1024", "((1 * 1024", check))
    assert "it would refuse every write" in raised.value.stderr


def test_a_member_hands_over_or_says_that_it_did_not(members: list[Member]) -> None:
    well(members)
    former = primary_of(members)
    for each in members:
        done = each.program(HAND_OVER, KEPT.name)
        assert done.returncode == 0, done.stderr
        if each is former:
            break
    assert "role:slave" in former.tell("info replication")
    primary = primary_of(members)
    assert primary is not former
    # Nobody is left who could have its keys.
    for each in members:
        if each is not primary:
            each.stop()
    assert until(lambda: "min_slaves_good_slaves:0" in primary.tell("info replication"), 20)
    done = primary.program(HAND_OVER, KEPT.name)
    assert (done.returncode, "no replica follows" in done.stderr) == (2, True)
    # Before its machine goes for good nothing is stopped then.
    Path(f"{primary.root}{LEAVE}").write_text(
        Path(f"{primary.root}{LEAVE}").read_text().replace("tries < 30", "tries < 2")
    )
    done = primary.program(LEAVE, "--for-good")
    assert (done.returncode, "Bring the others up" in done.stderr) == (1, True)
    assert "role:master" in primary.tell("info replication")
    primary.stop()
    done = primary.program(HAND_OVER, KEPT.name)
    assert (done.returncode, "does not answer" in done.stderr) == (2, True)
    # What Redis leaves is not taken for new when it comes again.
    data = primary.root / "var/lib/redis"
    assert (data / "appendonlydir").exists()
    (primary.root / "var/lib/skytier/redis.applied").touch()
    removal = primary.root / REMOVALS[1:] / "71-redis"
    primary.bash(f"{BESIDES}\nsystemctl() {{ true; }}\n{removal.read_text()}")
    assert not (data / "appendonlydir").exists()
    assert (data / "former/appendonlydir").exists()
