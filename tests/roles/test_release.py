"""A release on the machines: served, replaced, and switched back when it is broken."""

import ast
import json
import shutil
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from skytier import release
from skytier.errors import SkytierError
from skytier.poll import until
from skytier.release import Application
from skytier.render import render
from skytier.stackfile import StackFile
from tests.roles.conftest import Machines

REQUEST = """
import json, ssl, sys, urllib.request
url, method, body, cookie = json.load(sys.stdin)
context = ssl.create_default_context(cafile="/etc/skytier/secrets/web_tls_certificate")
headers = {"Content-Type": "application/json", "Cookie": cookie}
data = json.dumps(body).encode() if body else None
request = urllib.request.Request(url, data, headers, method=method)
with urllib.request.urlopen(request, context=context) as answer:
    headers = {}
    for name, value in answer.headers.items():
        headers.setdefault(name.lower(), value)  # of several cookies the session comes first
    json.dump([answer.status, headers, answer.read().decode()], sys.stdout)
"""


def ask(
    machines: Machines, path: str, method: str = "GET", body: object = None, cookie: str = ""
) -> tuple[int, dict[str, str], Any]:
    """An answer through Nginx, by a TLS whose certificate is checked."""
    url = f"https://192.168.128.10{path}"
    asked = json.dumps([url, method, body, cookie]).encode()
    return tuple(json.loads(machines.web.run(f"python3 -c '{REQUEST}'", asked)))


def test_a_visitor_registers_signs_in_and_posts(machines: Machines) -> None:
    account = {"username": "ada", "email": "ada@example.org", "password": "correct horse battery"}
    credentials = {name: account[name] for name in ("username", "password")}
    assert ask(machines, "/api/users", "POST", account)[0] == 201
    status, headers, _ = ask(machines, "/api/sessions", "POST", credentials)
    assert status == 201
    cookie = headers["set-cookie"].partition(";")[0]
    assert "Secure" in headers["set-cookie"]
    post = {"title": "From a machine", "content": "It runs."}

    assert ask(machines, "/api/posts", "POST", post, cookie)[0] == 201

    assert json.loads(ask(machines, "/api/posts")[2])[0]["title"] == "From a machine"


def test_pages_and_static_files_come_by_https_only(machines: Machines) -> None:
    status, headers, page = ask(machines, "/")
    assert status == 200
    assert headers["strict-transport-security"] == "max-age=86400"
    static = page.partition('href="/static/')[2].partition('"')[0]
    status, headers, _ = ask(machines, f"/static/{static}")
    assert (status, headers["strict-transport-security"]) == (200, "max-age=86400")
    assert "immutable" in headers["cache-control"]

    plain = machines.web.run(
        "exec 3<>/dev/tcp/127.0.0.1/80; cat <&3 & "
        "printf 'GET /a?b HTTP/1.0\\r\\nHost: shop\\r\\n\\r\\n' >&3; wait"
    )
    assert plain.startswith("HTTP/1.1 308")
    assert "Location: https://shop/a?b\r\n" in plain


def test_shipping_the_same_release_again_changes_nothing(machines: Machines) -> None:
    started = "systemctl show --property=InvocationID skytier-app"
    before = machines.web.run(started)

    assert release.ship({"web": machines.web}, machines.release) == {"web": False}

    assert machines.web.run(started) == before
    assert release.current(machines.web) == machines.release.id


def test_a_release_that_does_not_name_its_health_is_asked_as_those_before_it(
    machines: Machines,
) -> None:
    health = "/opt/skytier/current/health"
    machines.web.run(f"mv {health} /run/health")
    try:
        assert machines.wrong() == {}
        assert release.ship({"web": machines.web}, machines.release) == {"web": False}
    finally:
        machines.web.run(f"mv /run/health {health}")


@pytest.fixture
def restless(machines: Machines) -> Iterator[None]:
    """The application is started again at once when it ends: no test waits for that."""
    directory = "/run/systemd/system/skytier-app.service.d"
    machines.web.run(
        f"mkdir -p {directory}; printf '[Service]\\nRestartSec=100ms\\n' >{directory}/test.conf; "
        "systemctl daemon-reload"
    )
    yield
    machines.web.run(f"rm -r {directory}; systemctl daemon-reload")


