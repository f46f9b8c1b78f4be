"""A copy of a stack: its stack file, what is refused, and what is asked."""

import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import pytest
import typer

from skytier.backend import Outcome
from skytier.cli import chosen, into
from skytier.cli.dialog import Context
from skytier.cli.on_cloud import up
from skytier.cli.progress import Stages
from skytier.deploy.copy import Original
from skytier.deploy.kind import Found, Key
from skytier.errors import SkytierError
from skytier.openstack.commands import copy
from skytier.openstack.commands.copy import Intended
from skytier.services.pgbackrest import copy as programs
from skytier.services.pgbackrest.target import Target, fixed
from skytier.stackfile import StackFile, parse
from skytier.stackfile.copied import check_copied, copied

from .test_backup import TO_CLOUD, TO_S3

ORIGINAL = """\
# Ours.
name = "shop"  # the shop
cloud = "mycloud"
tls = "acme"
domain = "shop.example.org"
email = "ops@example.org"
floating_ip = "203.0.113.7"

[web]
count = 2  # two

[[web.schedule]]
from = "22:00"
to = "06:00"
count = 1

[application]
serve = "shop:app"
after_release = "./announce.sh"
static = {"/static/" = "static"}

[[application.process]]
name = "worker"
run = "python worker.py"

[[application.job]]
name = "bill"
run = "python bill.py"
at = "daily"

[database]  # the data
members = 1
synchronous = false
volume_gib = 20

[backup]
kind = "object-store"
bucket = "shop-backups"

[storage]
bucket = "shop-uploads"  # pictures

[monitor]
webhook = "https://hooks.example.org/shop"
retention = "1GB"

[static]
url = "https://cdn.example.org"
"""
COPY = """\
# A copy of the stack shop, written by skytier restore --into shopcopy.
# Change what you want, and name it in each command: --file PATH
# Ours.
name = "shopcopy"  # the shop
cloud = "mycloud"
tls = "self-signed"

[web]
count = 2  # two

[[web.schedule]]
from = "22:00"
to = "06:00"
count = 1

[application]
serve = "shop:app"
static = {"/static/" = "static"}

[database]  # the data
volume_gib = 20
image = "debian-12"
packages = ["pgbackrest"]

[storage]
bucket = "shopcopy-uploads"  # pictures

[monitor]
retention = "1GB"

"""


def test_only_what_belongs_to_the_original_goes_and_the_rest_stays_as_it_is_written() -> None:
    made = copied(ORIGINAL, parse(ORIGINAL), "shopcopy", "debian-12")
    assert made.text == COPY
    found = parse(made.text)
    check_copied(found, "shopcopy", Path("skytier.shopcopy.toml"))
    assert made.changes == [
        "no backups are made of it",
        "an address of its own, with a self-signed certificate",
        "static files come from its web servers, not from [static]",
        "an empty container for uploads, shopcopy-uploads",
        "no jobs and no processes beside the web, which could write to your customers",
        "nothing runs after a release: no application.after_release",
        "its alerts go to nobody",
        "the image of the database server, debian-12: that of the original's",
        "pgbackrest on the database server, which reads the backups",
    ]


def test_nothing_is_said_that_is_not_changed() -> None:
    text = 'image = "ours"\ncloud = "mycloud"\n[database]\npackages = ["pgbackrest"]\n'
    stack = parse(text).model_copy(update={"cloud": "another"})
    assert copied(text, stack, "other", "img").changes == [
        "no backups are made of it",
        "the cloud another",
    ]


@pytest.mark.parametrize(
    ("text", "kept"),
    [
        ('[backup]\nkind = "path"\npath = "/srv"\n', {}),
        ('backup = {kind = "path", path = "/srv"}\n[database]\n', {}),
        ('database.synchronous = true\nbackup.kind = "path"\nbackup.path = "/srv"\n', {}),
        ('database = {flavor = "big", members = 1}\nmonitor = {email = []}', {"flavor": "big"}),
        ('image = "ours"\n[database]\npackages = ["htop", "pgbackrest"]\n', {}),
        ('[application]\nserve = "a:b"\n[application.env]\nA = "b"\n[[application.job]]\n'
         'name = "x"\nrun = "y"\nat = "daily"\n', {}),
    ],
)  # fmt: skip
def test_however_it_is_written(text: str, kept: dict[str, str]) -> None:
    original = parse(text)
    found = parse(copied(text, original.model_copy(update={"cloud": "c"}), "other", "img").text)
    assert (found.name, found.cloud) == ("other", "c")
    assert not found.backup.enabled
    assert found.database.packages[-1] == "pgbackrest"
    assert found.image_of("database") == (original.image or "img")
    assert not found.application.job
    assert found.application.env == original.application.env
    assert all(getattr(found.database, name) == value for name, value in kept.items())


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ('name = "shop"', "is of the stack shop, not of other"),
        ('name = "other"\nbackup = {kind = "path", path = "/srv"}', "has a section [backup]"),
        ('name = "other"\ndatabase.members = 2', "another number of database servers"),
    ],
)
def test_a_stack_file_that_is_no_copys_is_refused(text: str, said: str) -> None:
    with pytest.raises(SkytierError) as error:
        check_copied(parse(text), "other", Path("skytier.other.toml"))
    assert said in error.value.what


