"""The operator's secret variables as data: what is refused, and what a process gets."""

import base64
import json
import os
import string
from pathlib import Path
from types import SimpleNamespace
from typing import cast

import pytest

from skytier.deploy.kind import Found, Key, Known
from skytier.deploy.plan import Action, Step
from skytier.errors import SkytierError
from skytier.openstack.commands.secret import CloudVariables
from skytier.openstack.machines import variables as on_cloud
from skytier.openstack.machines.access import Access
from skytier.openstack.machines.operator import OperatorFiles
from skytier.openstack.resources.server import Server
from skytier.openstack.stack import CloudStack
from skytier.secrets.variables import LARGEST, Summary, Variables
from skytier.stackfile import StackFile
from skytier_runtime import launch, variables

STORE = Key("server", "shop-database-1")


STACK = StackFile(name="shop")


def made(**values: bytes) -> Variables:
    found = Variables()
    for name, value in values.items():
        found = found.with_value(name, value)
    return found


@pytest.mark.parametrize(
    ("name", "value", "said"),
    [
        ("A-B", b"x", "not the name of an environment variable"),
        ("1A", b"x", "not the name"),
        ("", b"x", "not the name"),
        ("A" * 101, b"x", "not the name"),
        ("PORT", b"x", "Skytier sets the variable PORT"),
        ("SKYTIER_RELEASE", b"x", "Skytier sets"),
        ("PATH", b"x", "Skytier sets"),
        ("KEY", b"a\0b", "NUL"),
        ("KEY", b"x" * 100_001, "100,001 bytes"),
    ],
)
def test_what_no_process_can_get_is_refused(name: str, value: bytes, said: str) -> None:
    with pytest.raises(SkytierError, match=said):
        Variables().with_value(name, value)


def test_all_together_have_a_limit() -> None:
    five = made(**{f"KEY_{number}": b"x" * LARGEST for number in range(5)})
    with pytest.raises(SkytierError, match="500,001 bytes"):
        five.with_value("MORE", b"x")
    many = made(**{f"KEY_{number}": b"" for number in range(100)})
    with pytest.raises(SkytierError, match="100 secrets"):
        many.with_value("MORE", b"")


def test_what_is_kept_is_read_as_it_was() -> None:
    every = bytes(range(1, 256))
    kept = made(EVERY=every, EMPTY=b"").generated("JWT")
    assert "xff" not in repr(kept), "no value is shown by chance"
    assert kept.text.isascii()
    assert Variables.read(kept.text) == kept
    assert Variables.read(None).all == {}
    assert json.loads(kept.for_release())["EVERY"] == base64.b64encode(every).decode()
    for damaged in ("{", "[]", '{"key": "x", "variables": {"A": {}}}'):
        with pytest.raises(SkytierError, match="damaged"):
            Variables.read(damaged)


def test_a_set_has_one_fingerprint_that_only_its_key_leads_to() -> None:
    one = made(KEY=b"1")
    changed = one.with_value("KEY", b"2")
    assert one.summary.names == ("KEY",)
    assert changed.summary.fingerprint != one.summary.fingerprint
    assert changed.with_value("KEY", b"1").summary == one.summary, "what it was is the same again"
    assert made(KEY=b"1").summary.fingerprint != one.summary.fingerprint, "another key"
    assert made(KEY=b"1").hash("KEY") != one.hash("KEY")
    assert one.without("KEY").summary == Summary()
    assert one.with_value("KEY", b"1") is one


def test_a_random_one_is_made_once_and_rotated_only_if_it_was_made() -> None:
    one = Variables().generated("JWT")
    value = one.all["JWT"].value.decode()
    assert len(value) == 64
    assert set(value) <= {*string.ascii_letters, *string.digits, *"-_"}
    with pytest.raises(SkytierError, match="set already"):
        one.generated("JWT")
    assert one.rotated("JWT").all["JWT"].value != one.all["JWT"].value
    with pytest.raises(SkytierError, match="set by you"):
        made(KEY=b"x").rotated("KEY")
    for change in (one.rotated, one.without):
        with pytest.raises(SkytierError, match="no secret NONE"):
            change("NONE")


@pytest.mark.parametrize("count", [0, 1, 3, 100])
def test_the_metadata_of_a_server_names_a_set_without_its_values(count: int) -> None:
    summary = made(**{f"{'LONG_NAME_' * 4}{n}": b"hidden" for n in range(count)}).summary
    metadata = on_cloud.metadata(summary)
    assert all(len(text) <= 255 for each in metadata.items() for text in each)
    assert "hidden" not in str(metadata)
    # Lists of a larger set before are still there: Nova only adds.
    before = on_cloud.metadata(made(**{f"OLD_{n}" * 5: b"" for n in range(100)}).summary)
    server = Found(STORE, "id", {}, {"metadata": {**before, **metadata}})
    assert on_cloud.noted(server) == summary


def test_a_plan_knows_the_set_before_there_is_a_machine_and_afterwards(tmp_path: Path) -> None:
    operator = OperatorFiles(tmp_path / "shop")
    server = Found(STORE, "id", {}, {"metadata": {}})
    assert on_cloud.summary([], STACK, operator) == Summary()
    here, there = made(HERE=b"1"), made(THERE=b"1")
    operator.keep_variables(here.text)
    assert operator.variables.stat().st_mode & 0o777 == 0o600
    assert on_cloud.summary([server], STACK, operator) == here.summary
    server.facts["metadata"].update(on_cloud.metadata(there.summary))
    assert on_cloud.summary([server], STACK, operator) == there.summary
    released = made(COPY=b"1")
    web = Found(Key("server", "shop-web-1"), "id", {}, {"metadata": {}})
    assert on_cloud.summary([web, server], STACK, operator) == there.summary
    web.facts["metadata"].update(on_cloud.metadata(released.summary))
    assert on_cloud.summary([web, server], STACK, operator) == there.summary
    assert on_cloud.summary([web], STACK, operator) == here.summary
    operator.forget_variables()
    assert on_cloud.summary([web], STACK, operator) == released.summary, "the store is lost"
    server.facts["metadata"].update(on_cloud.metadata(Summary()))
    assert on_cloud.summary([web, server], STACK, operator) == Summary(), "all were removed"


