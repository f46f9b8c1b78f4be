"""Backups: what the stack file may say, what is planned, and what can be restored."""

import json
from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, cast

import pytest
from openstack.connection import Connection

from skytier import roles
from skytier.deploy.kind import Found, Key, Known
from skytier.deploy.plan import Action, Step, nothing_to_do, plan
from skytier.errors import SkytierError
from skytier.openstack.machines.operator import OperatorFiles
from skytier.openstack.plan import object_store
from skytier.openstack.plan.desired import wanted
from skytier.openstack.plan.kept_secrets import KeptSecrets
from skytier.openstack.plan.kinds import RULES
from skytier.openstack.plan.losses import losses
from skytier.secrets.certificate import self_signed
from skytier.secrets.secret import AccessKey, Passphrase
from skytier.services.pgbackrest import info
from skytier.services.pgbackrest.config import pgbackrest_conf, trusted
from skytier.services.pgbackrest.info import Backup, Backups, gaps
from skytier.services.pgbackrest.secrets import KEY, KEY_VARIABLE
from skytier.services.pgbackrest.target import target
from skytier.services.pgbackrest.timelines import successors
from skytier.stackfile import StackFile, load, parse
from skytier.stackfile.backup import SECOND
from skytier.topology import ObjectStore

from .test_object_store import PROJECT, resolved, there

NAMED = 'name = "shop"\n'
TO_CLOUD = parse(f'{NAMED}backup = {{kind = "object-store", bucket = "shop-backups"}}')
TO_S3 = parse(
    f'{NAMED}backup = {{kind = "s3", bucket = "bbb", endpoint = "https://s3.example.org"}}'
)
CONTAINER, CREDENTIAL = Key("container", "shop-backups"), Key("EC2 credential", "shop-s3")
DATABASE = Key("configuration", "shop-database-1")
NOW = datetime(2026, 11, 29, 12, tzinfo=UTC)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ('bucket = "shop-backups"', "backup.bucket needs backup.kind"),
        ('kind = "object-store"', "which needs backup.bucket"),
        ('kind = "s3"\nbucket = "backups"', "which needs backup.endpoint"),
        ('kind = "path"', "which needs backup.path"),
        ('kind = "path"\npath = "backups"', "is not the whole path"),
        ('kind = "path"\npath = "/a/../etc"', "is not the whole path"),
        ('kind = "path"\npath = "/srv"\nat = "3:00"', "is not a time of the day"),
        ('kind = "path"\npath = "/srv"\nat = "24:00"', "is not a time of the day"),
        (
            'kind = "s3"\nbucket = "backups"\nendpoint = "http://s3.example.org"',
            "has no TLS",
        ),
        (
            'kind = "s3"\nbucket = "backups"\nendpoint = "https://192.0.2.7:8080"',
            "needs a host name",
        ),
        (
            'kind = "object-store"\nbucket = "uploads"\n[storage]\nbucket = "uploads"',
            "is storage.bucket",
        ),
        (
            'kind = "path"\npath = "/srv"\n[application]\nserve = "a:b"\nrequires = []',
            'application.requires has no "postgresql"',
        ),
    ],
)
def test_what_cannot_work_is_refused_in_the_stack_file(text: str, said: str) -> None:
    with pytest.raises(SkytierError) as error:
        parse(f"[backup]\n{text}")
    assert said in error.value.what


def test_the_certificate_authority_is_read_from_beside_the_stack_file(tmp_path: Path) -> None:
    _, certificate = self_signed(["objects.example.org"])
    file = tmp_path / "skytier.toml"
    file.write_text(
        '[backup]\nkind = "s3"\nbucket = "backups"\nendpoint = "https://s3.example.org"\n'
        'ca = "ca.pem"\n'
    )
    (tmp_path / "ca.pem").write_text(certificate)
    assert load(file).backup.ca == certificate
    (tmp_path / "ca.pem").write_text("nothing")
    with pytest.raises(SkytierError, match="has no certificate"):
        trusted(load(file))
    (tmp_path / "ca.pem").unlink()
    with pytest.raises(SkytierError, match="There is no file") as error:
        trusted(load(file))
    assert "backup.ca names it. Commands that plan or set up machines need it" in (
        error.value.do or ""
    )


def steps(found: Mapping[Key, Found], stack: StackFile) -> list[Step]:
    known, asked = Known(found), resolved(stack)
    each = wanted(asked, PROJECT, "ssh-ed25519 key", known)
    return plan(each, found.values(), RULES, losses(asked, known))


def test_container_and_key_are_there_before_the_database_is_configured() -> None:
    made = {step.key: step for step in steps({}, TO_CLOUD)}
    assert made[CONTAINER].action is made[CREDENTIAL].action is Action.CREATE
    assert {CONTAINER, CREDENTIAL} <= {*made[DATABASE].needs}
    assert CONTAINER not in made[Key("configuration", "shop-web-1")].needs
    assert nothing_to_do(steps(there(TO_CLOUD), TO_CLOUD))