def test_how_long_ago_means_the_same_when_the_copy_is_up() -> None:
    now = datetime(2026, 3, 1, 12, 30, tzinfo=UTC)
    assert fixed("-90m", now) == "2026-03-01T11:00:00+00:00"
    assert fixed("20261129-030000F_20261130-030000D", now) == "20261129-030000F_20261130-030000D"
    with pytest.raises(SkytierError, match="no time with a zone"):
        fixed("2026-03-01T12:30:00", now)


def test_secrets_are_in_one_file_and_nothing_is_archived() -> None:
    place = programs.Place(
        "repo1-storage-ca-file=/etc/pgbackrest/ca.pem",
        {"conf.d/secrets.conf": "the secrets"},
        {"/etc/pgbackrest/ca.pem": "PEM"},
    )
    program = programs.restoring(place, Target("default"), "15", watched=False)
    texts = {file.path.removeprefix(f"{program.directory}/"): file.text for file in program.files}
    assert [name for name, text in texts.items() if "the secrets" in text] == [
        "conf.d/secrets.conf"
    ]
    assert texts["pgbackrest.conf"] == f"repo1-storage-ca-file={program.directory}/ca.pem"
    assert all(file.mode == 0o640 for file in program.files)
    assert "--archive-mode=off" in texts["program"]
    assert "stanza-create" not in texts["program"]


@pytest.mark.skipif(not shutil.which("shellcheck"), reason="needs shellcheck")
def test_the_programs_are_good_shell(tmp_path: Path) -> None:
    place = programs.Place("", {}, {})
    made = programs.restoring(place, Target("time", "x", "b", "1"), "15", watched=True)
    for number, program in enumerate((made, programs.listing(place))):
        (script,) = [each.text for each in program.files if each.path.endswith("/program")]
        path = tmp_path / str(number)
        path.write_text(script)
        done = subprocess.run(["shellcheck", path], check=False, capture_output=True, text=True)
        assert done.returncode == 0, done.stdout


@dataclass
class Lost:
    """The stack on its cloud; its database server is lost."""

    stack: StackFile
    kept: str = "the key"
    cloud: str = "mycloud"
    servers: tuple[Found, ...] = ()
    volumes: tuple[Found, ...] = ()

    def __post_init__(self) -> None:
        self.operator = SimpleNamespace(kept_backup_key=lambda: self.kept)
        self.kinds = {
            "server": SimpleNamespace(find=lambda: self.servers),
            "volume": SimpleNamespace(find=lambda: iter(self.volumes)),
        }
        self.connection = None


@pytest.fixture
def lost(monkeypatch: pytest.MonkeyPatch) -> None:
    @contextmanager
    def no_way(stack: Any, *, any_one: bool) -> Iterator[None]:
        raise SkytierError("There is no database.", "")
        yield

    monkeypatch.setattr(copy, "database_of", no_way)


@pytest.mark.usefixtures("lost")
def test_a_lost_database_server_is_not_needed(monkeypatch: pytest.MonkeyPatch) -> None:
    stack = cast(Any, Lost(TO_S3))
    with pytest.raises(SkytierError, match="does not give the keys of") as error:
        copy.intend(stack, "latest")
    assert "There is no database." in error.value.what
    assert "SKYTIER_BACKUP_SECRET_ACCESS_KEY" in (error.value.do or "")
    monkeypatch.setenv("SKYTIER_BACKUP_ACCESS_KEY_ID", "access")
    monkeypatch.setenv("SKYTIER_BACKUP_SECRET_ACCESS_KEY", "secret")
    [found] = copy.intend(stack, "latest").originals
    assert found.secrets == {
        "backup_key": "the key",
        "backup_access_key_id": "access",
        "backup_secret_access_key": "secret",
    }
    assert found.store
    assert (found.store.endpoint, found.store.bucket) == ("https://s3.example.org", "bbb")
    assert "the key" not in repr(found)
    with pytest.raises(SkytierError, match="no time with a zone"):
        copy.intend(stack, "yesterday")


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "makes no backups"),
        ('backup = {kind = "path", path = "/srv"}', "which no other machine can read"),
    ],
)
def test_backups_that_no_other_machine_can_read_are_refused(text: str, said: str) -> None:
    with pytest.raises(SkytierError, match=said):
        copy.intend(cast(Any, Lost(parse(text))), "latest")