def described(**values: object) -> dict[str, object]:
    return {"env": {}, "paths": ["app"], "secrets": "environment", **values}


def test_a_process_gets_each_byte_as_it_was_given(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    every = bytes(range(1, 256))
    (tmp_path / "skytier_variables").write_text(made(EVERY=every, EMPTY=b"").for_release())
    monkeypatch.setenv("CREDENTIALS_DIRECTORY", str(tmp_path))
    monkeypatch.delenv("SKYTIER_SECRETS_DIR", raising=False)
    found = launch.environment(described())
    monkeypatch.setenv("EVERY", found["EVERY"])
    assert os.environb[b"EVERY"] == every
    assert found["EMPTY"] == ""


def test_they_are_files_where_the_application_wants_files(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    credentials, files = tmp_path / "credentials", tmp_path / "files"
    credentials.mkdir()
    (credentials / "skytier_database_url").write_text("postgresql://a\n")
    (credentials / "skytier_variables").write_text(made(EVERY=b"\xff\n").for_release())
    monkeypatch.setenv("CREDENTIALS_DIRECTORY", str(credentials))
    monkeypatch.setenv("SKYTIER_FILES_DIR", str(files))
    monkeypatch.delenv("SKYTIER_SECRETS_DIR", raising=False)
    for _ in range(2):
        found = launch.environment(described(secrets="files"))
    assert "EVERY" not in found
    directory = Path(found["CREDENTIALS_DIRECTORY"])
    assert sorted(path.name for path in directory.iterdir()) == ["EVERY", "skytier_database_url"]
    assert (directory / "EVERY").read_bytes() == b"\xff\n"
    assert (directory / "EVERY").stat().st_mode & 0o777 == 0o600
    assert (directory / "skytier_database_url").read_text() == "postgresql://a\n"


def test_without_any_nothing_changes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "skytier_variables").write_text("{}\n")
    assert variables.read(Path("/nowhere"), tmp_path) == {}
    assert variables.read(Path("/nowhere"), None) == {}
    monkeypatch.setenv("CREDENTIALS_DIRECTORY", str(tmp_path))
    monkeypatch.setenv("SKYTIER_FILES_DIR", str(tmp_path / "files"))
    assert "CREDENTIALS_DIRECTORY" not in launch.environment(described(secrets="files"))


def test_a_file_of_a_release_that_is_broken_ends_the_process(tmp_path: Path) -> None:
    (tmp_path / "variables.json").write_text("{")
    with pytest.raises(SystemExit, match="cannot be read"):
        variables.read(tmp_path, None)


class NoServers:
    """A kind of which a cloud has nothing."""

    name = "server"

    def find(self) -> list[Found]:
        return []


def test_before_the_first_up_they_are_with_the_operator(tmp_path: Path) -> None:
    operator = OperatorFiles(tmp_path / "shop")
    stack = SimpleNamespace(
        stack=StackFile(name="shop"), operator=operator, kinds={"server": NoServers()}
    )
    store = CloudVariables(cast(CloudStack, stack))
    assert store.change(lambda there: there.with_value("KEY", b"1"))
    assert str(operator.variables) in store.note
    assert "skytier up" in store.note
    assert not store.change(lambda there: there.with_value("KEY", b"1"))
    assert store.read().all["KEY"].value == b"1"
    assert on_cloud.summary([], STACK, operator) == store.read().summary


def test_they_are_copied_before_the_machine_that_has_them_is_replaced(tmp_path: Path) -> None:
    operator = OperatorFiles(tmp_path / "shop")
    there = made(KEY=b"1")
    server = Found(STORE, "id", {}, {"metadata": on_cloud.metadata(there.summary)})
    files = {"application_variables": there.text}

    class Machine:
        name = STORE.name

        def run(self, script: str, stdin: bytes | None = None) -> str:
            if not files:
                raise SkytierError("It is away.", "Start it.")
            encoded = base64.b64encode(files["application_variables"].encode()).decode()
            return f"application_variables {encoded}\n"

    access = SimpleNamespace(open=lambda *_: Machine())
    kept = on_cloud.KeptVariables(STACK, operator, cast(Access, access), cast(Server, None))
    known = Known({STORE: server})
    for action in (Action.KEEP, Action.CHANGE):
        kept.save([Step(action, STORE, "")], known)
        assert not operator.variables.exists()
    kept.save([Step(Action.REPLACE, STORE, "")], known)
    assert on_cloud.kept_by(operator) == there
    files.clear()
    with pytest.raises(SkytierError, match="about to be replaced"):
        kept.save([Step(Action.REPLACE, STORE, "")], known)
    web = Found(Key("server", "shop-web-1"), "id", {}, server.facts)
    kept.save([Step(Action.REPLACE, STORE, "")], Known({STORE: server, web.key: web}))
    empty = Found(STORE, "id", {}, {"metadata": {}})
    kept.save([Step(Action.REPLACE, STORE, "")], Known({STORE: empty}))