def test_a_stack_without_backups_gets_them_by_a_change_of_its_database_alone() -> None:
    before = there(parse(NAMED))
    changes = {s.key: s.action for s in steps(before, TO_CLOUD) if s.action is not Action.KEEP}
    watched_by = Key("configuration", "shop-web-1")
    assert changes.pop(watched_by, Action.CHANGE) is Action.CHANGE  # it has the monitor
    assert changes.pop(Key("release", "shop-web-1"), Action.CHANGE) is Action.CHANGE
    assert changes == {
        CONTAINER: Action.CREATE,
        CREDENTIAL: Action.CREATE,
        DATABASE: Action.CHANGE,
    }


def test_one_key_is_for_uploads_and_backups_and_noted_on_both_containers() -> None:
    both = parse(
        f'{NAMED}backup = {{kind = "object-store", bucket = "shop-backups"}}\n'
        '[storage]\nbucket = "uploads"\n[application]\nserve = "shop:app"'
    )
    made = {step.key: step for step in steps({}, both)}
    noted = made[CREDENTIAL].wanted
    assert noted
    assert noted.creation["buckets"] == ["uploads", "shop-backups"]
    topology = resolved(both).topology(Known(there(both)))
    declared = [each for each in roles.secrets(topology) if isinstance(each, AccessKey)]
    assert len({*declared}) == 1


def test_no_secret_is_in_the_files_and_those_that_are_needed_are_named() -> None:
    setup = resolved(TO_CLOUD).setup("database", 1, Known(there(TO_CLOUD)))
    assert {KEY, "object_store_key"} <= {*setup.secrets}
    given = resolved(TO_S3).setup("database", 1, Known(there(TO_S3)))
    assert {KEY, "backup_access_key_id", "backup_secret_access_key"} <= {*given.secrets}
    for each in (setup, given):
        (conf,) = [f.text for f in each.files if f.path == "/etc/pgbackrest/pgbackrest.conf"]
        assert "cipher-pass" not in conf
        assert "s3-key" not in conf


def test_the_place_is_told_to_pgbackrest() -> None:
    store = ObjectStore("https://objects.example.org:8080", "shop-backups", "eu", "ab")
    text = pgbackrest_conf(TO_CLOUD, store)
    for line in (
        *("repo1-s3-endpoint=objects.example.org", "repo1-storage-port=8080", "repo1-path=/shop"),
        *("repo1-cipher-type=aes-256-cbc", "archive-push-queue-max=1GiB", "archive-async=y"),
    ):
        assert f"\n{line}\n" in text
    assert "repo1-storage-port=443" in pgbackrest_conf(
        TO_S3, replace(store, endpoint="https://s3.example.org")
    )


