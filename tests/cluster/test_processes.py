"""Processes and jobs of an application on three web servers."""

import json
import re
import threading
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest

from skytier.errors import SkytierError
from skytier.poll import until
from tests import works
from tests.cluster.cluster import Cluster
from tests.cluster.conftest import STACK
from tests.cluster.container import Container
from tests.cluster.test_own_application import ask
from tests.cluster.test_update import web


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return works.write(tmp_path_factory.mktemp("works"), works.IN_THE_DATABASE)


@pytest.fixture(scope="module")
def own(machines: Cluster, project: Path) -> Iterator[Cluster]:
    """The three with it; nothing of it is left where the sample takes its place."""
    machines.write(stack(project))
    machines.up()
    yield machines
    machines.write(STACK)
    machines.up()
    for name in web(machines):
        machines.containers[name].wait_for(
            "[ -z \"$(systemctl list-units --plain --no-legend 'skytier-process@*')\" ]"
        )
        left = machines.containers[name].run(
            "systemctl list-units --plain --no-legend 'skytier-job@*.timer'; "
            "ls -d /etc/systemd/system/*/skytier-process@* /etc/systemd/system/skytier-job@*.timer "
            "2>/dev/null || true"
        )
        assert left == ""


def stack(project: Path, worker: str = "python worker.py") -> str:
    source = f"source = {json.dumps(str(project))}"
    more = f'{source}\nmigrate = "python migrate.py"\nenv.FINISH_S = "2"'
    limits = "memory_mib = 200\nstop_s = 30"
    return STACK + works.application(more, worker=worker, limits=limits, tick="*:*:0/5")


def servers(made: Cluster) -> list[Container]:
    return [made.containers[name] for name in web(made)]


def asked(made: Cluster, statement: str) -> list[list[str]]:
    said = made.containers["shop-database-1"].run(
        "cd /; runuser -u postgres -- psql -XAt -F '|' -d skytier -f -", statement.encode()
    )
    return [line.split("|") for line in said.splitlines()]


def said(made: Cluster, what: str) -> list[list[str]]:
    return asked(made, f"SELECT host, more FROM said WHERE what = '{what}'")


def workers(machine: Container) -> dict[str, str]:
    """The units of the workers that run, with their main processes."""
    units = machine.run(
        "systemctl list-units --plain --no-legend --state=active 'skytier-process@*'"
    )
    names = [line.split()[0] for line in units.splitlines()]
    return {
        name: machine.run(f"systemctl show --property=MainPID --value '{name}'").strip()
        for name in names
    }


def versions(made: Cluster) -> set[str]:
    return {ask(made, f"http://{each.address}/")[1] for each in servers(made)}


def ticks_once(made: Cluster) -> int:
    """How many times the job ran, after a look that each time was run once."""
    dues = [more for _, more in said(made, "tick")]
    assert len(dues) == len(set(dues)), sorted(dues)
    return len(dues)


def more_ticks(made: Cluster, number: int = 3) -> bool:
    """Whether it goes on; else this fails with what the servers said of it."""
    before = ticks_once(made)
    if until(lambda: ticks_once(made) >= before + number, 300):
        return True
    journal = "journalctl --unit='skytier-job@tick.*' --lines=20 --no-pager; systemctl list-timers"
    pytest.fail("\n".join(each.run(journal) for each in servers(made)))


def test_the_processes_run_on_each_server_as_one_that_may_do_little(own: Cluster) -> None:
    for machine in servers(own):
        units = workers(machine)
        assert len(units) == 2
        unit = min(units)
        about = machine.run(
            "systemctl show --property=User,KillMode,MemoryMax,TimeoutStopUSec,ProtectSystem "
            f"'{unit}'"
        )
        assert {
            *("User=skytier", "KillMode=mixed", f"MemoryMax={200 * 2**20}"),
            *("TimeoutStopUSec=30s", "ProtectSystem=strict"),
        } <= set(about.split())
        score = machine.run(f"systemd-analyze security --no-pager '{unit}' | tail -n 1")
        assert float(score.partition(": ")[2].split()[0]) <= 1.2, score
    # A process runs before it has said its first word.
    assert until(lambda: len(said(own, "begun")) >= 6, 120)
    assert len(said(own, "begun")) == 6
    assert own.wrong() == {}