@pytest.fixture
def second(machines: Machines, request: pytest.FixtureRequest) -> Iterator[bool]:
    """Whether the machine can have a second process, as with a systemd from 247 on."""
    socket = "/etc/systemd/system/skytier-second.socket"
    if not request.param:
        machines.web.run(f"mv {socket} /run/")
    yield request.param
    if not request.param:
        machines.web.run(f"mv /run/skytier-second.socket {socket}")


@pytest.mark.usefixtures("restless")
@pytest.mark.parametrize("second", [True, False], indirect=True)
def test_a_broken_release_does_not_stay_and_its_last_words_are_told(
    machines: Machines, tmp_path: Path, second: bool
) -> None:
    broken = _changed(tmp_path, "main.py", 'raise RuntimeError("the moon is missing")\n')
    built = release.build(broken, machines.release.target, cache=_cache(machines))

    before = machines.web.run("systemctl show --property=MainPID skytier-app")

    with pytest.raises(SkytierError) as refused:
        release.ship({"web": machines.web}, built)

    after = machines.web.run("systemctl show --property=MainPID skytier-app")
    assert (before == after) == second
    assert built.id in refused.value.what
    assert "the moon is missing" in refused.value.what
    said = "serves. No visitor saw the other one." if second else "serves again."
    assert f"The release before, {machines.release.id}, {said}" in refused.value.what
    assert release.releases(machines.web).history.entries[-1].state == "failed"
    assert release.current(machines.web) == machines.release.id
    assert ask(machines, "/health")[0] == 200


@pytest.mark.usefixtures("second")
@pytest.mark.parametrize("second", [True, False], indirect=True)
def test_a_release_that_answers_but_is_not_healthy_does_not_stay(
    machines: Machines, tmp_path: Path
) -> None:
    sick = _changed(tmp_path, "health/report.py", "\nasync def report(_): raise RuntimeError\n")
    built = release.build(sick, machines.release.target, cache=_cache(machines))

    # It is waited for as long as it may take, so no longer than this machine needs to start it.
    for seconds in (8, 30, 120):
        with pytest.raises(SkytierError) as refused:
            release.ship({"web": machines.web}, built, timeout_s=seconds)
        assert release.current(machines.web) == machines.release.id
        if "It answers" in refused.value.what:
            break

    assert "It answers: HTTP/1.1 500" in refused.value.what

    def serves() -> bool:
        try:
            return ask(machines, "/health")[0] == 200
        except SkytierError:
            return False

    # The one before may still be starting: it was given as little time.
    assert until(serves, 180)


def test_a_release_that_did_not_arrive_whole_is_not_there(machines: Machines) -> None:
    whole = machines.release
    torn = release.Release(
        "0.1.0-torn",
        replace(whole.application, name="0.1.0-torn", sha256="0" * 64),
        whole.libraries,
        whole.target,
    )

    with pytest.raises(SkytierError, match="did not arrive whole"):
        release.unpack(machines.web, torn)

    assert machines.web.run("ls -A /opt/skytier/releases").split().count("0.1.0-torn") == 0
    with pytest.raises(SkytierError, match="not on this machine"):
        release.activate(machines.web, "0.1.0-torn")


def test_the_last_five_releases_are_kept(machines: Machines) -> None:
    releases = "/opt/skytier/releases"
    old = [f"0.0.{number}-old" for number in range(6)]
    for number, name in enumerate(old):
        machines.web.run(
            f"mkdir -p {releases}/{name}; touch -d '2020-01-0{number + 1}' {releases}/{name}"
        )
    machines.web.run(f"cd {releases}; rm -rf $(ls | grep -v -e old -e {machines.release.id})")
    static = machines.web.run("ls /opt/skytier/static")
    machines.web.run("mkdir /opt/skytier/libraries/old /opt/skytier/static/old")

    assert sorted(release.prune(machines.web)) == old[:2]

    assert machines.web.run(f"ls {releases}").split() == [*old[2:], machines.release.id]
    libraries = machines.web.run("ls /opt/skytier/libraries").split()
    assert libraries == [machines.release.libraries.name]
    assert machines.web.run("ls /opt/skytier/static") == static