@pytest.mark.parametrize("name", ["shop", "Shop Two", "x"])
def test_the_name_has_to_be_that_of_another_stack(name: str) -> None:
    with pytest.raises(typer.BadParameter):
        into.check_name(name, "shop")


@dataclass
class Told:
    """The copy as a backend, and the dialog about it. Notes what was done."""

    there: bool
    empty: bool = True
    unfinished: bool = False
    wrong: SkytierError | None = None
    done: list[str] = field(default_factory=list)
    cloud: str = "mycloud"

    def copy_intended(self, to: str, place: str | None) -> Intended:
        return Intended([Original(TO_CLOUD, None, {})], to, "the newest state", "debian-12")

    def copy_is_there(self) -> bool:
        return self.there

    def copy_exists(self) -> bool:
        return self.there

    def copy_is_unfinished(self) -> bool:
        return self.unfinished

    def restore_copy(self, intended: Intended, progress: Any) -> Target:
        if self.wrong:
            raise self.wrong
        self.done.append("restored")
        return Target("default", words=intended.words)

    def status(self) -> Any:
        return SimpleNamespace(healthy=True, url="http://203.0.113.9")


@pytest.fixture
def beside(tmp_path: Path) -> Path:
    path = tmp_path / "skytier.toml"
    path.write_text(ORIGINAL)
    return path


def run(monkeypatch: pytest.MonkeyPatch, beside: Path, told: Told, *, yes: bool) -> None:
    def approve(plan: Any) -> bool:
        told.done.append("asked")
        return True

    dialog = SimpleNamespace(stack=told, approve_up=approve, progress=lambda: _Progress())
    monkeypatch.setattr(chosen, "cloud_stack", lambda wanted: told)
    monkeypatch.setattr(chosen, "dialog", lambda *_, **__: dialog)
    monkeypatch.setattr(into, "with_versions", lambda stack: SimpleNamespace(empty=told.empty))
    monkeypatch.setattr(into, "carry_out_up", lambda dialog, plan: told.done.append("up"))
    into.restore_into("shopcopy", "latest", parse(ORIGINAL), beside, yes=yes, as_json=False)


class _Progress:
    def __enter__(self) -> "_Progress":
        return self

    def __exit__(self, *_: object) -> None: ...