def test_a_process_that_is_killed_comes_back(own: Cluster) -> None:
    machine = servers(own)[0]
    unit, pid = next(iter(workers(machine).items()))
    begun = len(said(own, "begun"))
    machine.run(f"kill -KILL {pid}")
    assert until(lambda: len(said(own, "begun")) == begun + 1, 120)
    assert workers(machine)[unit] != pid


def test_a_job_runs_once_each_time_on_one_of_three_servers(own: Cluster) -> None:
    assert more_ticks(own)
    ran = asked(own, "SELECT count(*) FROM skytier_jobs.runs WHERE job = 'tick' AND exit_code = 0")
    assert int(ran[0][0]) >= ticks_once(own) - 1
    (told,) = [
        each
        for each in json.loads(servers(own)[1].run("/usr/local/sbin/skytier-app jobs"))
        if each["job"] == "tick"
    ]
    assert told["host"] in web(own)


def test_it_goes_on_while_a_server_is_lost(own: Cluster) -> None:
    name = web(own)[2]
    own.containers[name].stop()
    try:
        assert more_ticks(own)
    finally:
        own.servers.start(name)
        own.containers[name].wait()
    assert until(lambda: len(workers(own.containers[name])) == 2, 180)
    assert more_ticks(own, 1)


def test_a_release_leaves_a_running_job_alone_and_lets_workers_finish(
    own: Cluster, project: Path
) -> None:
    first = servers(own)[0]
    before = {unit: pid for machine in servers(own) for unit, pid in workers(machine).items()}
    release = min(before).removesuffix(".service").split(".", 2)[2]
    first.run("systemctl start --no-block skytier-job@long.service")
    assert until(lambda: said(own, "long-begun"), 120)
    code = project / "shop.py"
    code.write_text(code.read_text().replace("version 1", "version 2"))
    own.write(stack(project))
    ticks = ticks_once(own)
    finished = Counter(map(tuple, said(own, "finished")))

    own.up()

    assert versions(own) == {"version 2"}
    assert ticks_once(own) >= ticks
    now = {unit for machine in servers(own) for unit in workers(machine)}
    assert len(now) == 2
    assert not now & set(before)
    expected = Counter((name, release) for name in web(own) for _ in range(2))
    assert until(lambda: Counter(map(tuple, said(own, "finished"))) - finished == expected, 120)
    assert until(lambda: said(own, "long-ended"), 120)
    assert said(own, "long-ended") == [[web(own)[0], release]]
    assert more_ticks(own, 1)


def test_a_process_that_does_not_stay_up_leaves_all_as_it_was(own: Cluster, project: Path) -> None:
    before = [workers(machine) for machine in servers(own)]
    code = project / "shop.py"
    text = code.read_text()
    code.write_text(text.replace("version 2", "version 3"))
    own.write(stack(project, "python -c 'import no_such_module'"))
    try:
        with pytest.raises(SkytierError) as refused:
            own.up()
        told = refused.value.what
        assert re.search(r"The process worker [12] of the release \S+ does not stay up", told)
        assert "No module named 'no_such_module'" in told
        assert "Nothing was switched" in told
        assert versions(own) == {"version 2"}
        assert [workers(machine) for machine in servers(own)] == before
    finally:
        code.write_text(text)
        own.write(stack(project))
        own.up()
    assert versions(own) == {"version 2"}


def test_a_job_by_hand_prints_what_it_says_and_is_refused_while_it_runs(own: Cluster) -> None:
    one, other = servers(own)[:2]
    done = threading.Thread(target=lambda: one.run("/usr/local/sbin/skytier-app job long now"))
    begun = len(said(own, "long-begun"))
    done.start()
    assert until(lambda: len(said(own, "long-begun")) == begun + 1, 120)
    with pytest.raises(SkytierError, match=f"it still runs on {web(own)[0]}"):
        other.run("/usr/local/sbin/skytier-app job long now")
    done.join()
    assert len(said(own, "long-ended")) == begun + 1
