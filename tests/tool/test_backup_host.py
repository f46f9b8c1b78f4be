"""Backups on a host by SFTP: what the stack file may say, what is rendered, given and refused."""

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import pytest
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from skytier import roles
from skytier.cli.dialog import Context
from skytier.cli.on_cloud import down
from skytier.deploy.kind import Found, Key, Known
from skytier.deploy.plan import plan
from skytier.errors import SkytierError
from skytier.openstack.choices import backup_host
from skytier.openstack.choices.given_router import GivenRouter
from skytier.openstack.choices.images import Image
from skytier.openstack.commands import copy
from skytier.openstack.plan.kinds import RULES
from skytier.openstack.plan.planned import Plan, Removal
from skytier.release.platform import System
from skytier.secrets.secret import Given
from skytier.secrets.vault import Vault
from skytier.services.pgbackrest import copy as restored_copy
from skytier.services.pgbackrest.config import HOMES, pgbackrest_conf, trusted
from skytier.services.pgbackrest.program import secret_files
from skytier.services.pgbackrest.secrets import declared
from skytier.services.pgbackrest.service import words
from skytier.services.pgbackrest.target import Target
from skytier.services.setup import REMOVALS
from skytier.stackfile import StackFile, load, parse
from skytier.stackfile.backup import FIRST, SECOND
from skytier.stackfile.known_hosts import keys_of
from tests.roles.topology import ON_A_HOST, TOPOLOGIES

from . import test_order as order
from .test_object_store import resolved

NAMED = 'name = "shop"\n'
TO_HOST = parse(NAMED + ON_A_HOST)
AND_ELSEWHERE = parse(
    f'{NAMED}[backup]\nkind = "path"\npath = "/mnt/one"\n'
    + ON_A_HOST.replace("[backup]", "[backup.second]")
)
SERVER = Found(Key("server", "shop-database-1"), "1", {}, {"role": "database"})


def public(key: Any) -> str:
    return key.public_key().public_bytes(Encoding.OpenSSH, PublicFormat.OpenSSH).decode()


# The same in each process: it is in the names of tests.
ED25519 = public(Ed25519PrivateKey.from_private_bytes(bytes(range(32))))
RSA = public(rsa.generate_private_key(65537, 1024))


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (("host = ", "# "), "which needs backup.host"),
        (("user = ", "# "), "which needs backup.user"),
        (("known_hosts = ", "# "), "which needs backup.known_hosts"),
        (("path = ", "# "), "which needs backup.path"),
        (("backup.example.org", "-oProxyCommand=x"), "is not the name of a host"),
        (('"shop-backups"', '"-root"'), "is not the name of an account"),
        (("2222", "70000"), "is too large"),
        (('"/srv/backups"', '"backups"'), "is not the whole path"),
        (('"sftp"', '"ssh"'), '"object-store", "s3", "sftp" or "path"'),
    ],
)
def test_what_cannot_work_is_refused_in_the_stack_file(change: tuple[str, str], said: str) -> None:
    with pytest.raises(SkytierError) as error:
        parse(ON_A_HOST.replace(*change))
    assert said in error.value.what


@pytest.mark.parametrize(
    ("change", "same"),
    [
        (("", ""), True),
        (("/srv/backups", "/srv//backups/"), True),
        (("backup.example", "BACKUP.example"), True),
        (("/srv/backups", "/srv/others"), False),
        (("backup.example", "other.example"), False),
        (("2222", "22"), False),
    ],
)
def test_one_directory_of_a_host_is_not_two_places(change: tuple[str, str], same: bool) -> None:
    text = ON_A_HOST + ON_A_HOST.replace("[backup]", "[backup.second]").replace(*change)
    if not same:
        assert [*parse(text).backup.places] == [FIRST, SECOND]
        return
    with pytest.raises(SkytierError, match=r"backup\.second\.path is backup\.path"):
        parse(text)


def test_the_keys_of_the_host_are_read_from_beside_the_stack_file(tmp_path: Path) -> None:
    file, scanned = tmp_path / "skytier.toml", tmp_path / "backup-host"
    hosts = ON_A_HOST.replace("[backup.example.org]:2222 ssh-ed25519 AAAA", "backup-host")
    file.write_text(hosts)
    # What needs no set-up of the database goes on.
    assert resolved(load(file)).setup("web", 1, Known({})).files
    with pytest.raises(SkytierError, match="no file") as error:
        resolved(load(file)).setup("database", 1, Known({}))
    assert "ssh, exec, logs and down do not" in (error.value.do or "")
    scan = f"ssh-keyscan -p 2222 backup.example.org >{scanned}"
    assert scan in (error.value.do or "")
    # Of another port is of another host.
    scanned.write_text(f"backup.example.org {ED25519}\n")
    with pytest.raises(SkytierError, match=r"no key of \[backup.example.org\]:2222") as error:
        trusted(load(file))
    assert scan in (error.value.do or "")
    scanned.write_text(
        f"# a comment\n[backup.example.org]:2222 {ED25519}\n[backup.example.org]:2222 {RSA}\n"
    )
    lines = (load(file).backup.known_hosts or "").splitlines()
    assert lines == [f"[backup.example.org]:2222 {key}" for key in (ED25519, RSA)]
    # For the second place, too.
    second = hosts.replace("[backup]", "[backup.second]")
    file.write_text(f'[backup]\nkind = "path"\npath = "/mnt/one"\n{second}')
    assert (load(file).backup.second.known_hosts or "").splitlines() == lines


