"""Secrets of an operator's own application on this machine, from the command to the process."""

import base64
import json
from collections.abc import Callable, Iterator
from pathlib import Path

import httpx
import pytest
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from tests.project.trees import write_dedented
from tests.skytier_command import Skytier, command_lines_of, free_port, processes_of

PEM = (
    ec.generate_private_key(ec.SECP256R1())
    .private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    .decode()
)
VALUES = {
    "PEM": PEM.encode(),
    "JSON": json.dumps({"a": ["$HOME", "100%n", 'q"\\']}, indent=2).encode() + b"\r\n",
    "EVERY": bytes(range(1, 256)),
    "LARGE": b"a\n\\$%'\"\xff# " * 10_000,
    "EMPTY": b"",
}
SAID = "import base64, os, sys; print(base64.b64encode(os.environb[sys.argv[1].encode()]).decode())"
FILES = {
    "requirements.txt": "",
    "shop.py": """\
        import base64, hashlib, os

        def application(environ, start_response):
            name = environ["PATH_INFO"].strip("/").encode()
            value = os.environb.get(name)
            directory = os.environ.get("CREDENTIALS_DIRECTORY")
            path = f"{directory}/{name.decode()}"
            if value is None and os.path.isfile(path):
                value = b"file:" + open(path, "rb").read()
            start_response("200 OK", [("Content-Type", "text/plain")])
            return [b"none" if value is None else base64.b64encode(value)]
        """,
    "migrate.py": """\
        import base64, os
        print("migrated", base64.b64encode(os.environb.get(b"EVERY", b"")).decode())
        """,
    "collect.py": """\
        import os, pathlib
        pathlib.Path("static").mkdir()
        pathlib.Path("static/at.txt").write_text(os.environ["LARGE"])
        """,
    "skytier.toml": """\
        [application]
        serve = "shop:application"
        interface = "wsgi"
        migrate = "python migrate.py"
        collect = "python collect.py"
        static = {"/static/" = "static"}
        required_secrets = ["PEM", "LARGE"]
        """,
}


