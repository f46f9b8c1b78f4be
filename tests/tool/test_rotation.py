"""A new password of the database on this machine, while the application goes on serving."""

import json
import os
import random
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from unittest.mock import patch

import httpx
import psutil
import pytest

from skytier.deploy.kind import Key
from skytier.deploy.plan import Action, Step
from skytier.errors import SkytierError
from skytier.local import options
from skytier.local.application import DATABASE_URL
from skytier.local.home import Home
from skytier.local.rotation import HomeLogin
from skytier.local.stack import LocalStack
from skytier.openstack.commands import rotation as on_cloud
from skytier.poll import until
from skytier.services.postgresql import rotation
from skytier.services.postgresql.login import Login
from skytier_runtime import psql as connecting
from tests.project.trees import write_dedented
from tests.skytier_command import Skytier, command_lines_of, free_port

FILES = {
    "requirements.txt": "psycopg[binary]==3.3.6\n",
    "shop.py": """\
        import os, psycopg

        def application(environ, start_response):
            # A new connection for each request: with the former login, too, as long as it may.
            with psycopg.connect(os.environ["DATABASE_URL"]) as connection:
                if environ["REQUEST_METHOD"] == "POST":
                    connection.execute("INSERT INTO visits VALUES (1)")
                said = connection.execute("SELECT count(*) > 0 FROM visits").fetchone()[0]
            start_response("200 OK", [("Content-Type", "text/plain")])
            return [str(said).encode()]
        """,
    "migrate.py": """\
        import os, psycopg
        with psycopg.connect(os.environ["DATABASE_URL"]) as connection:
            connection.execute("CREATE TABLE IF NOT EXISTS visits (id int)")
            connection.execute("INSERT INTO visits VALUES (1)")
        """,
    "worker.py": """\
        import os, psycopg, time
        while True:
            with psycopg.connect(os.environ["DATABASE_URL"]) as connection:
                connection.execute("SELECT count(*) FROM visits")
            time.sleep(0.2)
        """,
    "skytier.toml": """\
        [application]
        serve = "shop:application"
        interface = "wsgi"
        migrate = "python migrate.py"

        [[application.process]]
        name = "worker"
        run = "python worker.py"
        """,
}
ROTATE = ("secret", "rotate", "DATABASE_URL")


