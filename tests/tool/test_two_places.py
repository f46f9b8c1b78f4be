"""Backups in two places: what the stack file may say, what is planned, told and chosen."""

import json
import os
import shutil
import subprocess
from dataclasses import dataclass, field, replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import pytest

from skytier import roles
from skytier.cli import backup, chosen
from skytier.cli.dialog import Context
from skytier.cli.on_cloud import down
from skytier.deploy import backups, rehearsal, restore
from skytier.deploy.apply import LossError, refuse_losses
from skytier.deploy.kind import Found, Key, Known
from skytier.deploy.restore import Stand, by_newest, choose
from skytier.errors import SkytierError
from skytier.hosts.host import CommandError, Host
from skytier.openstack.commands import backups as on_cloud
from skytier.openstack.plan import object_store
from skytier.openstack.plan.planned import Removal
from skytier.secrets.certificate import self_signed
from skytier.services.exporters.service import TEXTFILES
from skytier.services.pgbackrest import info, timelines
from skytier.services.pgbackrest.config import HOMES, archive_command, pgbackrest_conf
from skytier.services.pgbackrest.info import Backup, Backups
from skytier.services.pgbackrest.program import secret_files
from skytier.services.pgbackrest.secrets import VARIABLES
from skytier.services.pgbackrest.service import SERVER_PORT
from skytier.services.pgbackrest.target import Target, target
from skytier.services.prometheus.config import AlertRules, rules
from skytier.services.setup import ANY_MACHINE, NEW_MACHINE
from skytier.stackfile import StackFile, load, parse
from skytier.stackfile.backup import FIRST, SECOND

from .test_backup import NOW, THERE, TO_CLOUD, said
from .test_backup import backup as made
from .test_object_store import resolved, steps, there

BOTH = parse(
    'name = "shop"\n[backup]\nkind = "object-store"\nbucket = "shop-backups"\n[backup.second]\n'
    'kind = "s3"\nbucket = "elsewhere"\nendpoint = "https://s3.example.org"\n'
)
TWO_CONTAINERS = parse(
    'name = "shop"\n[backup]\nkind = "object-store"\nbucket = "one"\n[backup.second]\n'
    'kind = "object-store"\nbucket = "two"\n'
)
SHARED_AND_S3 = parse(
    'name = "shop"\ndatabase.members = 2\n[backup]\nkind = "path"\npath = "/mnt/shared"\n'
    '[backup.second]\nkind = "s3"\nbucket = "elsewhere"\nendpoint = "https://s3.example.org"\n'
)
NEWER = Backups([made(40), made(1)], place=SECOND)
AWAY = Backups([], "it does not answer", SECOND)


@pytest.mark.parametrize(
    ("first", "second", "wrong"),
    [
        ("", 'kind = "path"\npath = "/a"', "backup.second.kind needs backup.kind"),
        ('kind = "path"\npath = "/a"', 'kind = "s3"', "which needs backup.second.bucket"),
        ('kind = "path"\npath = "/a"', 'path = "/b"', "backup.second.path needs backup.second"),
        ('kind = "path"\npath = "/a"', 'kind = "path"\npath = "/a/"', "second.path is backup.path"),
        (
            'kind = "object-store"\nbucket = "one"',
            'kind = "object-store"\nbucket = "one"',
            "backup.second.bucket is backup.bucket",
        ),
        (
            'kind = "object-store"\nbucket = "one"',
            'kind = "object-store"\nbucket = "one"\nendpoint = "https://s3.example.org"',
            "backup.second.bucket is backup.bucket",
        ),
        (
            'kind = "s3"\nbucket = "one"\nendpoint = "https://s3.example.org"',
            'kind = "s3"\nbucket = "one"\nendpoint = "https://S3.example.org:443/"',
            "backup.second.bucket is backup.bucket",
        ),
        ('kind = "path"\npath = "/a/b"', 'kind = "path"\npath = "/a//b"', "path is backup.path"),
        (
            'kind = "path"\npath = "/a"\nfrom_replica = true',
            "",
            "backup.from_replica needs a replica",
        ),
        (
            'kind = "path"\npath = "/a"',
            'kind = "s3"\nbucket = "one"\nendpoint = "http://s3.example.org"',
            "backup.second.endpoint has no TLS",
        ),
        (
            'kind = "path"\npath = "/a"',
            'kind = "object-store"\nbucket = "uploads"\n[storage]\nbucket = "uploads"',
            "backup.second.bucket is storage.bucket",
        ),
    ],
)
def test_what_cannot_work_is_refused_in_the_stack_file(first: str, second: str, wrong: str) -> None:
    with pytest.raises(SkytierError) as error:
        parse(f"[backup]\n{first}\n[backup.second]\n{second}")
    assert wrong in error.value.what