def test_packages_that_the_machine_has_are_not_sent_again(
    machines: Machines, tmp_path: Path
) -> None:
    changed = _changed(tmp_path, "static/page.css", "\n/* Another release. */\n")
    built = release.build(changed, machines.release.target, cache=_cache(machines))
    before = machines.web.run("ls /opt/skytier/static/static").split()
    sent: list[int] = []

    class Counted:
        name = machines.web.name

        def run(self, script: str, stdin: bytes | None = None) -> str:
            sent.append(len(stdin or b""))
            return machines.web.run(script, stdin)

    release.unpack(Counted(), built)

    assert sum(sent) == built.application.archive.stat().st_size
    # Another web server may be switched first: its pages name the new files, and ask here.
    [new] = {*machines.web.run("ls /opt/skytier/static/static").split()} - {*before}
    page = machines.web.run(f"cat /opt/skytier/static/static/{new}/page.css")
    assert page.endswith("/* Another release. */\n")
    machines.web.run(f"rm -r /opt/skytier/releases/{built.id} /opt/skytier/static/static/{new}")


VISITOR = """
import collections, pathlib, ssl, time, urllib.error, urllib.request
answers = collections.Counter()
context = ssl.create_default_context(cafile="/etc/skytier/secrets/web_tls_certificate")
while not pathlib.Path("/run/visitor-goes").exists():
    try:
        with urllib.request.urlopen("https://192.168.128.10/api/posts", context=context) as answer:
            answers[answer.status] += 1
    except urllib.error.HTTPError as error:
        answers[error.code] += 1
    time.sleep(0.02)  # Nginx lets one visitor ask 100 times a second
print(dict(answers))
"""


def test_a_visitor_sees_no_failure_while_one_release_takes_the_other_s_place(
    machines: Machines, tmp_path: Path
) -> None:
    changed = _changed(tmp_path, "text.py", "\n# The next release.\n")
    built = release.build(changed, machines.release.target, cache=_cache(machines))
    with ThreadPoolExecutor(1) as pool:
        visit = pool.submit(machines.web.run, f"python3 -c '{VISITOR}'")
        try:
            for each in (built, machines.release):
                assert release.ship({"web": machines.web}, each) == {"web": True}
        finally:
            machines.web.run("touch /run/visitor-goes")
        answers = ast.literal_eval(visit.result())
        machines.web.run("rm /run/visitor-goes")

    assert set(answers) == {200}
    assert answers[200] > 10


def test_a_switch_that_was_cut_short_is_finished_by_the_next_one(
    machines: Machines, tmp_path: Path
) -> None:
    changed = _changed(tmp_path, "text.py", "\n# After one that was interrupted.\n")
    built = release.build(changed, machines.release.target, cache=_cache(machines))
    functions = render("skytier.release", "common/second-process.sh", home="/opt/skytier")
    cut = f"start_second {machines.release.id} 180; to_second; systemctl stop skytier-app"
    machines.web.run(f"set -e\n{functions}\n{cut}")
    assert ask(machines, "/health")[0] == 200, "by the second process"

    for each in (built, machines.release):
        assert release.ship({"web": machines.web}, each) == {"web": True}
        assert ask(machines, "/health")[0] == 200
        second = f"{functions}\nsecond_serves && echo serves; systemctl is-active skytier-second"
        assert machines.web.run(f"{second} || true").strip() in ("inactive", "deactivating")


def test_the_unit_keeps_the_security_score_that_is_documented(machines: Machines) -> None:
    said = machines.web.run("systemd-analyze security --no-pager skytier-app | tail -n 1")

    assert float(said.partition(": ")[2].split()[0]) <= 1.2, said


def _cache(machines: Machines) -> Path:
    """Where the packages already are."""
    return machines.release.application.archive.parents[1]


def _changed(directory: Path, name: str, text: str) -> Application:
    """The application's source with a text added at the end of one of its files."""
    copy = directory / "app"
    sample = release.of(StackFile())
    shutil.copytree(sample.source, copy, ignore=shutil.ignore_patterns("__pycache__"))
    with (copy / "src/skytier_app" / name).open("a") as file:
        file.write(text)
    return replace(sample, source=copy)