def test_an_object_store_that_pgbackrest_cannot_use_is_told_beforehand(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    connection = cast(Connection, None)
    for url, said in (
        ("http://objects.example.org:8080", "has no TLS"),
        ("https://192.0.2.7:8080", "needs a host name"),
    ):
        monkeypatch.setattr(object_store, "_by_catalog", lambda _, url=url: url)
        with pytest.raises(SkytierError, match=said) as error:
            object_store.backup_endpoint(connection, TO_CLOUD.backup)
        assert "backup.endpoint" in (error.value.do or "")
    monkeypatch.setattr(object_store, "_by_catalog", lambda _: "https://objects.example.org")
    assert (
        object_store.backup_endpoint(connection, TO_CLOUD.backup) == "https://objects.example.org"
    )
    assert object_store.backup_endpoint(connection, TO_S3.backup) == "https://s3.example.org"
    assert object_store.backup_endpoints(connection, parse(NAMED)) == {}


def kept(operator: OperatorFiles, objects: int) -> KeptSecrets:
    known = Known(there(TO_CLOUD, objects=objects))
    return KeptSecrets(resolved(TO_CLOUD), operator, cast(Any, None), known)


def test_a_key_is_never_made_for_backups_that_it_cannot_open(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv(KEY_VARIABLE, raising=False)
    operator = OperatorFiles(tmp_path)
    secret = Passphrase(KEY, KEY_VARIABLE, "The key of the backups")
    made = kept(operator, 0)._make(secret)[KEY]
    assert len(made) > 40
    with pytest.raises(SkytierError, match="shop-backups has backups, which nothing else opens"):
        kept(operator, 7)._make(secret)
    operator.keep_backup_key("of before")
    assert kept(operator, 7)._make(secret) == {KEY: "of before"}
    # A pipeline that does not know it has it empty.
    monkeypatch.setenv(KEY_VARIABLE, "")
    assert kept(operator, 7)._make(secret) == {KEY: "of before"}
    monkeypatch.setenv(KEY_VARIABLE, "given")
    assert kept(operator, 7)._make(secret) == {KEY: "given"}
    operator.keep_backup_key("given")
    operator.forget_secrets()
    assert operator.kept_backup_key() == "given"
    assert (tmp_path / "backup_key.former").read_text() == "of before"
    operator.keep_backup_key("a third")
    assert (tmp_path / "backup_key.former").read_text() == "of before"
    assert (tmp_path / "backup_key.former.2").read_text() == "given"
    assert operator.backup_key.stat().st_mode & 0o077 == 0


def backup(hours_ago: int, timeline: int = 1, kind: str = "full") -> Backup:
    ended = NOW - timedelta(hours=hours_ago)
    name = f"{ended:%Y%m%d-%H%M%S}F"
    return Backup(name, kind, ended - timedelta(minutes=1), ended, 10, 5, timeline, damaged=False)


THERE = Backups([backup(30), backup(20), backup(10, timeline=2)])


@pytest.mark.parametrize(
    ("asked", "kind", "begins_with", "timeline"),
    [
        ("latest", "default", "", ""),
        (THERE.all[1].name, "immediate", THERE.all[1].name, "1"),
        ("2026-11-29T11:00:00Z", "time", THERE.all[2].name, "2"),
        ("2026-11-29T12:30:00+02:00", "time", THERE.all[2].name, "2"),
        ("-15h", "time", THERE.all[1].name, "1"),
        # What a later restore left is on the timeline of then.
        ("2026-11-29T01:59:59Z", "time", THERE.all[1].name, "1"),
        ("2026-11-29T02:00:00Z", "time", THERE.all[1].name, "1"),
        ("2026-11-29T02:00:01Z", "time", THERE.all[2].name, "2"),
    ],
)
def test_a_moment_begins_with_the_last_backup_before_it_on_its_timeline(
    asked: str, kind: str, begins_with: str, timeline: str
) -> None:
    found = target(asked, THERE, NOW)
    assert (found.kind, found.backup, found.timeline) == (kind, begins_with, timeline)
    assert found.text(first=True).splitlines() == [kind, found.at, begins_with, timeline, "yes"]


def test_a_moment_is_followed_through_failovers_and_not_into_a_restore() -> None:
    told = """\
15-1/00000002.history 1\t0/5000148\tbefore 2026-11-29 01:30:00+00
15-1/00000003.history 2\t0/6000000\tno recovery target specified
15-1/00000004.history 3\t0/7000000\tno recovery target specified
15-1/00000005.history 4\t0/7000000\treached consistency
"""
    after = successors(told)
    assert after == {2: 3, 3: 4}
    assert target("2026-11-29T11:00:00Z", THERE, NOW, after).timeline == "4"
    assert target("-15h", THERE, NOW, after).timeline == "1"
    assert target(THERE.newest.name, THERE, NOW, after).timeline == "2"
    # A newer PostgreSQL has timelines of its own.
    assert successors(told + "16-2/00000002.history 1\t0/5000\tbefore 2026\n") == {}
    assert successors("15-1/00000002.history \n") == {}
    # After an upgrade, and after going back from one: what runs has no other timeline yet.
    assert successors(f"15-1\n17-2\n{told}") == {}
    assert successors(f"15-1\n15-3\n17-2\n{told}") == {}


def lasted(began: str, ended: str, timeline: int) -> Backup:
    """A backup of a day of its own: its times are hours and minutes."""
    first, last = (datetime.fromisoformat(f"2026-11-29T{each}:00+00:00") for each in (began, ended))
    return replace(backup(0, timeline), name=f"{first:%Y%m%d-%H%M%S}F", began=first, ended=last)


RESTORED_AT_TEN = [lasted("03:00", "03:20", 1), lasted("09:50", "09:59", 1)]
AFTER_IT = lasted("10:02", "11:20", 2)


@pytest.mark.parametrize(
    ("at", "timeline"),
    [
        ("03:30", 1),
        # Until PostgreSQL was stopped what is committed is on the former timeline.
        ("10:00", 1),
        ("10:02", None),
        ("11:20", None),
        ("11:21", 2),
    ],
)
def test_a_moment_between_a_restore_and_the_end_of_the_backup_after_it_is_refused(
    at: str, timeline: int | None
) -> None:
    """It is not on the timeline of the backup before it: the recovery would end without it."""
    asked, there = f"2026-11-29T{at}:00Z", Backups([*RESTORED_AT_TEN, AFTER_IT])
    if timeline:
        assert target(asked, there, NOW, {}).timeline == str(timeline)
        return
    with pytest.raises(SkytierError, match="is after another restore") as error:
        target(asked, there, NOW, {})
    assert "Moments from 2026-11-29 11:20:01 UTC on" in (error.value.do or "")
    assert AFTER_IT.name in (error.value.do or "")


def test_what_another_place_knows_of_a_restore_counts() -> None:
    """Each place is backed up after the other: the second has no backup of then for longer."""
    late = Backups([*RESTORED_AT_TEN, lasted("11:20", "12:50", 2)], place=SECOND)
    early = Backups([*RESTORED_AT_TEN, AFTER_IT])
    at = "2026-11-29T11:10:00Z"
    assert target(at, late, NOW, {}).timeline == "1"
    with pytest.raises(SkytierError, match="is after another restore"):
        target(at, late, NOW, {}, [early, late])
    assert target("2026-11-29T11:40:00Z", early, NOW, {}, [early, late]).timeline == "2"
    with pytest.raises(SkytierError, match="is after another restore"):
        target("2026-11-29T11:40:00Z", late, NOW, {}, [early, late])


def test_a_backup_that_began_after_a_failover_refuses_no_moment() -> None:
    there = Backups([*RESTORED_AT_TEN, AFTER_IT])
    assert target("2026-11-29T11:00:00Z", there, NOW, {1: 2}).timeline == "2"
    # Where nobody asked for the reasons of the timelines.
    assert target("2026-11-29T11:00:00Z", there, NOW).timeline == "1"


def test_several_members_are_backed_up() -> None:
    both = parse('database.members = 3\nbackup = {kind = "path", path = "/mnt/shared"}')
    assert both.has_backups


def test_without_a_backup_nothing_is_restored() -> None:
    with pytest.raises(SkytierError, match="There is no backup") as error:
        target("latest", Backups([]), NOW)
    assert error.value.do == "Make one: skytier backup now"


def said(status: Mapping[str, object], *found: object, of_repository: str = "") -> str:
    code = 99 if of_repository else 0
    repo = [{"key": 1, "status": {"code": code, "message": of_repository or "ok"}}]
    versions = [{"id": 1, "version": "14"}, {"id": 2, "version": "15"}]
    stanza = {"backup": found, "status": status, "repo": repo, "name": "main", "db": versions}
    return json.dumps([stanza])


def test_what_pgbackrest_says_is_read() -> None:
    told = {
        "archive": {"start": "000000010000000000000002", "stop": "0000000A0000000000000003"},
        "error": True,
        "info": {"size": 30452593, "repository": {"delta": 3766112}},
        "label": "20261129-110628F",
        "timestamp": {"start": 1795950388, "stop": 1795950391},
        "type": "full",
        "database": {"id": 2, "repo-key": 1},
    }
    there = info.read(said({"code": 0, "message": "ok"}, told))
    assert there.newest.timeline == 10
    assert there.newest.version == "15"
    assert there.newest.damaged
    assert (there.newest.ended - there.newest.began).total_seconds() == 3
    assert info.read(said({"code": 2, "message": "no valid backups"})) == Backups([])
    assert info.read(said({"code": 1, "message": "missing stanza path"})).trouble
    for wrong in ("", "[]", '{"a": 1}', '[{"backup": 1}]'):
        with pytest.raises(SkytierError, match="cannot be read"):
            info.read(wrong)
    of_key = said(
        {"code": 99, "message": "other"},
        of_repository="FormatError: key/value found outside of section\x02",
    )
    with pytest.raises(SkytierError, match="encrypted with another key"):
        info.read(of_key)
    of_tls = "[CryptoError] unable to find hostname 's3' in certificate common name"
    assert info.read(said({"code": 99, "message": "other"}, of_repository=of_tls)).trouble == of_tls


@pytest.mark.parametrize(
    ("names", "missing"),
    [
        ([], []),
        (["000000010000000000000001-a.zst", "000000010000000000000002-b.zst"], []),
        # The last segment of a log, and the first of the next.
        (["0000000100000000000000FF-a.zst", "000000010000000100000000-b.zst"], []),
        # Another timeline begins where it left the former.
        (["000000010000000000000001-a.zst", "000000020000000000000009-b.zst"], []),
        (
            ["000000010000000000000001-a.zst", "000000010000000000000005-b.zst"],
            ["000000010000000000000002 to 000000010000000000000004"],
        ),
        # Another version of PostgreSQL begins anew, in a directory of its own.
        (["14-1/000000010000000000000001-a.zst", "15-2/000000010000000000000009-b.zst"], []),
        (["00000002.history", "000000010000000000000002.00000028.backup"], []),
    ],
)
def test_segments_that_an_archive_lacks_are_found(names: list[str], missing: list[str]) -> None:
    assert gaps(names) == missing
