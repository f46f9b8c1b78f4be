"""Two members of a database and a web server on real machines, and the loss of the primary's."""

import re
import shlex
from collections.abc import Callable, Iterator
from itertools import pairwise
from typing import Any

import pytest

from skytier.poll import until

from .account import Account, Operator, backed_up

pytestmark = pytest.mark.large
# Eight clients insert numbers, one at a time, at the address that the application has, and note
# those that the database acknowledged. No number is tried twice.
WRITERS = """
import asyncio, asyncpg, itertools, pathlib, time

async def write(first):
    connection = None
    with open(f"/root/acknowledged-{first}", "a", buffering=1) as acknowledged:
        for number in itertools.count(first, 8):
            try:
                if connection is None or connection.is_closed():
                    url = pathlib.Path("/etc/skytier/credentials/skytier_database_url").read_text()
                    connection = await asyncpg.connect(url.strip(), timeout=5, command_timeout=10)
                await connection.execute("INSERT INTO numbers VALUES ($1)", number)
                acknowledged.write(f"{number} {time.time():.2f}\\n")
            except (asyncpg.PostgresError, asyncpg.InterfaceError, OSError, TimeoutError):
                if connection is not None:
                    connection.terminate()
                connection = None
            await asyncio.sleep(0.05)

async def main():
    await asyncio.gather(*map(write, range(8)))

asyncio.run(main())
"""
PSQL = "cd /; runuser -u postgres -- psql --no-psqlrc --quiet --tuples-only --no-align -d skytier"


@pytest.fixture(scope="module")
def stack(account: Account, operator: Operator, name: str) -> Iterator[str]:
    """Two members, a web server, and backups in the cloud's object store."""
    more = "[database]\nmembers = 2\n[monitor]\nenabled = false\n"
    with backed_up(operator, name, more) as stack:
        yield stack


def test_both_members_are_well_and_there_is_nothing_to_do(operator: Operator, stack: str) -> None:
    assert sorted(roles(operator).values()) == ["primary", "synchronous replica"]
    operator.ends_with(0, "plan", "--detailed-exitcode")


def test_a_member_that_reads_from_one_which_vanished_gives_up_within_a_minute(
    operator: Operator, stack: str
) -> None:
    values = " ".join(f"net.ipv4.tcp_keepalive_{each}" for each in ("time", "intvl", "probes"))
    for each in roles(operator):
        said = operator.run("exec", each, f"echo it waits: $(sysctl --values {values})")
        assert "it waits: 30 5 6" in said


def test_nothing_acknowledged_is_lost_with_the_server_of_the_primary(
    account: Account,
    operator: Operator,
    stack: str,
    record_property: Callable[[str, object], None],
) -> None:
    operator.run("exec", machine(operator, "primary"), f"{PSQL} -c {shlex.quote(TABLE)}")
    begin_to_write(operator)
    assert until(lambda: len(acknowledged(operator)) > 50, 300, 2)
    gone, successor = machine(operator, "primary"), machine(operator, "synchronous replica")

    compute = account.connection.compute
    compute.delete_server(compute.find_server(gone, ignore_missing=False))

    assert until(lambda: is_primary(operator, successor), 180, 2)
    before = len(acknowledged(operator))
    assert until(lambda: len(acknowledged(operator)) > before + 50, 180, 2)
    operator.run("exec", "web", "systemctl stop writers")
    assert numbers(operator, successor) >= acknowledged(operator)
    record_property("seconds_without_writes", longest_gap(operator))


def test_up_makes_the_lost_member_anew(operator: Operator, stack: str) -> None:
    operator.run("up", "--yes")

    assert until(
        lambda: sorted(roles(operator).values()) == ["primary", "synchronous replica"], 300, 5
    )
    operator.ends_with(0, "plan", "--detailed-exitcode")
    for each in roles(operator):
        assert numbers(operator, each) >= acknowledged(operator)


def test_a_primary_that_runs_is_powered_off_and_another_member_takes_over(
    account: Account, operator: Operator, stack: str
) -> None:
    compute = account.connection.compute
    fenced, successor = machine(operator, "primary"), machine(operator, "synchronous replica")

    said = operator.run("failover", "--fence", "--yes")

    assert f"{successor} is the primary" in said
    assert compute.find_server(fenced, ignore_missing=False).status == "SHUTOFF"
    assert is_primary(operator, successor)
    operator.run("up", "--yes")
    assert until(
        lambda: sorted(roles(operator).values()) == ["primary", "synchronous replica"], 300, 5
    )
    assert machine(operator, "primary") == successor
    for each in roles(operator):
        assert numbers(operator, each) >= acknowledged(operator)


def test_the_backups_and_a_switchover_are_proven_in_a_rehearsal(
    operator: Operator, stack: str
) -> None:
    operator.run("backup", "now")
    former, successor = machine(operator, "primary"), machine(operator, "synchronous replica")

    said = operator.json("rehearse", "--switchover", timeout_s=1800)

    assert said["good"] is True
    (drill,) = said["drills"]
    assert drill["trouble"] == ""
    assert [each["to"] for each in drill["steps"]] == [successor]
    assert roles(operator) == {successor: "primary", former: "synchronous replica"}
    operator.ends_with(0, "plan", "--detailed-exitcode")


TABLE = "CREATE TABLE numbers (number bigint PRIMARY KEY); ALTER TABLE numbers OWNER TO skytier"


def begin_to_write(operator: Operator) -> None:
    script = f"cat >/root/writers.py <<'END'\n{WRITERS}END\n"
    libraries = '--setenv=PYTHONPATH="$(echo /opt/skytier/libraries/*/lib)"'
    start = f"systemd-run --quiet --unit=writers {libraries} /opt/skytier/python3 /root/writers.py"
    operator.run("exec", "web", script + start)


def database(operator: Operator) -> dict[str, Any]:
    return operator.json("database", code=None)


def roles(operator: Operator) -> dict[str, str]:
    """Machine to role."""
    return {each["machine"]: each["role"] for each in database(operator)["members"]}


def machine(operator: Operator, role: str) -> str:
    return next(each for each, found in roles(operator).items() if found == role)


def is_primary(operator: Operator, name: str) -> bool:
    with operator.start("exec", name, f"{PSQL} -c 'SELECT pg_is_in_recovery()'") as asked:
        said, _ = asked.communicate(timeout=120)
    return re.search(r"^f$", said, re.MULTILINE) is not None


def noted(operator: Operator) -> list[tuple[int, float]]:
    said = operator.run("exec", "web", "cat /root/acknowledged-* 2>/dev/null || true")
    found = re.findall(r"^(\d+) (\d+\.\d+)$", said, re.MULTILINE)
    return [(int(number), float(at)) for number, at in found]


def acknowledged(operator: Operator) -> set[int]:
    return {number for number, _ in noted(operator)}


def longest_gap(operator: Operator) -> float:
    """The longest time in seconds in which no write was acknowledged."""
    times = sorted(at for _, at in noted(operator))
    return max(later - earlier for earlier, later in pairwise(times))


def numbers(operator: Operator, name: str) -> set[int]:
    said = operator.run("exec", name, f"{PSQL} -c 'SELECT number FROM numbers'")
    return {int(line) for line in re.findall(r"^\d+$", said, re.MULTILINE)}