@pytest.mark.parametrize(
    "line",
    [
        f"|1|c2FsdA==|aGFzaA== {ED25519}",
        f"@revoked host {ED25519}",
        f"other {ED25519}",
        f"[host]:23 {ED25519}",
        "host ssh-ed25519 AAAA",
        "host ssh-ed25519 no-base64",
        "host ssh-ed25519 AAAA\u00e9",
        f"host ssh-rsa {ED25519.split()[1]}",
        f"host ssh-dss {ED25519.split()[1]}",
        "host",
        "",
    ],
)
def test_a_line_that_is_no_key_of_the_host_is_left_out(line: str) -> None:
    assert keys_of("host", 22, line) == ""
    more = f"{line}\nother,HOST {ED25519} a comment\nhost {ED25519}\n"
    assert keys_of("host", 22, more) == f"host {ED25519}\n"


def test_pgbackrest_is_told_the_host_and_no_secret() -> None:
    conf = pgbackrest_conf(TO_HOST, None)
    for line in (
        *("repo1-type=sftp", "repo1-path=/srv/backups/shop", "repo1-sftp-host=backup.example.org"),
        *("repo1-sftp-host-port=2222", "repo1-sftp-host-user=shop-backups"),
        *("repo1-sftp-host-key-check-type=strict", "repo1-cipher-type=aes-256-cbc"),
        "repo1-sftp-known-host=/etc/pgbackrest/known_hosts",
    ):
        assert f"\n{line}\n" in conf
    assert "private-key" not in conf
    assert trusted(TO_HOST) == {HOMES[FIRST].known_hosts: TO_HOST.backup.known_hosts}
    assert words(TO_HOST.backup) == "the directory /srv/backups of backup.example.org"
    setup = resolved(TO_HOST).setup("database", 1, Known({}))
    assert {"backup_key", "backup_ssh_key"} <= {*setup.secrets}
    # Nothing is made on the database server itself.
    assert "/srv/backups/shop" not in setup.script
    files = {file.path: file.text for file in setup.files}
    # And nothing stays there, once backups go elsewhere.
    assert HOMES[FIRST].ssh_key in files[f"{REMOVALS}/28-backup-host"]
    assert HOMES[SECOND].ssh_key in files_of(AND_ELSEWHERE)[f"{REMOVALS}/28-backup-host-second"]


def files_of(stack: StackFile) -> Mapping[str, str]:
    setup = resolved(stack).setup("database", 1, Known({}))
    return {file.path: file.text for file in setup.files}


def test_another_kind_of_place_ignores_what_is_of_a_host_and_the_reverse() -> None:
    with_host = parse(ON_A_HOST.replace('"sftp"', '"path"'))
    assert "sftp" not in pgbackrest_conf(with_host, None)
    assert trusted(with_host) == {}
    with_bucket = parse(f'{ON_A_HOST}bucket = "shop-backups"\nendpoint = "http://192.0.2.1"\n')
    topology = resolved(with_bucket).topology(Known({}))
    assert topology.backup_stores == {}
    assert [each.names for each in declared(topology)] == [("backup_key",), ("backup_ssh_key",)]


def test_the_key_is_given_once_and_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    topology = TOPOLOGIES["backups of two members in a directory and on a host"]
    secret = next(each for each in roles.secrets(topology) if isinstance(each, Given))
    assert secret.name == "backup_second_ssh_key"
    kept: dict[str, str] = {}
    vault = Vault(kept.update)
    monkeypatch.delenv("SKYTIER_BACKUP_SECOND_SSH_KEY", raising=False)
    with pytest.raises(SkytierError, match="private SSH key for backups on backup") as error:
        vault.get([secret.name], [secret], lambda: kept)
    assert "SKYTIER_BACKUP_SECOND_SSH_KEY" in (error.value.do or "")
    monkeypatch.setenv("SKYTIER_BACKUP_SECOND_SSH_KEY", "given")
    assert vault.get([secret.name], [secret], lambda: kept) == {secret.name: "given"}
    monkeypatch.delenv("SKYTIER_BACKUP_SECOND_SSH_KEY")
    assert Vault(kept.update).get([secret.name], [secret], lambda: kept) == kept