@pytest.fixture(scope="module")
def shop(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_dedented(tmp_path_factory.mktemp("shop"), FILES)


@pytest.fixture(scope="module")
def up(shop: Path, make_skytier: Callable[[], Skytier]) -> Iterator[Skytier]:
    skytier = make_skytier()
    options = ("--port", str(free_port()), "--workers", "1", "--no-monitor")
    told = skytier.ends_with(1, "up", *options, cwd=shop)
    assert "needs secrets that nobody has set: LARGE, PEM" in told
    assert "secret set LARGE\n" in told
    assert processes_of(skytier.home) == []
    values = shop.parent / "values"
    values.mkdir()
    for name, value in VALUES.items():
        (values / name).write_bytes(value)
        file = str(values / name)
        said = skytier.run("secret", "set", name, "--from-file", file, cwd=shop)
        assert said.startswith(f"{name} is set.\n")
        assert " up\n" in said
    assert f"migrated {base64.b64encode(VALUES['EVERY']).decode()}" in skytier.run(
        "up", *options, cwd=shop
    )
    yield skytier
    skytier.run("down", "--purge", "--yes", cwd=shop)


def served(up: Skytier, name: str) -> bytes | None:
    said = httpx.get(f"{up.url()}/{name}").text
    return None if said == "none" else base64.b64decode(said)


@pytest.mark.parametrize("name", VALUES)
def test_every_byte_arrives_alike_where_it_serves_and_in_commands(
    up: Skytier, shop: Path, name: str
) -> None:
    assert served(up, name) == VALUES[name]
    ran = up.run("run", "--", "python", "-c", SAID, name, cwd=shop)
    assert base64.b64decode(ran) == VALUES[name]


def test_the_list_has_names_and_hashes_and_no_value(up: Skytier, shop: Path) -> None:
    listed = json.loads(up.run("secret", "list", "--json", cwd=shop))
    assert [each["name"] for each in listed] == sorted(VALUES)
    assert len({each["hash"] for each in listed}) == len(VALUES)
    assert {len(each["hash"]) for each in listed} == {12}
    shown = up.run("secret", "list", cwd=shop)
    assert all(each["hash"] in shown and each["name"] in shown for each in listed)
    assert "PRIVATE KEY" not in shown + json.dumps(listed)


def test_only_their_owner_can_read_them_and_no_log_has_them(up: Skytier, shop: Path) -> None:
    kept = [*up.home.rglob("variables.json"), up.home / "secrets" / "application_variables"]
    assert len(kept) == 2
    assert {path.stat().st_mode & 0o777 for path in kept} == {0o600}
    word = PEM.splitlines()[1]
    encoded = base64.b64encode(VALUES["PEM"]).decode()[40:80]
    having = [
        path
        for path in up.home.rglob("*")
        if path.is_file() and {word.encode(), encoded.encode()} & {*_words(path, word, encoded)}
    ]
    assert sorted(having) == sorted(kept)
    command_lines = str(command_lines_of(up.home))
    assert word not in command_lines
    assert "placeholder" in httpx.get(f"{up.url()}/static/at.txt").text


def _words(path: Path, *sought: str) -> Iterator[bytes]:
    content = path.read_bytes()
    yield from (word.encode() for word in sought if word.encode() in content)


@pytest.mark.parametrize(
    ("given", "kept"),
    [
        (b"one line\n", b"one line"),
        (b"one line", b"one line"),
        (b"two\nlines\n", b"two\nlines\n"),
        (b"\n\n", b"\n\n"),
        (b"\r\n", b"\r"),
    ],
)
def test_only_the_newline_of_a_single_line_is_left_out(
    up: Skytier, shop: Path, tmp_path: Path, given: bytes, kept: bytes
) -> None:
    (tmp_path / "input").write_bytes(given)
    with (tmp_path / "input").open("rb") as file:
        up.run("secret", "set", "INPUT", cwd=shop, stdin=file)
    text = json.loads((up.home / "secrets" / "application_variables").read_text())
    assert base64.b64decode(text["variables"]["INPUT"]["value"]) == kept
    up.run("secret", "unset", "INPUT", cwd=shop)


def test_a_change_is_a_release_and_what_was_before_is_the_same_again(
    up: Skytier, shop: Path
) -> None:
    assert "Nothing to do" in up.run("up", cwd=shop)
    first = (up.home / "current").readlink()
    up.run("secret", "generate", "JWT", cwd=shop)
    told = up.ends_with(1, "secret", "generate", "JWT", cwd=shop)
    assert "secret rotate JWT" in told
    assert served(up, "JWT") is None, "nothing changes before the release"
    up.run("up", cwd=shop)
    made = served(up, "JWT")
    assert made is not None
    assert len(made) == 64
    second = (up.home / "current").readlink()
    assert second != first
    up.run("secret", "rotate", "JWT", cwd=shop)
    up.run("up", cwd=shop)
    assert served(up, "JWT") not in (None, made)
    up.run("secret", "unset", "JWT", cwd=shop)
    up.run("up", cwd=shop)
    assert served(up, "JWT") is None
    assert (up.home / "current").readlink() == first


def test_they_are_files_if_the_stack_file_says_so(up: Skytier, shop: Path) -> None:
    file = shop / "skytier.toml"
    text = file.read_text()
    file.write_text(f'{text}secrets = "files"\n')
    try:
        up.run("up", cwd=shop)
        assert served(up, "EVERY") == b"file:" + VALUES["EVERY"]
        assert (served(up, "skytier_database_url") or b"").startswith(b"file:postgresql://")
        program = "import os; print(os.path.exists(os.environ['CREDENTIALS_DIRECTORY'] + '/PEM'))"
        assert up.run("run", "--", "python", "-c", program, cwd=shop) == "True\n"
    finally:
        file.write_text(text)
        up.run("up", cwd=shop)
    assert served(up, "EVERY") == VALUES["EVERY"]


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("set", "PORT"), "Skytier sets the variable PORT"),
        (("set", "A-B"), "not the name of an environment variable"),
        (("set", "A", "--from-file", "nowhere"), "nowhere cannot be read: No such file"),
        (("unset", "NONE"), "There is no secret NONE."),
        (("rotate", "PEM"), "was set by you"),
        (("generate", "PEM"), "is set already"),
    ],
)
def test_what_cannot_be_done_is_told(
    up: Skytier, shop: Path, arguments: tuple[str, ...], said: str
) -> None:
    assert said in up.ends_with(1, "secret", *arguments, cwd=shop)


def test_a_variable_of_the_stack_file_and_a_secret_have_different_names(
    up: Skytier, shop: Path
) -> None:
    file = shop / "skytier.toml"
    text = file.read_text()
    file.write_text(f'{text}env.JSON = "x"\n')
    try:
        assert "set by application.env and as a secret" in up.ends_with(1, "up", cwd=shop)
    finally:
        file.write_text(text)


def test_the_sample_application_has_none(fresh: Skytier, tmp_path: Path) -> None:
    said = fresh.ends_with(1, "secret", "set", "KEY", cwd=tmp_path)
    assert "the sample application, which reads none" in said
    assert not fresh.home.exists()


def test_a_project_for_another_python_is_refused_before_anything_runs(
    fresh: Skytier, tmp_path: Path
) -> None:
    project = "[project]\nname = 'shop'\nversion = '1'\nrequires-python = '>=3.99'\n"
    (tmp_path / "pyproject.toml").write_text(project)
    (tmp_path / "skytier.toml").write_text('[application]\nserve = "shop:app"\n')
    said = fresh.ends_with(1, "up", "--no-monitor", "--port", str(free_port()), cwd=tmp_path)
    assert "The project needs Python >=3.99 (pyproject.toml), and Skytier has Python" in said
    assert processes_of(fresh.home) == []
