"""An application of the operator's own on this machine: built, served, released anew, and run."""

import base64
import json
import os
import random
import shutil
import signal
import socket
import struct
import subprocess
import sys
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from pathlib import Path
from textwrap import dedent

import httpx
import psutil
import pytest

from skytier.local.home import Home
from skytier.local.monitor import ports, token
from skytier.local.monitor.processes import METRICS
from skytier.local.slots import Slots
from skytier.poll import until
from tests.project.trees import write_dedented
from tests.skytier_command import Skytier, free_port, processes_of

# What Nginx, a shell, systemd and an .env file would each change.
HARD = "a b\n$HOME \"q\" 'q' 100%n \\ # é\t€"

WSGI = {
    "requirements.txt": "flask==3.1.3\npsycopg[binary]==3.3.6\n",
    "shop/__init__.py": """\
        import os, time
        from flask import Flask, request

        def create_app():
            app = Flask(__name__)

            @app.get("/")
            def home():
                return "version 1"

            @app.get("/healthz")
            def health():
                return "ready" if request.host else "no host", 200

            @app.post("/slow")
            def slow():
                time.sleep(1.5)
                return str(len(request.get_data()))

            @app.post("/length")
            def length():
                return str(len(request.get_data()))

            @app.get("/about")
            def about():
                names = ("DATABASE_URL", "SECRET_KEY", "HARD", "WEB_CONCURRENCY", "PYTHONPATH")
                return {name: os.environ.get(name) for name in names} | {
                    "scheme": request.scheme,
                    "address": request.remote_addr,
                    "directory": os.getcwd(),
                }

            return app
        """,
    "migrate.py": """\
        import os, pathlib, psycopg
        with psycopg.connect(os.environ["DATABASE_URL"], autocommit=True) as connection:
            for path in sorted(pathlib.Path("sql").glob("*.sql")):
                connection.execute(path.read_text())
                print("applied", path.name)
        print(os.environ["DATABASE_URL"].partition("?")[0].rpartition("/")[2])
        """,
    "static/site.55e7cbb9ba48.css": "body {}\n",
    "static/plain.css": "p {}\n",
    ".env": "SECRET=1\n",
    "skytier.toml": f"""\
        [application]
        serve = "shop:create_app"
        migrate = "python migrate.py"
        static = {{"/assets/" = "static"}}
        health = "/healthz"
        request_mib = 3
        migrate_lock_s = 1

        [application.env]
        HARD = {json.dumps(HARD, ensure_ascii=False)}
        """,
}
ASGI = {
    "pyproject.toml": """\
        [project]
        name = "echo"
        version = "1.2"
        dependencies = ["starlette==1.7.0", "websockets"]
        """,
    "src/echo/__init__.py": "",
    "src/echo/main.py": """\
        import asyncio
        from starlette.applications import Starlette
        from starlette.responses import PlainTextResponse, StreamingResponse
        from starlette.routing import Route, WebSocketRoute

        async def talk(socket):
            await socket.accept()
            await socket.send_text(socket.url.scheme)
            await socket.close()

        async def stay(socket):
            await socket.accept()
            await socket.send_text("here")
            await socket.receive_text()

        async def ticks():
            while True:
                yield "tick "
                await asyncio.sleep(0.1)

        async def stream(request):
            return StreamingResponse(ticks())

        async def hello(request):
            return PlainTextResponse(request.path_params["name"] + " by " + request.url.scheme)

        app = Starlette(
            routes=[
                Route("/hello/{name}", hello),
                Route("/stream", stream),
                WebSocketRoute("/talk", talk),
                WebSocketRoute("/stay", stay),
            ]
        )
        """,
    "skytier.toml": '[application]\nserve = "echo.main:app"\nhealth = "/hello/x"\n',
}


@contextmanager
def websocket(url: str, path: str) -> Iterator[Callable[[], tuple[int, bytes]]]:
    """Gives a function that waits for the next frame: its opcode, and what is in it."""
    host, _, port = url.removeprefix("http://").partition(":")
    key = base64.b64encode(b"0123456789abcdef").decode()
    headers = (
        *(f"GET {path} HTTP/1.1", f"Host: {host}", "Connection: Upgrade", "Upgrade: websocket"),
        *("Sec-WebSocket-Version: 13", f"Sec-WebSocket-Key: {key}", "", ""),
    )
    with socket.create_connection((host, int(port)), timeout=120) as client:
        client.sendall("\r\n".join(headers).encode())
        with client.makefile("rb") as answer:
            assert answer.readline() == b"HTTP/1.1 101 Switching Protocols\r\n"
            while answer.readline().strip():
                pass

            def frame() -> tuple[int, bytes]:
                first, length = answer.read(2)
                return first & 0x0F, answer.read(length)

            yield frame


