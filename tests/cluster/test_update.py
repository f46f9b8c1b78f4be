"""Three web servers and a database: they come up, and are changed one after another."""

import json
import subprocess
import sys

import pytest

from skytier.errors import SkytierError
from tests.cluster.cluster import Cluster, Events, changed
from tests.cluster.conftest import STACK

# Asks each machine again and again, and prints for each the times in which it was out: from the end
# of the first request that failed to the beginning of the last, and what failed. A slow answer is
# none.
VISITOR = """
import json, ssl, sys, threading, time, urllib.request
context = ssl._create_unverified_context()
out, ended = {}, threading.Event()

def ask(address):
    spans, out_since, last = [], None, None
    while True:
        began, ok = time.monotonic(), True
        try:
            urllib.request.urlopen(f"http://{address}/health", timeout=60, context=context).read()
        except OSError as error:
            ok, out_since, last, said = False, out_since or time.monotonic(), began, repr(error)
        over = ended.is_set()
        if out_since and (ok or over):
            spans.append([out_since, last, said])
            out_since = None
        if over:
            break
        time.sleep(0.02)
    out[address] = spans

threads = [threading.Thread(target=ask, args=[each]) for each in sys.argv[1:]]
for each in threads: each.start()
print("ready", flush=True)
sys.stdin.read()
ended.set()
for each in threads: each.join()
print(json.dumps(out))
"""


def web(made: Cluster) -> list[str]:
    return [each.name for each in made.topology().of("web")]


def visiting(made: Cluster, *addresses: str) -> subprocess.Popen[str]:
    """A visitor of web servers, who is there already."""
    python = (sys.executable, "-c", VISITOR)
    visitor = made.network.start(*python, *addresses, stdin=subprocess.PIPE)
    assert visitor.stdout
    assert visitor.stdout.readline() == "ready\n"
    return visitor


def test_each_web_server_answers_and_all_checks_pass(three: Cluster) -> None:
    assert web(three) == ["shop-web-1", "shop-web-2", "shop-web-3"]
    ask = "import sys, urllib.request as r; print(r.urlopen(sys.argv[1]).read().decode())"
    for name in web(three):
        url = f"http://{three.containers[name].address}/health"
        with three.network.start(sys.executable, "-c", ask, url) as asked:
            said = asked.communicate(timeout=300)[0]
        assert json.loads(said)["status"] == "ok"
    assert three.wrong() == {}


def test_a_second_plan_is_empty(three: Cluster) -> None:
    assert changed(three.plan()) == []


def test_a_changed_configuration_goes_through_one_web_server_after_another(three: Cluster) -> None:
    machines = [three.containers[name] for name in web(three)]
    invocation = "systemctl show --property=InvocationID --value skytier-app"
    before = [each.run(invocation) for each in machines]
    # It is in the unit of the application, which is started again for it.
    three.write(f'{STACK}api_from = ["198.51.100.0/24"]\n')
    wanted = [f"change configuration {name}" for name in web(three)]
    assert [each for each in changed(three.plan()) if each in wanted] == wanted
    events = Events()

    with visiting(three, *(each.address for each in machines)) as visitor:
        three.up(events)
        out = json.loads(visitor.communicate("", timeout=300)[0])

    assert all(each.run(invocation) != was for each, was in zip(machines, before, strict=True))
    spans = [(*span, address) for address, all_ in out.items() for span in all_]
    for began, ended, _, address in spans:
        others = [each for each in spans if each[3] != address]
        assert not [each for each in others if each[0] < ended and began < each[1]], spans
    assert one_after_another(events)
    assert three.wrong() == {}
    assert changed(three.plan()) == []


def test_a_configuration_with_which_the_application_does_not_start_is_seen_by_nobody(
    three: Cluster,
) -> None:
    machines = [three.containers[name] for name in web(three)]
    first = machines[0]
    invocation = "systemctl show --property=InvocationID --value skytier-app"
    before = [each.run(invocation) for each in machines]
    addition = "/run/systemd/system/skytier-second.service.d"
    first.run(
        f"mkdir -p {addition}; printf '[Service]\nExecStartPre=/bin/false\n' >{addition}/no.conf"
    )
    three.write(f'{STACK}api_from = ["203.0.113.0/24"]\n')
    events = Events()

    with visiting(three, *(each.address for each in machines)) as visitor:
        with pytest.raises(SkytierError, match="not healthy with its changed configuration"):
            three.up(events)
        assert [each.run(invocation) for each in machines] == before
        begun = {str(step.key) for what, step in events.seen if what == "started"}
        assert "configuration shop-web-1" in begun
        assert "configuration shop-web-2" not in begun
        out = json.loads(visitor.communicate("", timeout=300)[0])

    assert all(not spans for spans in out.values()), out
    first.run(f"rm -r {addition}; systemctl daemon-reload")
    three.up()
    assert all(each.run(invocation) != was for each, was in zip(machines, before, strict=True))
    assert three.wrong() == {}


def one_after_another(events: Events) -> bool:
    """Whether no web server was begun with before the one before was well with its release."""
    under_way: set[str] = set()
    for what, step in events.seen:
        if "web" not in step.key.name or step.key.kind not in ("configuration", "release"):
            continue
        if what == "started":
            under_way.add(step.key.name)
        elif step.key.kind == "release":
            under_way.discard(step.key.name)
        if len(under_way) > 1:
            return False
    return not under_way