@pytest.mark.parametrize(("stack", "place"), [(TO_HOST, FIRST), (AND_ELSEWHERE, SECOND)])
def test_whoever_restores_a_copy_reaches_the_host_with_files_of_its_own(
    stack: StackFile, place: str
) -> None:
    name = "backup_ssh_key" if place == FIRST else "backup_second_ssh_key"
    secrets = {"backup_key": "the key", name: "the private key\n"}
    directory = restored_copy.DIRECTORY
    files = secret_files(stack.backup, secrets, place, directory=directory, data="/d", own="/o")
    assert files["conf.d/ssh_key"] == "the private key\n"
    named = f"repo1-sftp-private-key-file={directory}/conf.d/ssh_key\n"
    assert named in files["conf.d/secrets.conf"]
    known = trusted(stack, place)
    conf = pgbackrest_conf(stack, None, place)
    of_copy = restored_copy.Place(conf, files, known)
    program = restored_copy.restoring(of_copy, Target("latest", "", "", ""), "17", watched=False)
    texts = {each.path.removeprefix(f"{directory}/"): each.text for each in program.files}
    assert f"\nrepo1-sftp-known-host={directory}/known_hosts\n" in texts["pgbackrest.conf"]
    assert [texts["known_hosts"]] == [*known.values()]
    assert [path for path, text in texts.items() if "the private key" in text] == ["conf.d/ssh_key"]
    # Nor does any name a file that only the database server of the original has.
    assert "/etc/pgbackrest" not in "".join(texts.values())


def test_a_copy_takes_the_key_from_the_lost_original_or_from_the_variable(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.delenv("SKYTIER_BACKUP_SSH_KEY", raising=False)
    monkeypatch.setenv("SKYTIER_BACKUP_KEY", "the key")
    stack = cast(Any, SimpleNamespace(stack=TO_HOST, operator=None))
    lost = copy._Told(cast(Any, None), why="It does not answer.")
    with pytest.raises(SkytierError, match="backup_ssh_key is not on this machine") as error:
        copy._place(stack, lost, FIRST)
    assert "SKYTIER_BACKUP_SSH_KEY" in (error.value.do or "")
    monkeypatch.setenv("SKYTIER_BACKUP_SSH_KEY", "given")
    given = {"backup_key": "the key", "backup_ssh_key": "given"}
    assert copy._place(stack, lost, FIRST) == (None, given)
    answers = replace(lost, secrets={"backup_ssh_key": "of the server"})
    assert copy._place(stack, answers, FIRST)[1]["backup_ssh_key"] == "of the server"


def test_down_leaves_the_host_alone_and_counts_its_backups() -> None:
    dialog = cast(Context[Any], SimpleNamespace(stack=SimpleNamespace(stack=TO_HOST)))
    assert down._backups_stay(dialog, Removal([SERVER], empty=False)) == [FIRST]
    dialog.stack.stack = AND_ELSEWHERE
    assert down._backups_stay(dialog, Removal([SERVER], empty=False, purge=True)) == [SECOND]


@pytest.mark.parametrize(
    ("system", "refused"),
    [
        (("debian", (12,)), True),
        (("debian", (13,)), False),
        (("ubuntu", (22, 4)), True),
        (("ubuntu", (23, 10)), True),
        (("ubuntu", (24, 4)), False),
        (("ubuntu", ()), False),
        (("", ()), False),
    ],
)
def test_an_image_with_an_older_pgbackrest_is_refused_before_anything_is_made(
    system: System, refused: bool
) -> None:
    images, systems = {"database": Image("i", "the-image", "2026-01-01")}, {"database": system}
    backup_host.check(parse('backup = {kind = "path", path = "/mnt"}'), images, systems)
    if not refused:
        backup_host.check(TO_HOST, images, systems)
        return
    with pytest.raises(SkytierError, match="the image the-image of the database") as error:
        backup_host.check(TO_HOST, images, systems)
    assert "database.image" in (error.value.do or "")
    with pytest.raises(SkytierError, match=r"backup\.second\.kind"):
        backup_host.check(AND_ELSEWHERE, images, systems)


def test_a_first_plan_says_which_keys_have_to_be_given() -> None:
    stack = parse(
        'name = "skytier"\n[backup]\nkind = "s3"\nbucket = "shop-b"\nendpoint = "https://s3.example.org"\n'
    )

    first = Plan(order.planned(stack, {}), order.resolved(stack), "").backups

    assert "give it to this first skytier up in SKYTIER_BACKUP_ACCESS_KEY_ID and " in first
    found = order.there(stack)
    database = Key("configuration", "skytier-database-1")
    found[database] = order.other(found[database], fingerprint="old")
    later = Plan(order.planned(stack, found), order.resolved(stack), "").backups
    assert "skytier backup key" in later
    assert "SKYTIER_" not in later


@pytest.mark.parametrize(("gateway", "told"), [("", True), ("external", False)])
def test_a_first_plan_says_that_a_given_router_leads_nowhere(gateway: str, told: bool) -> None:
    stack = parse(f'public = "none"\nrouter = "given"\n{ON_A_HOST}')
    here = order.resolved(stack)
    router = GivenRouter("r", "given", gateway)
    here = replace(here, choices=replace(here.choices, router=router))
    steps = plan(order.wanted(here, order.PROJECT, "key", Known()), [], RULES)
    assert ("The router given has no gateway" in Plan(steps, here, "").backups) == told