TEXT, CLOSE, SERVICE_RESTART = 1, 8, 1012


@pytest.fixture(scope="module")
def shop(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_dedented(tmp_path_factory.mktemp("shop"), WSGI)


@pytest.fixture(scope="module")
def up(shop: Path, make_skytier: Callable[[], Skytier]) -> Iterator[Skytier]:
    skytier = make_skytier()
    port = str(free_port())
    skytier.run("up", "--port", port, "--workers", "1", "--no-monitor", cwd=shop)
    yield skytier
    skytier.run("down", "--purge", "--yes", cwd=shop)


def test_a_factory_of_wsgi_answers_behind_nginx(up: Skytier) -> None:
    answer = httpx.get(up.url())
    assert (answer.status_code, answer.text) == (200, "version 1")


def test_its_variables_arrive_as_they_were_written(up: Skytier) -> None:
    about = httpx.get(f"{up.url()}/about").json()
    assert about["HARD"] == HARD
    assert about["DATABASE_URL"].startswith("postgresql://skytier:")
    assert len(about["SECRET_KEY"]) >= 50
    assert about["WEB_CONCURRENCY"] == "1"
    assert (about["scheme"], about["address"]) == ("http", "127.0.0.1")
    assert about["directory"].endswith("/app")


def test_a_body_may_be_as_large_as_the_stack_file_says(up: Skytier) -> None:
    for mib, status in ((2, 200), (4, 413)):
        answer = httpx.post(f"{up.url()}/length", content=b"x" * (mib * 2**20))
        assert answer.status_code == status
    assert "3 MiB" in answer.text


def test_more_slow_bodies_than_threads_hold_up_nobody(up: Skytier) -> None:
    """One process with four threads, and bodies that stop half-way."""
    host, port = up.url().removeprefix("http://").split(":")
    head = f"POST /length HTTP/1.1\r\nHost: {host}\r\nContent-Length: 10\r\n\r\n12345"
    with ExitStack() as stack:
        slow = [
            stack.enter_context(socket.create_connection((host, int(port)), timeout=120))
            for _ in range(8)
        ]
        for client in slow:
            client.sendall(head.encode())
        answer = httpx.get(up.url(), timeout=120)
        assert (answer.status_code, answer.text) == (200, "version 1")
        for client in slow:
            client.sendall(b"67890")
        answers = [_answer(client, b"10") for client in slow]
    assert {each.split(b"\r\n", 1)[0] for each in answers} == {b"HTTP/1.1 200 OK"}


def test_only_a_static_file_with_a_hash_in_its_name_is_kept_for_ever(up: Skytier) -> None:
    hashed = httpx.get(f"{up.url()}/assets/site.55e7cbb9ba48.css")
    plain = httpx.get(f"{up.url()}/assets/plain.css")
    missing = httpx.get(f"{up.url()}/assets/missing.0123456789ab.css")
    assert "immutable" in hashed.headers["Cache-Control"]
    assert plain.headers["Cache-Control"] == "no-cache"
    assert missing.status_code == 404
    assert missing.headers["Cache-Control"] == "no-store"


def test_what_is_private_does_not_travel(up: Skytier, shop: Path) -> None:
    released = {path.name for path in (up.home / "current" / "app").iterdir()}
    assert {"shop", "migrate.py", "static", "requirements.txt"} <= released
    assert not released & {".env", "skytier.toml"}


def test_a_command_runs_with_the_code_and_the_variables_of_the_application(
    up: Skytier, shop: Path
) -> None:
    program = "import os, shop, flask; print(os.environ['HARD'])"
    assert up.run("run", "--", "python", "-c", program, cwd=shop) == f"{HARD}\n"
    assert "Usage: flask" in up.run("run", "--", "flask", "--help", cwd=shop)
    up.ends_with(3, "run", "--", "python", "-c", "raise SystemExit(3)", cwd=shop)


def test_another_release_takes_its_place_and_a_second_run_changes_nothing(
    up: Skytier, shop: Path
) -> None:
    assert "Nothing to do" in up.run("up", cwd=shop)
    before = up.pid("application")
    (up.home / "releases" / ".new-cut-short").mkdir()
    code = shop / "shop" / "__init__.py"
    text = code.read_text()
    code.write_text(text.replace("version 1", "version 2"))
    (shop / "static" / "plain.css").write_text("p {color: red}\n")
    try:
        up.run("up", cwd=shop)
        assert httpx.get(up.url()).text == "version 2"
        assert up.pid("application") != before
        assert "red" in httpx.get(f"{up.url()}/assets/plain.css").text
    finally:
        code.write_text(text)
        (shop / "static" / "plain.css").write_text("p {}\n")
        up.run("up", cwd=shop)
    assert httpx.get(up.url()).text == "version 1"


def test_releases_and_rollbacks_fail_no_request(up: Skytier, shop: Path) -> None:
    code = shop / "shop" / "__init__.py"
    text = code.read_text()
    with visitors(up.url()) as answers:
        for number in (2, 3):
            code.write_text(text.replace("version 1", f"version {number}"))
            up.run("release", cwd=shop)
            assert httpx.get(up.url()).text == f"version {number}"
        assert "It stays until skytier release." in up.run("rollback", cwd=shop)
        assert httpx.get(up.url()).text == "version 2"
        assert "Nothing to do" in up.run("up", cwd=shop)
        up.run("rollback", cwd=shop)
        assert httpx.get(up.url()).text == "version 1"
        told = json.loads(up.run("releases", "--json", cwd=shop))
        assert [each["state"] for each in told[-2:]] == ["rolled back", "rolled back"]
        up.run("rollback", str(told[-1]["number"]), cwd=shop)
        assert httpx.get(up.url()).text == "version 3"
        code.write_text(text)
        up.run("release", cwd=shop)
    assert httpx.get(up.url()).text == "version 1"
    assert set(answers) == {"200 version 1", "200 version 2", "200 version 3", "200 5"}


def test_requests_that_wait_for_a_busy_process_are_answered_during_a_release(
    up: Skytier, shop: Path
) -> None:
    """One process, more requests than it takes at a time, and its end is near."""
    code = shop / "shop" / "__init__.py"
    text = code.read_text()
    number = 80

    def ask(_: int) -> str:
        try:
            answer = httpx.post(f"{up.url()}/slow", content=b"12345", timeout=300)
        except httpx.HTTPError as error:
            return repr(error)
        return f"{answer.status_code} {answer.text}"

    with ThreadPoolExecutor(number) as pool:
        asked = [pool.submit(ask, each) for each in range(number)]
        code.write_text(text.replace("version 1", "version 8"))
        up.run("release", cwd=shop)
        assert httpx.get(up.url()).text == "version 8"
        assert Counter(each.result() for each in asked) == {"200 5": number}
    code.write_text(text)
    up.run("release", cwd=shop)


def test_a_rollback_says_which_migrations_the_older_code_does_not_know(
    up: Skytier, shop: Path
) -> None:
    migration = shop / "shop" / "migrations" / "0002_more.py"
    migration.parent.mkdir()
    migration.write_text("")
    up.run("release", cwd=shop)
    shutil.rmtree(migration.parent)
    assert "shop/migrations/0002_more.py" in up.run("rollback", cwd=shop)
    up.run("release", cwd=shop)


def test_a_migration_that_waits_for_a_lock_gives_up_and_says_what_holds_it(
    up: Skytier, shop: Path
) -> None:
    migrations = shop / "sql"
    migrations.mkdir()
    (migrations / "1.sql").write_text("CREATE TABLE IF NOT EXISTS visits (id int)")
    up.run("release", cwd=shop)
    (migrations / "2.sql").write_text("CREATE TABLE IF NOT EXISTS more (id int)")
    (migrations / "3.sql").write_text("ALTER TABLE visits ADD COLUMN IF NOT EXISTS at int")
    program = """
        import os, psycopg, sys, time
        with psycopg.connect(os.environ["DATABASE_URL"]) as connection:
            connection.execute("SELECT count(*) FROM visits")
            print("held", flush=True)
            time.sleep(90)
        """
    holder = subprocess.Popen(
        [up.home / "current" / "skytier-app", "run", "python", "-c", dedent(program)],
        env={
            **os.environ,
            "SKYTIER_PYTHON": sys.executable,
            "SKYTIER_SECRETS_DIR": str(up.home / "secrets"),
        },
        stdout=subprocess.PIPE,
        text=True,
    )
    try:
        assert holder.stdout
        assert holder.stdout.readline() == "held\n"
        told = up.ends_with(1, "release", cwd=shop)
        assert "A lock was not free within 1 s (attempt 4 of 4)" in told
        assert "idle in transaction" in told
        assert "SELECT count(*) FROM visits" in told
        assert "applied 2.sql" in told, "what was done is not said"
        assert httpx.get(up.url()).text == "version 1"
        assert json.loads(up.run("releases", "--json", cwd=shop))[-1]["state"] == "failed"
    finally:
        holder.kill()
        holder.wait()
    up.run("release", cwd=shop)
    shutil.rmtree(migrations)
    up.run("release", cwd=shop)


@pytest.mark.parametrize(("name", "said"), [("999", "There is no release 999"), ("x", "release x")])
def test_a_rollback_to_what_is_not_there_changes_nothing(
    up: Skytier, shop: Path, name: str, said: str
) -> None:
    before = up.pid("application")
    assert said in up.ends_with(1, "rollback", name, cwd=shop)
    assert up.pid("application") == before


def test_a_switch_that_was_cut_short_leaves_one_process(up: Skytier, shop: Path) -> None:
    """Killed at any moment, and surely before anything leads to the next one."""
    slots = Slots(Home(up.home))

    def others() -> set[int | None]:
        return {each.daemon.state().pid for each in slots.others} - {None}

    code = shop / "shop" / "__init__.py"
    text = code.read_text()
    try:
        with visitors(up.url()) as answers:
            for version in range(4):
                code.write_text(text.replace("version 1", f"version 1{version}"))
                with up.start("release", cwd=shop) as popen:
                    time.sleep(random.uniform(0.2, 2.5))
                    popen.kill()
            code.write_text(text)
            up.run("release", cwd=shop)
        assert {each.partition(" ")[0] for each in answers} == {"200"}, answers
        serving, before = slots.serving.daemon.state().pid, others()
        code.write_text("import time; time.sleep(8)\n" + text)
        with up.start("release", cwd=shop) as popen:
            assert until(lambda: others() - before, 180)
            popen.kill()
        assert httpx.get(up.url()).text == "version 1"
        assert slots.serving.daemon.state().pid == serving
    finally:
        code.write_text(text)
    code.write_text(text.replace("version 1", "version 4"))
    up.run("release", cwd=shop)
    assert httpx.get(up.url()).text == "version 4"
    assert until(lambda: not others(), 180)
    code.write_text(text)
    up.run("release", cwd=shop)


def test_hooks_run_once_for_a_release_and_a_failing_one_changes_nothing(
    up: Skytier, shop: Path
) -> None:
    code, file = shop / "shop" / "__init__.py", shop / "skytier.toml"
    text, section = code.read_text(), file.read_text()
    hooks = """
        before_release = "echo before $SKYTIER_RELEASE >>../hooks; test ! -e ../refuse"
        after_release = "echo after $SKYTIER_RELEASE $SKYTIER_STACK >>../hooks"
        """
    file.write_text(section.replace("request_mib", f"{dedent(hooks).strip()}\nrequest_mib"))
    said = shop.parent / "hooks"
    try:
        code.write_text(text.replace("version 1", "version 5"))
        up.run("release", cwd=shop)
        up.run("up", cwd=shop)
        (before, release), (after, same, stack) = map(str.split, said.read_text().splitlines())
        assert (before, after, stack) == ("before", "after", "local")
        assert release == same
        (shop.parent / "refuse").touch()
        code.write_text(text.replace("version 1", "version 6"))
        told = up.ends_with(1, "release", cwd=shop)
        assert "The hook before the release ended with 1" in told
        assert "Nothing was changed." in told
        assert httpx.get(up.url()).text == "version 5"
        said.unlink()
        up.run("rollback", cwd=shop)
        assert not said.exists()
    finally:
        code.write_text(text)
        file.write_text(section)
    up.run("release", cwd=shop)


@contextmanager
def visitors(url: str) -> Iterator[Counter[str]]:
    """The answers that visitors get meanwhile: to GET on a kept connection, and to POST."""
    answers: Counter[str] = Counter()
    ended = threading.Event()

    def ask(method: str, path: str, body: bytes | None) -> None:
        with httpx.Client(base_url=url, timeout=60) as client:
            while not ended.is_set():
                try:
                    answer = client.request(method, path, content=body)
                    said = f"{answer.status_code} {answer.text}"
                except httpx.HTTPError as error:
                    said = repr(error)
                answers[said] += 1
                ended.wait(0.03)

    asked: list[tuple[str, str, bytes | None]] = [("GET", "/", None), ("POST", "/length", b"12345")]
    threads = [threading.Thread(target=ask, args=each) for each in asked]
    for each in threads:
        each.start()
    try:
        yield answers
    finally:
        ended.set()
        for each in threads:
            each.join()


@contextmanager
def serving(shop: Path, serve: str) -> Iterator[None]:
    """Meanwhile the stack file names another object."""
    file = shop / "skytier.toml"
    text = file.read_text()
    file.write_text(text.replace("shop:create_app", serve))
    try:
        yield
    finally:
        file.write_text(text)


@pytest.mark.parametrize(
    ("serve", "said"),
    [
        ("shop.nowhere:app", "the project has no module shop.nowhere"),
        ("shop:application", "has no application"),
        ("flaskk:app", "neither the project nor its packages have a module flaskk"),
    ],
)
def test_what_is_not_there_is_refused_before_anything_is_changed(
    up: Skytier, shop: Path, serve: str, said: str
) -> None:
    before, serving_then = processes_of(up.home), up.pids()
    with serving(shop, serve):
        told = up.ends_with(1, "up", cwd=shop)
    assert said in told
    assert serve in told
    assert up.pids() == serving_then
    # The database has a helper now and then; what a release before has left ends by itself.
    assert until(lambda: not [each for each in processes_of(up.home) if each not in before], 120)


@pytest.mark.parametrize(
    ("serve", "said"),
    [
        ("flask:nowhere", "The module flask has no nowhere."),
        ("flask.nowhere:app", "No module named 'flask.nowhere'"),
        ("shop:Flask", "neither an ASGI nor a WSGI application"),
    ],
)
def test_what_cannot_be_served_is_told_by_its_own_words(
    up: Skytier, shop: Path, serve: str, said: str
) -> None:
    try:
        with serving(shop, serve):
            told = up.ends_with(1, "up", cwd=shop)
        assert said in told
        assert "serves." in told
        assert httpx.get(up.url()).text == "version 1"
    finally:
        up.run("up", cwd=shop)


@pytest.mark.parametrize(
    ("section", "said"),
    [
        ('serve = "shop"', "is not a module and an object"),
        ('serve = "shop:app"\nrun = "x"', "is one of two ways to serve"),
        ('health = "/"', "needs application.serve or application.run"),
        ('serve = "a:b"\nhealth = "healthz"', "is not a URL path"),
        ('serve = "a:b"\nstatic = {"/s/" = "../x"}', "not a directory inside the source"),
        ('serve = "a:b"\nstatic = {"static" = "x"}', "not a URL path such as /static/"),
        ('serve = "a:b"\nmigrate = " "', "is not a command"),
        ('serve = "a:b"\nrequest_mib = 0', "too small"),
        ('serve = "nowhere:b"', "neither the project nor its packages have a module nowhere"),
        ('serve = "nowhere.main:b"', "neither the project nor its packages have a module nowhere"),
        ('serve = "a:b"\noutgoing = ["stack", "any"]', "is not an IPv4 network"),
        ('serve = "a:b"\noutgoing = ["example.org"]', "is not an IPv4 network"),
        ('serve = "a:b"\noutgoing = []', "is empty"),
        ('serve = "a:b"\nwritable = ["../x"]', "not a directory inside the source"),
        ('serve = "a:b"\nwritable = ["/var/x"]', "not a directory inside the source"),
        ('serve = "a:b"\nwritable = ["."]', "the source itself"),
        ('serve = "a:b"\nwritable = ["a", "a/b"]', "has a, which is not apart from a/b"),
        (
            'serve = "a:b"\nstatic = {"/s/" = "web"}\nmedia = {"/m/" = "web/m"}',
            "has web/m, which is not apart from web",
        ),
        (
            'serve = "a:b"\nstatic = {"/m/" = "web"}\nmedia = {"/m/" = "m"}',
            "has /m/, which application.static has too",
        ),
        ('serve = "a:b"\nmedia = {"/m/" = "m"}\n[web]\ncount = 2', "needs one web server"),
        ('serve = "a:b"\n[application.env]\nPORT = "1"', "has PORT, which Skytier sets"),
        ('serve = "a:b"\n[application.env]\n"A B" = "1"', "not the name of a variable"),
        ('serve = "a:b"\nsource = "nowhere"', "There is no directory"),
        ('serve = "a:b"\ndependencies = "nowhere.lock"', "nowhere.lock"),
        ('serve = "a:b"\nstatic = {"/s/" = "nowhere"}', "There is no directory nowhere"),
        ('serve = "a:b"\ncollect = "python -c \'raise SystemExit(3)\'"', "could not be collected"),
    ],
)
def test_what_is_wrong_is_said_before_anything_is_changed(
    fresh: Skytier, tmp_path: Path, section: str, said: str
) -> None:
    (tmp_path / "requirements.txt").write_text("")
    (tmp_path / "a.py").write_text("b = None\n")
    (tmp_path / "skytier.toml").write_text(f"[application]\n{section}\n")
    told = fresh.ends_with(1, "up", "--no-monitor", "--port", str(free_port()), cwd=tmp_path)
    assert said in told
    assert processes_of(fresh.home) == []


def test_asgi_of_a_source_directory_is_found_out_and_measured(
    fresh: Skytier, tmp_path: Path
) -> None:
    write_dedented(tmp_path, ASGI)
    said = fresh.run("up", "--port", str(free_port()), "--workers", "2", cwd=tmp_path)
    assert "Versions were chosen for all packages" in said
    assert (tmp_path / "pylock.skytier.toml").is_file()
    said = fresh.run("up", cwd=tmp_path)
    assert "Nothing to do" in said
    assert "Versions" not in said
    for _ in range(5):
        assert httpx.get(f"{fresh.url()}/hello/ada").text == "ada by http"
    with websocket(fresh.url(), "/talk") as frame:
        assert frame() == (TEXT, b"ws")
    home = Home(fresh.home)
    headers = {"Authorization": f"Bearer {token.of(home)}"}
    metrics = httpx.get(f"http://{ports.address(home, METRICS)}/metrics", headers=headers).text
    assert 'skytier_http_requests_total{method="GET",route="/hello/{name}",status="200"}' in metrics
    told = json.loads(fresh.run("status", "--json", cwd=tmp_path))
    assert told["healthy"] is True
    # What is open for ever does not hold up the next release.
    with (
        websocket(fresh.url(), "/stay") as frame,
        httpx.stream("GET", f"{fresh.url()}/stream") as stream,
    ):
        assert frame() == (TEXT, b"here")
        (tmp_path / "src" / "echo" / "more.py").write_text("")
        fresh.run("release", cwd=tmp_path)
        assert frame() == (CLOSE, struct.pack("!H", SERVICE_RESTART))
        assert next(stream.iter_text()).startswith("tick")
    # What comes on a connection that looks idle is answered, also after SIGTERM.
    asked = b"GET /hello/eve HTTP/1.1\r\nHost: localhost\r\n\r\n"
    serving = Slots(home).serving
    with socket.socket(socket.AF_UNIX) as client:
        client.settimeout(120)
        client.connect(str(serving.socket))
        client.sendall(asked)
        assert _answer(client, b"eve by http")
        psutil.Process(fresh.pid("application")).send_signal(signal.SIGTERM)
        # None is lost: the connection stays until an answer says that it closes.
        answer = b""
        while b"connection: close" not in answer.lower():
            client.sendall(asked)
            answer = _answer(client, b"eve by http")
    fresh.run("down", "--purge", "--yes", cwd=tmp_path)


def _answer(client: socket.socket, end: bytes) -> bytes:
    """What comes on a connection, up to its end or to the last bytes of an answer."""
    answer = b""
    while not answer.endswith(end):
        part = client.recv(4096)
        assert part, answer
        answer += part
    return answer