@pytest.fixture(scope="module")
def shop(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_dedented(tmp_path_factory.mktemp("rotated"), FILES)


@pytest.fixture(scope="module")
def up(shop: Path, make_skytier: Callable[[], Skytier]) -> Iterator[Skytier]:
    skytier = make_skytier()
    port = str(free_port())
    skytier.run("up", "--port", port, "--workers", "1", "--no-monitor", cwd=shop)
    yield skytier
    skytier.run("down", "--purge", "--yes", cwd=shop)


def url(up: Skytier) -> str:
    return (up.home / "secrets" / DATABASE_URL).read_text().strip()


def login(up: Skytier) -> Login:
    return Login.read((up.home / "secrets" / "postgresql_password").read_text())


def psql(up: Skytier, shop: Path, statement: str) -> str:
    return up.run("psql", "--", "-qAtc", statement, cwd=shop).strip()


def asked(url: str, up: Skytier, statement: str = "SELECT 1") -> str:
    """What the database says to who has a URL. Raises PsqlError."""
    home = Home(up.home)
    program = LocalStack(home).postgresql.psql(options.load(home))
    with patch.dict(os.environ, SKYTIER_PSQL=str(program)):
        return connecting.run(url, statement)


def assert_refused(url: str, up: Skytier) -> None:
    with pytest.raises(connecting.PsqlError, match=r"password|not permitted to log in"):
        asked(url, up)


@contextmanager
def visitors(url: str) -> Iterator[Counter[str]]:
    """One who reads and one who writes, again and again, for the time of a block."""
    answers: Counter[str] = Counter()
    ended = threading.Event()

    def visit(method: str) -> None:
        while not ended.is_set():
            try:
                answer = httpx.request(method, url, timeout=60)
            except httpx.HTTPError as error:
                answers[repr(error)] += 1
            else:
                answers[f"{answer.status_code} {answer.text}"] += 1

    threads = [threading.Thread(target=visit, args=[each]) for each in ("GET", "POST")]
    for each in threads:
        each.start()
    try:
        yield answers
    finally:
        ended.set()
        for each in threads:
            each.join()


def test_no_request_fails_and_the_old_password_logs_in_no_more(up: Skytier, shop: Path) -> None:
    serving = up.pids()
    first, first_url = login(up), url(up)
    with visitors(up.url()) as answers:
        said = up.run(*ROTATE, cwd=shop)
        second, second_url = login(up), url(up)
        said += up.run(*ROTATE, cwd=shop)
    assert set(answers) == {"200 True"}, answers
    assert [first.role, second.role, login(up).role] == ["skytier", "skytier_2", "skytier"]
    assert len({first.password, second.password, login(up).password}) == 3
    assert_refused(first_url, up)
    assert_refused(second_url, up)
    asked(url(up), up)
    assert "Nothing to do" in up.run("up", cwd=shop)
    assert up.pids()["postgresql"] == serving["postgresql"], "the database was not restarted"
    assert all(up.pids()[each] != serving[each] for each in ("application", "processes"))

    for password in (first.password, second.password, login(up).password):
        assert password not in said
        lines = command_lines_of(up.home)
        assert not [line for line in lines if password in line]
        logs = [path.read_text(errors="replace") for path in (up.home / "logs").iterdir()]
        assert not [log for log in logs if password in log]


def test_what_is_made_with_either_login_is_the_owner_s(up: Skytier, shop: Path) -> None:
    for number in range(2):
        up.run(*ROTATE, cwd=shop)
        assert psql(up, shop, "SELECT session_user, current_user") == f"{login(up).role}|skytier"
        psql(up, shop, f"CREATE TABLE made_{number} (id int)")
        if login(up).role == "skytier_2":
            # What drivers do with a connection that they give to somebody else.
            asked(url(up), up, "DISCARD ALL; CREATE TABLE made_aside (id int)")
    owners = "SELECT DISTINCT tableowner FROM pg_tables WHERE schemaname = 'public'"
    assert psql(up, shop, owners) == "skytier"
    assert psql(up, shop, "SELECT count(*) FROM made_0, made_1, made_aside") == "0"


def test_what_blocks_a_migration_is_seen_with_either_login(up: Skytier, shop: Path) -> None:
    if login(up).role == "skytier":
        up.run(*ROTATE, cwd=shop)
    sleeps = "pg_stat_activity WHERE query ~ '^SELECT pg_sl'"
    hidden = "pg_stat_activity WHERE query = '<insufficient privilege>' AND usename = session_user"
    with up.start("psql", "--", "-Atc", "SELECT pg_sleep(600)", cwd=shop) as other:
        seen = f"SET ROLE NONE; SELECT count(*) FROM {sleeps}"
        assert until(lambda: asked(url(up), up, seen) == "1", 60)
        assert asked(url(up), up, f"SET ROLE NONE; SELECT count(*) FROM {hidden}") == "0"
        assert asked(url(up), up, f"SELECT count(*) FROM {hidden}") != "0"
        asked(url(up), up, f"SET ROLE NONE; SELECT pg_terminate_backend(pid) FROM {sleeps}")
        other.communicate(timeout=300)


class CutError(Exception):
    """The run ends here."""


class Cut(HomeLogin):
    """A place where a run ends before a step, or after it."""

    def __init__(self, stack: LocalStack, step: str, *, after: bool) -> None:
        super().__init__(stack.postgresql, stack)
        done = getattr(self, step)

        def cut(*given: str) -> None:
            if after:
                done(*given)
            raise CutError

        setattr(self, step, cut)


@pytest.mark.parametrize("step", ["keep_aside", "take_over"])
@pytest.mark.parametrize("after", [False, True])
def test_a_run_that_was_cut_short_locks_nobody_out_and_the_next_one_finishes(
    up: Skytier, shop: Path, step: str, *, after: bool
) -> None:
    before = url(up)
    with visitors(up.url()) as answers:
        with pytest.raises(CutError):
            rotation.begin(Cut(LocalStack(Home(up.home)), step, after=after))
        asked(before, up)
        up.run("up", cwd=shop)
        asked(url(up), up)
        said = up.run(*ROTATE, cwd=shop)
    assert set(answers) == {"200 True"}, answers
    assert ("was interrupted" in said) == (after and step == "take_over")
    assert_refused(before, up)
    assert url(up) != before
    assert not (up.home / "secrets" / "postgresql_password_next").exists()


def test_a_run_that_is_killed_at_any_moment_is_finished_by_the_next(
    up: Skytier, shop: Path
) -> None:
    before = url(up)
    with visitors(up.url()) as answers:
        for _ in range(3):
            with up.start(*ROTATE, cwd=shop) as command:
                time.sleep(random.uniform(0.5, 6))
                command.kill()
                command.communicate()
        up.run(*ROTATE, cwd=shop)
    assert set(answers) == {"200 True"}, answers
    assert_refused(before, up)
    asked(url(up), up)
    assert "Nothing to do" in up.run("up", cwd=shop)


def test_processes_whose_start_was_cut_short_are_started_though_they_have_ended(
    up: Skytier, shop: Path
) -> None:
    path = up.home / "run" / "processes.json"
    record = json.loads(path.read_text())
    supervisor = psutil.Process(record["pid"])
    supervisor.kill()
    psutil.wait_procs([supervisor])
    path.write_text(json.dumps({**record, "marks": {}}))
    before = url(up)

    up.run(*ROTATE, cwd=shop)

    assert_refused(before, up)
    assert "Nothing to do" in up.run("up", cwd=shop)


def test_two_at_once_take_turns_or_one_is_refused(up: Skytier, shop: Path) -> None:
    before = url(up)
    with up.start(*ROTATE, cwd=shop) as one, up.start(*ROTATE, cwd=shop) as other:
        said = [each.communicate(timeout=600)[0] for each in (one, other)]
    assert 0 in (one.returncode, other.returncode), said
    assert_refused(before, up)
    asked(url(up), up)
    assert "Nothing to do" in up.run("up", cwd=shop)


def test_what_cannot_be_rotated_is_refused_before_anything_changes(
    up: Skytier, shop: Path, fresh: Skytier, tmp_path: Path
) -> None:
    assert "--now is for DATABASE_URL only" in up.ends_with(
        1, "secret", "rotate", "KEY", "--now", cwd=shop
    )
    before = login(up)
    up.run("down", cwd=shop)
    assert "Bring it up first: " in up.ends_with(1, *ROTATE, cwd=shop)
    assert login(up) == before
    elsewhere = ("--postgres", f"postgresql://me:x@127.0.0.1:{free_port()}/app")
    fresh.ends_with(1, "up", "--port", str(free_port()), *elsewhere, cwd=tmp_path)
    assert "runs elsewhere" in fresh.ends_with(1, *ROTATE, cwd=tmp_path)


def test_on_a_cloud_what_is_to_be_changed_is_brought_up_first() -> None:
    web = Key("configuration", "shop-web-1")
    kept = Step(Action.KEEP, web, "it is as wanted")
    on_cloud.check([kept, Step(Action.CHANGE, Key("release", "shop-web-1"), "release changed")])
    with pytest.raises(SkytierError, match=r"change configuration shop-web-1 \(x changed\)"):
        on_cloud.check([kept, Step(Action.CHANGE, web, "x changed")])