def test_a_new_copy_is_brought_up_and_gets_the_data(
    monkeypatch: pytest.MonkeyPatch, beside: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    told = Told(there=False, empty=False)
    run(monkeypatch, beside, told, yes=False)
    assert told.done == ["asked", "up", "restored"]
    path = beside.parent / "skytier.shopcopy.toml"
    assert path.read_text() == COPY
    said = capsys.readouterr().out
    assert "http://203.0.113.9/ has the newest state" in said
    assert f"down --delete-data --file {path}" in said


def test_one_that_is_there_is_overwritten_only_if_somebody_says_so(
    monkeypatch: pytest.MonkeyPatch, beside: Path
) -> None:
    told = Told(there=True)
    # It may be another stack of that name.
    with pytest.raises(SkytierError, match="it may not be a copy"):
        run(monkeypatch, beside, told, yes=True)
    assert not (beside.parent / "skytier.shopcopy.toml").exists()
    ours = COPY.replace("count = 2", "count = 1")
    (beside.parent / "skytier.shopcopy.toml").write_text(ours)
    with pytest.raises(SkytierError, match="overwrites data"):
        run(monkeypatch, beside, told, yes=False)
    assert told.done == []
    run(monkeypatch, beside, told, yes=True)
    assert told.done == ["restored"]
    assert (beside.parent / "skytier.shopcopy.toml").read_text() == ours


def test_one_that_was_cut_short_is_restored_before_anything_else_is_tried(
    monkeypatch: pytest.MonkeyPatch, beside: Path
) -> None:
    """No release and no check can be well on half a database."""
    (beside.parent / "skytier.shopcopy.toml").write_text(COPY)
    told = Told(there=True, empty=False, unfinished=True)
    run(monkeypatch, beside, told, yes=True)
    assert told.done == ["restored", "asked", "up"]


@pytest.mark.parametrize(
    ("do", "named"),
    [
        ("See skytier logs database.", True),
        ("Run the same command again: it starts the restore again.", False),
    ],
)
def test_a_command_that_an_error_of_its_restore_advises_is_about_the_copy(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, do: str, named: bool
) -> None:
    directory = tmp_path / "our shop"
    directory.mkdir()
    (directory / "skytier.toml").write_text(ORIGINAL)
    told = Told(there=False, wrong=SkytierError("The copy is not restored.", do))
    with pytest.raises(SkytierError) as error:
        run(monkeypatch, directory / "skytier.toml", told, yes=True)
    said = f"names its file: --file '{directory}/skytier.shopcopy.toml'"
    assert (said in (error.value.do or "")) is named


def server(name: str, role: str, image: str) -> Found:
    return Found(Key("server", name), name, {"image": image}, {"role": role})


def test_a_database_is_there_with_any_of_its_servers_or_with_the_volume_of_a_lost_one() -> None:
    second = server("shop-database-2", "database", "debian-12")
    volume = Found(Key("volume", "shop-database-1"), "1", {}, {})
    web = server("shop-web-1", "web", "debian-13")
    for servers, volumes, there in (
        ((web,), (), False),
        ((web, second), (), True),
        ((web,), (volume,), True),
    ):
        stack = cast(Any, Lost(TO_S3, servers=servers, volumes=volumes))
        assert copy.is_there(stack) is there
        assert copy.exists(stack)
    assert not copy.exists(cast(Any, Lost(TO_S3)))


@pytest.mark.usefixtures("lost")
def test_the_image_is_that_of_any_database_server(monkeypatch: pytest.MonkeyPatch) -> None:
    """The first one may be lost, and the copy has to have the same PostgreSQL."""
    monkeypatch.setenv("SKYTIER_BACKUP_ACCESS_KEY_ID", "access")
    monkeypatch.setenv("SKYTIER_BACKUP_SECRET_ACCESS_KEY", "secret")
    there = (server("shop-web-1", "web", "x"), server("shop-database-2", "database", "debian-12"))
    assert copy.intend(cast(Any, Lost(TO_S3, servers=there)), "latest").image == "debian-12"


def test_what_the_database_server_tells_before_it_fails_is_kept(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    @contextmanager
    def a_way(stack: Any, *, any_one: bool) -> Iterator[None]:
        yield

    def fails(host: None, place: str) -> None:
        raise SkytierError("The place of the backups cannot be read.", "")

    secrets = {"backup_access_key_id": "access", "backup_secret_access_key": "secret"}
    monkeypatch.setattr(copy, "database_of", a_way)
    monkeypatch.setattr(copy.backups, "now", lambda host: datetime.now(UTC))
    monkeypatch.setattr(copy, "read_secrets", lambda host: secrets)
    monkeypatch.setattr(copy.backups, "listing", fails)
    [found] = copy.intend(cast(Any, Lost(TO_S3)), "latest").originals
    assert found.secrets == {"backup_key": "the key", **secrets}
    with pytest.raises(SkytierError, match="The place of the backups cannot be read") as error:
        copy.intend(cast(Any, Lost(TO_S3, kept="")), "latest")
    assert "SKYTIER_BACKUP_KEY" in (error.value.do or "")


def test_what_up_says_of_a_stack_names_its_file(capsys: pytest.CaptureFixture[str]) -> None:
    stack = SimpleNamespace(stack=parse(COPY), cloud="mycloud")
    cost = SimpleNamespace(sentence=lambda: "nothing")
    plan = SimpleNamespace(backups=False, cost=cost)
    for file in (None, Path("skytier.shopcopy.toml")):
        up.tell(
            cast(Any, Context(cast(Any, stack), file, yes=True, as_json=False)),
            cast(Any, plan),
            Outcome("https://203.0.113.9", changed=True),
            Stages(),
        )
    without, named = capsys.readouterr().out.split("Took")[:2]
    assert "down --cloud mycloud\n" in without
    assert "down --cloud mycloud --file skytier.shopcopy.toml\n" in named