def test_a_container_is_not_named_again_as_a_bucket_of_the_same_api(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    catalog = ["https://s3.example.org:443"]
    monkeypatch.setattr(object_store, "_by_catalog", lambda _: catalog[0])
    text = 'bucket = "%s"\n[backup.second]\nkind = "s3"\nbucket = "elsewhere"\n'
    text = f'[backup]\nkind = "object-store"\n{text}endpoint = "https://s3.example.org"\n'
    with pytest.raises(SkytierError, match="are the same: elsewhere at") as error:
        object_store.backup_endpoints(cast(Any, None), parse(text % "elsewhere"))
    assert "backup.second.bucket" in (error.value.do or "")
    assert len(object_store.backup_endpoints(cast(Any, None), parse(text % "other"))) == 2
    # An address that the catalog does not tell is no place of its own.
    catalog[0] = ""
    assert object_store.backup_endpoints(cast(Any, None), parse(text % "elsewhere")) == {
        SECOND: "https://s3.example.org"
    }


def test_each_place_may_have_an_authority_of_its_own(tmp_path: Path) -> None:
    _, certificate = self_signed(["s3.example.org"])
    (tmp_path / "ca.pem").write_text(certificate)
    file = tmp_path / "skytier.toml"
    file.write_text(
        '[backup]\nkind = "path"\npath = "/a"\n[backup.second]\nkind = "s3"\nbucket = "one"\n'
        'endpoint = "https://s3.example.org"\nca = "ca.pem"\n'
    )
    found = load(file).backup
    assert found.ca is None
    assert found.second.ca == certificate


def test_both_containers_are_made_and_share_a_key() -> None:
    found = there(TWO_CONTAINERS)
    assert {Key("container", "one"), Key("container", "two")} <= found.keys()
    setup = resolved(TWO_CONTAINERS).setup("database", 1, Known(found))
    assert setup.secrets.count("object_store_key") == 1


def test_a_container_that_is_a_place_no_more_is_not_deleted_with_its_backups() -> None:
    there_now = [
        replace(each, facts=each.facts | {"objects": 3, "bytes": 9}) if key.name == "two" else each
        for key, each in there(TWO_CONTAINERS).items()
    ]
    one = parse('name = "shop"\n[backup]\nkind = "object-store"\nbucket = "one"\n')
    with pytest.raises(LossError, match="lose 3 objects") as error:
        refuse_losses(steps({each.key: each for each in there_now}, one))
    assert "backup.second.bucket" in (error.value.do or "")


def test_each_place_has_a_configuration_a_queue_and_keys_of_its_own() -> None:
    setup = resolved(BOTH).setup("database", 1, Known(there(BOTH)))
    texts = {file.path: file.text for file in setup.files}
    first, second = (texts[f"/etc/pgbackrest{each}/pgbackrest.conf"] for each in ("", "/second"))
    assert first == pgbackrest_conf(
        TO_CLOUD, resolved(TO_CLOUD).topology(Known(there(TO_CLOUD))).backup_stores[FIRST]
    )
    assert "spool-path=/var/spool/pgbackrest\n" in first
    for line in (
        *("repo1-s3-bucket=elsewhere", "repo1-storage-port=443"),
        *("spool-path=/var/spool/pgbackrest-second", "archive-push-queue-max=1GiB"),
        "lock-path=/var/spool/pgbackrest-second/lock",
    ):
        assert f"\n{line}\n" in second
    assert f"'{archive_command(BOTH)}'" in texts["/etc/skytier/pgbackrest/postgresql.conf"]
    assert archive_command(BOTH).split()[0] in texts
    assert {"object_store_key", "backup_second_access_key_id"} <= {*setup.secrets}
    assert "backup_access_key_id" not in setup.secrets
    assert VARIABLES["backup_second_access_key_id"] == "SKYTIER_BACKUP_SECOND_ACCESS_KEY_ID"


FOUNDED = """\
#!/bin/bash
# PostgreSQL's user on a new machine: an empty database, and what pgBackRest finds in each place.
place=first
case "$*" in *psql*) echo 0; exit ;; *config-path*) place=second ;; esac
case "$*" in
    *info*) cat "$AT/$place" ;;
    *stanza-create*) grep --quiet missing "$AT/$place" && echo "$place" >>"$AT/made" ;;
esac
"""
NONE_YET, LOST = "status: error (missing stanza path)", "full backup: 20261129-030000F"
UNREAD = "status: error (other)"


@pytest.mark.parametrize(
    ("first", "second", "made", "foreign"),
    [
        (NONE_YET, NONE_YET, ["first", "second"], []),
        (LOST, NONE_YET, [], ["foreign"]),
        (NONE_YET, LOST, [], ["foreign-second"]),
        # What cannot be read may be of the database that was lost.
        (UNREAD, NONE_YET, [], []),
        (NONE_YET, UNREAD, [], []),
        (UNREAD, LOST, [], ["foreign-second"]),
    ],
)
def test_on_a_new_machine_no_place_is_begun_that_may_be_of_the_lost_database(
    tmp_path: Path, first: str, second: str, made: list[str], foreign: list[str]
) -> None:
    script = resolved(BOTH).setup("database", 1, Known(there(BOTH))).script
    script = script[script.index("# Backups: pgBackRest") :]
    made_by = script[script.index("create_stanza() {") : script.index("\narrives() {")]
    functions = script[: script.index("mkdir -p")] + made_by
    (tmp_path / "first").write_text(first)
    (tmp_path / "second").write_text(second)
    (tmp_path / "runuser").write_text(FOUNDED)
    (tmp_path / "runuser").chmod(0o700)
    text = 'set -euo pipefail\nfail() { echo "$@"; exit 1; }\n' + functions + "\nmake_stanza\n"
    text = text.replace("/var/lib/skytier/backup", str(tmp_path))
    path = f"{tmp_path}:{os.environ['PATH']}"
    done = subprocess.run(
        ["bash", "-c", text.replace("/var/lib/skytier/", f"{tmp_path}/")],
        check=False,
        capture_output=True,
        text=True,
        env={**os.environ, "PATH": path, "AT": str(tmp_path)},
    )
    assert (done.returncode == 0) == bool(made), done.stderr
    noted = tmp_path / "made"
    assert (noted.read_text().split() if noted.exists() else []) == made
    assert [each.name for each in tmp_path.glob("foreign*")] == foreign


def test_what_a_new_machine_alone_is_asked_is_no_reason_to_set_up_one_that_is_there() -> None:
    setup = resolved(TO_CLOUD).setup("database", 1, Known(there(TO_CLOUD)))
    before, _, rest = setup.script.partition(f"{NEW_MACHINE}\n")
    asked, _, after = rest.partition(f"{ANY_MACHINE}\n")
    assert "pgbackrest.applied" in asked
    assert setup.fingerprint() == replace(setup, script=before + after).fingerprint()
    assert setup.fingerprint() != replace(setup, script=before).fingerprint()


class Archiving:
    """PostgreSQL's directory, and a pgBackRest that has, drops or lacks a file in each place."""

    def __init__(self, at: Path, script: str) -> None:
        self.at = at
        for each in ("pg_wal/archive_status", "first/archive/main/out", "second/archive/main/out"):
            (at / each).mkdir(parents=True)
        (at / "pgbackrest").write_text(
            '#!/bin/sh\nplace=first; case "$1" in --config-path=*) place=second ;; esac\n'
            f'for file; do :; done; echo "$place $file" >>{at}/asked\n'
            f'said=$(cat {at}/$place.says); [ "$said" != away ] || exit 82; echo "$said"\n'
        )
        (at / "pgbackrest").chmod(0o700)
        for place in (FIRST, SECOND):
            script = script.replace(f"{HOMES[place].spool}/", f"{at}/{place}/")
            script = script.replace(f"{HOMES[place].spool} ", f"{at}/{place} ")
        self.script = script

    def push(self, segment: str, **says: str) -> int:
        (self.at / "pg_wal" / "archive_status" / f"{segment}.ready").touch()
        for place in (FIRST, SECOND):
            (self.at / f"{place}.says").write_text(says.get(place, ""))
        command = ["bash", "-c", self.script, "archive", "pg_wal/" + segment]
        env = {"PATH": f"{self.at}:{os.environ['PATH']}"}
        return subprocess.run(
            command, check=False, cwd=self.at, env=env, stdout=subprocess.DEVNULL
        ).returncode

    def asked(self) -> list[str]:
        found = (self.at / "asked").read_text().splitlines()
        (self.at / "asked").unlink()
        return found


@pytest.fixture
def archiving(tmp_path: Path) -> Archiving:
    files = resolved(BOTH).setup("database", 1, Known(there(BOTH))).files
    command = archive_command(BOTH).split()[0]
    return Archiving(tmp_path, next(each.text for each in files if each.path == command))


def test_postgresql_is_told_that_a_file_is_archived_once_both_places_have_it(
    archiving: Archiving,
) -> None:
    one, two = f"{1:024}", f"{2:024}"
    assert archiving.push(one) == 0
    assert archiving.asked() == [f"first pg_wal/{one}", f"second pg_wal/{one}"]
    assert archiving.push(one, first="away", second="away") == 1
    assert len(archiving.asked()) == 2
    # What is newer goes to the place that is well, which has the one that is asked for.
    (archiving.at / "pg_wal" / "archive_status" / f"{two}.ready").touch()
    assert archiving.push(one, second="away") == 1
    assert archiving.asked()[2:] == [f"first pg_wal/{two}"]
    assert archiving.push(one, first="away") == 1
    assert archiving.asked()[2:] == [f"second pg_wal/{two}"]


def test_when_changes_were_dropped_is_noted_for_their_place_alone(archiving: Archiving) -> None:
    one, at = f"{1:024}", archiving.at
    noted = at / "second" / "archive" / "main" / "out" / f"{one}.ok"
    noted.write_text("0\ndropped")
    os.utime(noted, (1764547203, 1764547203))
    # A backup may have been made since: the first place is away, so it is asked for again.
    assert archiving.push(one, first="away", second=f"WARN: dropped WAL file '{one}'") == 1
    assert (at / "second" / "dropped").read_text() == "1764547203\n"
    assert not (at / "first" / "dropped").exists()
    assert archiving.push(one, first=f"WARN: dropped WAL file '{one}'") == 0
    assert int((at / "first" / "dropped").read_text()) > 1764547203


def test_what_was_known_of_the_second_place_goes_with_it(tmp_path: Path) -> None:
    files = resolved(BOTH).setup("database", 1, Known(there(BOTH))).files
    (leave,) = [each.text for each in files if each.path.endswith("removals/30-second-place")]
    for directory in (state := tmp_path / "state", figures := tmp_path / "figures"):
        directory.mkdir()
    goes = ["completed-second", "failed-second", "verified-second", "foreign-second"]
    stays = ["completed", "failed", "verified"]
    for each in (*goes, *stays):
        (state / each).touch()
    # Or an alert would tell for ever that nobody rehearses it.
    for each in ("skytier-rehearsal-second.prom", "skytier-rehearsal.prom"):
        (figures / each).touch()
    for path, other in {
        "/var/lib/skytier/backup": state,
        TEXTFILES: figures,
        HOMES[SECOND].directory: tmp_path / "conf",
        HOMES[SECOND].spool: tmp_path / "spool",
    }.items():
        leave = leave.replace(path, str(other))
    subprocess.run(["bash", "-c", leave], check=True)
    assert {each.name for each in state.iterdir()} == {*stays}
    assert [each.name for each in figures.iterdir()] == ["skytier-rehearsal.prom"]


def test_members_reach_each_other_for_backups_only_where_a_replica_reads_the_files() -> None:
    text = 'database.members = 2\nbackup = {kind = "path", path = "/a", from_replica = %s}'
    ports = [
        {rule.port for rule in roles.ingress_rules(parse(text % asked))["database"]}
        for asked in ("false", "true")
    ]
    assert ports[1] - ports[0] == {SERVER_PORT}


def test_a_copy_is_told_the_keys_of_its_place_alone() -> None:
    secrets = {"backup_key": "the key", "object_store_key": "one:two"}
    secrets |= {"backup_second_access_key_id": "three", "backup_second_secret_access_key": "four"}
    first, second = (
        secret_files(BOTH.backup, secrets, place, directory="/r", data="/d", own="/o")[
            "conf.d/secrets.conf"
        ]
        for place in (FIRST, SECOND)
    )
    assert "repo1-s3-key=one\nrepo1-s3-key-secret=two\n" in first
    assert "repo1-s3-key=three\nrepo1-s3-key-secret=four\n" in second


def chosen_place(asked: str, *found: Backups) -> Target:
    return choose(found, lambda there: target(asked, there, NOW), lambda place: [])[1]


def test_the_first_place_that_has_what_is_asked_is_restored() -> None:
    assert chosen_place("latest", THERE, NEWER).place == FIRST
    assert chosen_place("latest", AWAY, THERE).place == FIRST
    # Only the second one has kept a backup from so long ago.
    old = chosen_place("-35h", THERE, NEWER)
    assert (old.place, old.backup) == (SECOND, NEWER.all[0].name)
    assert "in the second place" in old.words
    assert chosen_place(NEWER.newest.name, THERE, NEWER).place == SECOND
    with pytest.raises(SkytierError, match="is before the oldest backup ended"):
        chosen_place("-90h", THERE, NEWER)
    with pytest.raises(SkytierError, match="it does not answer"):
        chosen_place("latest", AWAY)


def test_the_newest_state_is_that_of_the_place_whose_archive_goes_on_for_longest() -> None:
    first = replace(THERE, archived="15-1/000000020000000000000009")
    ahead = replace(NEWER, archived="15-1/00000002000000000000000A")
    assert [each.place for each in by_newest([first, ahead])] == [SECOND, FIRST]
    as_new = replace(ahead, archived=first.archived)
    assert [each.place for each in by_newest([first, as_new])] == [FIRST, SECOND]
    # Names begin anew with another version of PostgreSQL.
    upgraded = replace(NEWER, archived="17-2/000000010000000000000001")
    assert [each.place for each in by_newest([first, upgraded])] == [SECOND, FIRST]
    assert by_newest([AWAY, first])[0].place == FIRST


def segments(names: str) -> list[str]:
    """The names of some, by their last digits; `a` and `b` begin the second and third timeline."""
    timeline, found = "1", []
    for each in names:
        if each in "ab":
            timeline = {"a": "2", "b": "3"}[each]
        else:
            found.append(f"15-1/0000000{timeline}{'0' * 15}{each}-ab.zst")
    return found


@pytest.mark.parametrize(
    ("names", "lacking"),
    [
        ("1235", False),
        ("1345", False),
        ("12346", True),
        # A timeline goes on where an earlier one ended: with the same segment, or the next one.
        ("1234a456", False),
        ("1234a56", False),
        ("1234a67", True),
        # A restore to an earlier moment began another one.
        ("12345678a34b56", False),
    ],
)
def test_a_hole_counts_only_after_the_backup_that_is_restored(names: str, lacking: bool) -> None:
    backup = replace(made(1), last_segment=f"{'00000001':0<23}4")
    assert info.lacks(segments(names), backup) is lacking


def test_a_place_with_a_hole_comes_after_one_without() -> None:
    last = f"{'00000001':0<23}2"
    both = [
        Backups([replace(made(40), last_segment=last)], place=place, archived="15-1/1")
        for place in (FIRST, SECOND)
    ]
    archives = {FIRST: segments("1235"), SECOND: segments("12345")}

    def place(asked: str) -> str:
        wanted = choose(both, lambda there: target(asked, there, NOW), archives.__getitem__)[1]
        return wanted.place

    assert place("latest") == SECOND
    assert place("-2h") == SECOND
    # The backup itself is before the hole.
    assert place(both[0].newest.name) == FIRST
    archives[SECOND] = archives[FIRST]
    assert place("latest") == FIRST


@pytest.mark.parametrize(
    ("places", "timeline"), [((FIRST,), ""), ((FIRST, SECOND), "2"), ((SECOND,), "2")]
)
def test_of_two_places_the_newest_state_is_on_a_timeline_that_the_place_knows(
    monkeypatch: pytest.MonkeyPatch, places: tuple[str, ...], timeline: str
) -> None:
    told_of = "15-1\n15-1/00000002.history 1\t0/5000\tbefore 2026-03-01 12:00:00+00\n"
    monkeypatch.setattr(
        backups, "everywhere", lambda host, names: [replace(THERE, place=each) for each in names]
    )
    monkeypatch.setattr(backups, "now", lambda host: NOW)
    monkeypatch.setattr(restore, "_stand", lambda host, place: Stand(False, False, False))
    monkeypatch.setattr(restore, "check_version", lambda *of: None)
    machine = told(first=told_of, second=told_of)
    assert restore.intend(machine, "latest", places=places).target.timeline == timeline
    assert timelines.newest(told_of, 2) == 2


def test_a_number_of_a_timeline_is_not_given_twice(tmp_path: Path) -> None:
    setup = resolved(BOTH).setup("database", 1, Known(there(BOTH)))
    (text,) = [each.text for each in setup.files if each.path == "/usr/local/lib/skytier/restore"]
    text = text[text.index('if [ "$place" = first ]; then get=') : text.index("options=(--delta")]
    (tmp_path / "histories").mkdir()
    (tmp_path / "histories" / "00000002.history").write_text("known here")
    (tmp_path / "pgbackrest").write_text(
        '#!/bin/sh\ncase "$*" in *broken*) exit 3 ;; *0000000F*) echo archived >"$5" ;; '
        "*) exit 1 ;; esac\n"
    )
    (tmp_path / "pgbackrest").chmod(0o700)
    path = {"PATH": f"{tmp_path}:{os.environ['PATH']}"}
    given = f'{text}printf "%s" "$get"'.replace("/var/lib/skytier/backup", str(tmp_path))

    def got(name: str, timeline: str = "1") -> tuple[int, str]:
        asked = ["bash", "-c", f"place=second timeline={timeline}\n{given}"]
        command = subprocess.run(asked, check=True, capture_output=True, text=True, env=path).stdout
        to = tmp_path / "to"
        to.unlink(missing_ok=True)
        command = command.replace("%f", name).replace("%p", str(to))
        code = subprocess.run(["sh", "-c", command], check=False, env=path).returncode
        return code, to.read_text().strip() if to.exists() else ""

    assert got("0000000F.history") == (0, "archived")
    assert got("00000002.history") == (0, "known here")
    assert got("00000003.history") == (1, "")
    # What cannot be read is no end of the archive.
    assert got("broken") == (126, "")
    # PostgreSQL looks for the newest timeline by itself.
    assert got("00000002.history", timeline="''") == (1, "")


def test_the_machine_is_told_the_place_only_where_it_is_the_second() -> None:
    assert len(Target("default").text(first=True).splitlines()) == 5
    assert Target("default", place=SECOND).text(first=True).splitlines()[5:] == [SECOND]


@dataclass
class Machine:
    """Says what pgBackRest does of each place."""

    first: str = ""
    second: str = ""
    name: str = "shop-database-1"
    ran: list[str] = field(default_factory=list)

    def run(self, command: str, stdin: bytes = b"") -> str:
        self.ran.append(command)
        if "pgbackrest" not in command:
            return "yes"
        found = self.second if "--config-path=/etc/pgbackrest/second" in command else self.first
        if not found:
            raise CommandError("It ended with 103", "Look.", "it does not answer")
        return found


def told(**places: str) -> Host:
    return cast(Host, cast(Any, Machine(**places)))


WELL = said({"code": 2, "message": "no valid backups"})


def test_a_place_that_is_away_hides_no_other() -> None:
    places = (FIRST, SECOND)
    first, second = backups.everywhere(told(first=WELL), places)
    assert (first.trouble, second.place) == ("", SECOND)
    assert "it does not answer" in second.trouble
    with pytest.raises(SkytierError, match="cannot be read"):
        backups.everywhere(told(), places)


def test_a_rehearsal_takes_the_first_place_that_has_a_backup(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(backups, "everywhere", lambda host, places: [AWAY, THERE])
    monkeypatch.setattr(rehearsal, "read_secrets", lambda host: {})
    of = rehearsal.source(told(), (SECOND, FIRST))
    assert (of.place, of.backup) == (FIRST, THERE.newest)
    text = rehearsal.metrics(NOW, 1, 2, SECOND)
    assert '\nskytier_rehearsal_failed{place="second"} 0\n' in text
    assert "\nskytier_rehearsal_failed 0\n" in rehearsal.metrics(NOW, 1, 2)


@pytest.mark.skipif(not shutil.which("promtool"), reason="needs prometheus")
def test_alerts_name_the_place_where_there_are_two(tmp_path: Path) -> None:
    texts = rules(AlertRules("shop", has_two_places=True))
    for name in ("backup.yml", "database.yml"):
        (tmp_path / name).write_text(texts[name])
        check = ["promtool", "check", "rules", tmp_path / name]
        done = subprocess.run(check, check=False, capture_output=True, text=True)
        assert done.returncode == 0, done.stderr
        assert "$labels.place" in texts[name]
        assert "$labels.place" not in rules(AlertRules("shop"))[name]


def test_a_place_is_named_by_its_name() -> None:
    stack = cast(Any, SimpleNamespace(stack=BOTH))
    assert on_cloud.places(stack) == [FIRST, SECOND]
    assert on_cloud.places(stack, SECOND) == [SECOND]
    with pytest.raises(SkytierError, match="names no place 'third'") as error:
        on_cloud.places(stack, "third")
    assert "first, second" in (error.value.do or "")


def test_the_list_names_the_places(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    stack = SimpleNamespace(backups=lambda: [THERE, AWAY])
    monkeypatch.setattr(chosen, "stack_file", lambda file, cloud: BOTH)
    monkeypatch.setattr(chosen, "cloud_stack", lambda wanted: stack)
    backup.list_all()
    out, err = capsys.readouterr()
    assert "The first place:" in out
    assert "skytier restore --to TIME --from first" in " ".join(out.split())
    assert "The second place: pgBackRest says: it does not answer" in " ".join((out + err).split())
    backup.list_all(as_json=True)
    rows = json.loads(capsys.readouterr().out)
    assert {each["place"] for each in rows["backups"]} == {FIRST}
    assert "it does not answer" in rows["trouble"]


SERVER = Found(Key("server", "shop-database-1"), "1", {}, {"role": "database"})


def container(name: str) -> Found:
    return Found(Key("container", name), name, {}, {"objects": 3, "bytes": 9})


@pytest.mark.parametrize(
    ("stack", "going", "stay"),
    [
        (BOTH, [SERVER], [FIRST, SECOND]),
        # With --purge the containers go; the bucket of another provider does not.
        (BOTH, [SERVER, container("shop-backups")], [SECOND]),
        (TWO_CONTAINERS, [SERVER, container("one"), container("two")], []),
        (BOTH, [], []),
    ],
)
def test_down_knows_which_places_stay(
    stack: StackFile, going: list[Found], stay: list[str]
) -> None:
    dialog = cast(Context[Any], SimpleNamespace(stack=SimpleNamespace(stack=stack)))
    assert down._backups_stay(dialog, Removal(going, empty=False)) == stay


def test_a_shared_directory_stays_but_is_not_known_to_outlive_the_servers() -> None:
    asked: list[list[str]] = []

    def newest(among: list[str]) -> Backup | None:
        asked.append(among)
        return None if among == [SECOND] else THERE.newest

    stack = SimpleNamespace(stack=SHARED_AND_S3, newest_backup=newest)
    dialog = cast(Context[Any], SimpleNamespace(stack=stack))
    going = Removal([SERVER], empty=False)
    assert down._backups_stay(dialog, going) == [FIRST, SECOND]
    # The bucket of the other place is all that counts.
    with pytest.raises(SkytierError, match="no backup of its database was found"):
        down.approve(dialog, going, last_backup=None, delete_data=False)
    assert asked == [[SECOND]]
