"""Rehearsals: what the machines say, what is compared, told and shown, and the scratch server."""

import json
import re
import shutil
import subprocess
import threading
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import pytest

from skytier.cli import chosen, rehearse
from skytier.deploy.apply import StoppedError
from skytier.deploy.kind import Found, Key, Known
from skytier.deploy.plan import Action, plan
from skytier.deploy.rehearsal import Proof, Source, lacking, metrics, metrics_file
from skytier.deploy.rehearsed import Drill, DrillName, Rehearsed, as_json, from_json, rehearsed
from skytier.errors import SkytierError
from skytier.hosts.host import UnreachableError
from skytier.openstack.choices.flavor import Flavor
from skytier.openstack.commands import rehearsal as on_cloud
from skytier.openstack.commands import scratch
from skytier.openstack.machines.operator import KEPT_REHEARSALS, OperatorFiles
from skytier.openstack.plan import removal
from skytier.openstack.plan.desired import wanted
from skytier.openstack.plan.kinds import RULES
from skytier.openstack.plan.losses import losses
from skytier.report import rehearsal as shown
from skytier.services.pgbackrest import contents, marker
from skytier.services.pgbackrest.contents import Content, Different, compare
from skytier.services.pgbackrest.program import secret_files
from skytier.services.pgbackrest.rehearsal import marking, restoring
from skytier.stackfile import StackFile, parse
from tests.cluster.cluster import Events
from tests.cluster.kinds import Recorded

from .test_backup import THERE, TO_CLOUD, TO_S3
from .test_object_store import PROJECT, resolved, there

TO_CLOUD_OF_THREE = """
name = "shop"
database = {members = 3}
backup = {kind = "object-store", bucket = "shop-backups"}
"""
SMALL = Flavor("1", "m1.small", vcpus=1, ram_mib=2048, disk_gib=20)
SERVER = Key("server", "shop-rehearsal-1")
SAID = """\
{"location" : "0/5000110", "at" : 1795950400.5, "segment" : "000000010000000000000004",
 "segment_bytes" : 16777216, "marked_in" : "000000010000000000000005"}
{"oldest": "2026-11-29 11:06:35.250000 UTC"}
["public", "posts", 2, "37"]
{"read_s": 0.25}
{"archived_s": 1.500}
""".replace(",\n", ",")
MARKED = marker.marker("skytier-rehearsal-1", SAID)
SECRETS = {"backup_key": "the key", "object_store_key": "access:secret"}


def test_what_was_not_in_the_archive_at_the_marker_is_told() -> None:
    assert MARKED.lost_bytes == 0x5000110 - 0x4000000
    assert MARKED.lost_seconds == pytest.approx(5.25)
    assert MARKED.contents == {"public.posts": Content(2, "37")}
    idle = marker.marker("m", SAID.replace("2026-11-29 11:06:35.250000 UTC", ""))
    assert idle.lost_seconds == 0
    with pytest.raises(SkytierError, match="cannot be read"):
        marker.marker("m", "nothing")


def test_each_difference_has_its_table() -> None:
    original = {"a": Content(1, "5"), "b": Content(2, "6"), "c": Content(3, "7")}
    copy = {"b": Content(2, "0"), "c": Content(3, "7"), "d": Content(0, "0")}
    found = compare(original, copy)
    assert found.missing == ["a"]
    assert found.surplus == ["d"]
    assert found.different == [Different("b", 2, 2)]
    assert not found.same
    odd = '["public", "odd \\"name\\" |", 1, "9223372036854775808"]'
    assert contents.read(odd) == {'public.odd "name" |': Content(1, "9223372036854775808")}


def test_a_copy_beside_the_database_leaves_room_for_it() -> None:
    backup = replace(THERE.newest, database_bytes=10 * 2**30)
    assert lacking(backup, 12 * 2**30, 0) == 0
    assert lacking(backup, 11 * 2**30, 0) == 2**30
    # A tenth of the disk is for the database.
    assert lacking(backup, 12 * 2**30, 100 * 2**30) == 10 * 2**30


@pytest.mark.parametrize("stack", [TO_CLOUD, TO_S3], ids=["object store", "S3"])
def test_secrets_are_in_one_file_alone_and_the_place_is_only_read(stack: StackFile) -> None:
    secrets = SECRETS | {"backup_access_key_id": "access", "backup_secret_access_key": "secret"}
    files = secret_files(stack.backup, secrets, directory="/run/it", data="/data", own="/own")
    assert "repo1-s3-key=access\nrepo1-s3-key-secret=secret\n" in files["conf.d/secrets.conf"]
    program = restoring(
        marker="m", backup="b", version="15", conf={}, secrets=files, spare_bytes=None
    )
    with_secrets = [file.path for file in program.files if "cipher-pass" in file.text]
    assert with_secrets == ["/run/skytier-rehearsal/conf.d/secrets.conf"]
    assert all(file.mode == 0o640 for file in program.files)
    (script,) = [file.text for file in program.files if file.path.endswith("/program")]
    assert "archive_mode=off" in script
    assert "stanza-create" not in script


@pytest.mark.skipif(not shutil.which("shellcheck"), reason="needs shellcheck")
def test_the_programs_are_good_shell(tmp_path: Path) -> None:
    restore = restoring(marker="m", backup="b", version="15", conf={}, secrets={}, spare_bytes=1)
    scripts = [f for each in (marking("m"), restore) for f in each.files if f.text[:2] == "#!"]
    assert len(scripts) == 3
    for number, script in enumerate(scripts):
        path = tmp_path / str(number)
        path.write_text(script.text)
        done = subprocess.run(["shellcheck", path], check=False, capture_output=True, text=True)
        assert done.returncode == 0, done.stdout


def test_why_postgresql_ended_is_found_in_its_log() -> None:
    program = restoring(marker="m", backup="b", version="15", conf={}, secrets={}, spare_bytes=1)
    told = re.search(r"grep -E '([^']*)' ", program.files[0].text)
    assert told
    for line in (
        "LOG:  startup process (PID 7) was terminated by signal 9: Killed",
        "FATAL:  recovery ended before configured recovery target was reached",
    ):
        assert re.search(told[1], line)


def kinds() -> dict[str, Recorded]:
    return {name: Recorded(name) for name in RULES}


def made(root_gib: int = 0) -> list[Any]:
    return scratch.wanted(resolved(TO_CLOUD), PROJECT, SMALL, root_gib)


def test_the_scratch_server_is_the_stacks_own_and_only_the_bastion_gets_in() -> None:
    by_key = {each.key: each for each in made(root_gib=30)}
    assert set(by_key) == {
        Key("security group", "shop-rehearsal"),
        Key("port", "shop-rehearsal-1"),
        SERVER,
        Key("root volume", "shop-rehearsal-1"),
    }
    group = by_key[Key("security group", "shop-rehearsal")]
    assert group.attributes["rules"] == [[22, Key("security group", "shop-web")]]
    port = by_key[Key("port", "shop-rehearsal-1")]
    assert port.attributes["security_groups"] == [group.key]
    assert port.attributes["network"] == Key("network", "shop-network")
    assert "pgbackrest" in by_key[SERVER].creation["user_data"]


def test_what_a_run_that_was_cut_short_left_is_named_and_removed(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(removal, "ROUND_S", 0)
    stack = TO_CLOUD
    of_stack = Known(there(stack))
    left = {
        each.key: Found(each.key, f"id of {each.key}", {}, {"role": "rehearsal"}) for each in made()
    }
    steps = plan(
        wanted(resolved(stack), PROJECT, "", of_stack),
        [*of_stack.values(), *left.values()],
        RULES,
        losses(resolved(stack), of_stack),
    )
    deleted = [step.key for step in steps if step.action is Action.DELETE]
    assert deleted[0] == SERVER
    assert set(deleted) == set(left)
    assert not any(step.loses for step in steps)

    recorded = kinds()
    for each in (*of_stack.values(), *left.values()):
        if each.key.kind in recorded:
            recorded[each.key.kind].there[each.key] = each
    assert scratch.remove("shop", cast(Any, recorded), Events())
    stays = {key for kind in recorded.values() for key in kind.there}
    assert not stays & set(left)
    assert stays == {key for key in of_stack if key.kind in recorded}
    assert not scratch.remove("shop", cast(Any, recorded), Events())


class Shown(Events):
    def planned(self, steps: Any) -> None:
        """It is of no interest here."""


PROOF = Proof(10.0, 5.0, 0.5, compare(MARKED.contents, MARKED.contents), 1, 2)
OF = Source(THERE.newest, {})
BEGAN = datetime(2026, 11, 29, 12, tzinfo=UTC)


def found(**more: Any) -> Rehearsed:
    parts = {"server": 60.0, "set-up": 30.0}
    given: dict[str, Any] = {"marked": MARKED, "parts": parts, "proof": PROOF} | more
    return rehearsed(("shop", "mycloud"), BEGAN, "shop-rehearsal-1 (m1.small)", OF, **given)


DIFFERS = found(
    proof=replace(PROOF, compared=compare({"<b>": Content(1, "5")}, {"c": Content(1, "5")}))
)
FAILED = found(proof=None, trouble=SkytierError("The copy <fails>.", "Mend it."))


def test_a_report_is_kept_and_read_again(tmp_path: Path) -> None:
    good = found()
    assert good.good
    assert good.recovery_s == 105
    assert good.lost_seconds == 5.25
    for each in (good, DIFFERS, FAILED, replace(good, drills=[SWITCHED, ROLLED_BACK])):
        assert from_json(as_json(each)).drills == list(each.drills)
        again = from_json(as_json(each))
        assert as_json(again) == as_json(each)
    operator = OperatorFiles(tmp_path)
    assert operator.last_rehearsal() == ""
    for number in range(KEPT_REHEARSALS + 2):
        operator.keep_rehearsal(f"2026112{number:03}", str(number))
    assert operator.last_rehearsal() == str(KEPT_REHEARSALS + 1)
    assert len(list(operator.rehearsals.iterdir())) == KEPT_REHEARSALS


def test_sentences_and_a_page_say_what_was_found() -> None:
    text = " ".join([shown.verdict(found()), *shown.sentences(found())])
    for words in (
        "1 table with 2 rows",
        "105.0 s (RTO)",
        "5.2 s would have been lost (RPO)",
        "16.0 MiB of the log",
    ):
        assert words in text
    assert shown.verdict(DIFFERS) == "The restored copy differs in 2 tables."
    idle = found(marked=replace(MARKED, lost_seconds=0.0))
    assert "no change would have been lost" in " ".join(shown.sentences(idle))
    page = shown.html(DIFFERS)
    assert "&lt;b&gt; is missing in the copy." in page
    assert "c is in the copy alone." in page
    assert "The copy &lt;fails&gt;. Mend it." in shown.html(FAILED)
    assert "RTO" not in shown.html(FAILED)


def test_the_monitor_gets_what_it_needs_for_its_alerts() -> None:
    text = metrics(BEGAN, 105.0, 5.25)
    assert f"\nskytier_rehearsal_completed_timestamp_seconds {BEGAN.timestamp():.0f}\n" in text
    assert "\nskytier_rehearsal_recovery_seconds 105.000\n" in text
    assert "\nskytier_rehearsal_lost_seconds 5.250\n" in text
    assert "\nskytier_rehearsal_failed 0\n" in text


@pytest.fixture
def stack(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Any:
    """Its rehearsals find what is noted in `found`."""
    made = SimpleNamespace(found=found(), operator=OperatorFiles(tmp_path), names=[])

    def asked(names: Any) -> Rehearsed:
        made.names = names
        return cast(Rehearsed, made.found)

    made.rehearse = lambda events, flavor, place, names, *, on_monitor: asked(names)
    monkeypatch.setattr(chosen, "stack_file", lambda file, cloud: TO_CLOUD)
    monkeypatch.setattr(chosen, "cloud_stack", lambda wanted: made)
    return made


def test_the_command_fails_where_the_backups_are_not_proven(
    stack: Any, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    page = tmp_path / "page.html"
    rehearse.rehearse(html=page)
    assert "The restored copy is the same" in capsys.readouterr().out
    assert "RTO" in page.read_text()
    stack.found = DIFFERS
    with pytest.raises(SkytierError, match="is not what the database held"):
        rehearse.rehearse()
    assert "<b> is missing in the copy." in capsys.readouterr().out
    stack.found = FAILED
    with pytest.raises(SkytierError, match="The copy <fails>"):
        rehearse.rehearse(as_json=True)
    assert json.loads(capsys.readouterr().out)["good"] is False


SWITCHED = Drill("switchover", [{"to": "shop-database-2", "seconds": 2.51}])
ROLLED_BACK = Drill(
    "rollback", [{"to": "1-old", "seconds": 30.0}], "2-new does <not> serve.", "Switch to it."
)


def test_what_was_tried_besides_is_told_and_fails_the_command(
    stack: Any, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    page = tmp_path / "page.html"
    stack.found = replace(found(), drills=[SWITCHED])
    rehearse.rehearse(switchover=True)
    assert stack.names == ["switchover"]
    said = "shop-database-2 became the primary: nobody could write for 2.5 s."
    assert said in capsys.readouterr().out
    stack.found = replace(found(), drills=[SWITCHED, ROLLED_BACK])
    with pytest.raises(SkytierError, match=r"rollback is not proven\. 2-new does <not> serve\."):
        rehearse.rehearse(switchover=True, rollback=True, html=page)
    assert stack.names == ["switchover", "rollback"]
    told = " ".join(capsys.readouterr().out.split())
    for words in (said, "to the release 1-old within 30.0 s.", "does <not> serve. Switch to it."):
        assert words in told
        assert words.replace("<not>", "&lt;not&gt;") in page.read_text()
    unseen = replace(SWITCHED, steps=[{"to": "shop-database-1", "seconds": None}])
    assert "was not seen" in shown.tried(replace(found(), drills=[unseen]))[0]


def test_the_last_report_is_shown_again(stack: Any, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SkytierError, match="No rehearsal"):
        rehearse.rehearse(last=True)
    stack.operator.keep_rehearsal("1", as_json(DIFFERS))
    rehearse.rehearse(last=True, as_json=True)
    assert json.loads(capsys.readouterr().out)["missing"] == ["<b>"]
    stack.operator.keep_rehearsal("2", "{}")
    with pytest.raises(SkytierError, match="cannot be read"):
        rehearse.rehearse(last=True)


class Machine:
    """A host that notes down what it is asked for."""

    name = "shop-database-1"

    def __init__(self) -> None:
        self.ran: list[str] = []

    def run(self, script: str, stdin: bytes | None = None) -> str:
        self.ran.append(script + (stdin or b"").decode())
        return ""


class Stack:
    """A stack on a cloud whose resources are noted down."""

    def __init__(self, tmp_path: Path) -> None:
        self.stack, self.cloud, self.project = TO_CLOUD, "mycloud", PROJECT
        self.has_volumes = True
        self.kinds = kinds()
        self.operator = OperatorFiles(tmp_path)
        for each in there(TO_CLOUD).values():
            if each.key.kind in self.kinds:
                self.kinds[each.key.kind].there[each.key] = each

    @contextmanager
    def held(self, what: str, lost: threading.Event) -> Iterator[None]:
        yield

    def plan(self) -> Any:
        return SimpleNamespace(resolved=resolved(TO_CLOUD), known=Known(there(TO_CLOUD)))

    def room(self, steps: Any, flavors: Any) -> list[Any]:
        return []

    @property
    def scratch(self) -> set[Key]:
        return {key for kind in self.kinds.values() for key in kind.there if "rehears" in key.name}


@pytest.fixture
def begun(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> tuple[Stack, Machine]:
    """A stack of which the copy is not made: `prove` is left to the test."""
    made, machine = Stack(tmp_path), Machine()

    @contextmanager
    def target(stack: Any, name: str, tell: Any = None) -> Iterator[Machine]:
        yield machine

    monkeypatch.setattr(removal, "ROUND_S", 0)
    monkeypatch.setattr(on_cloud, "ssh_target", target)
    monkeypatch.setattr(on_cloud, "database_of", lambda stack: target(stack, "database"))
    monkeypatch.setattr(on_cloud, "set_up", lambda *given: None)
    monkeypatch.setattr(on_cloud.rehearsal, "source", lambda host, places: OF)
    monkeypatch.setattr(on_cloud.rehearsal, "mark", lambda host, at, tell, place: MARKED)
    return made, machine


class Away(Machine):
    name = "shop-database-3"

    def run(self, script: str, stdin: bytes | None = None) -> str:
        raise UnreachableError("It does not answer.", "Look.")


@pytest.mark.parametrize("good", [True, False])
def test_former_primaries_tell_nothing_of_older_rehearsals(
    begun: tuple[Stack, Machine], monkeypatch: pytest.MonkeyPatch, good: bool
) -> None:
    stack, primary = begun
    stack.stack = parse(TO_CLOUD_OF_THREE)
    former = Machine()
    former.name = "shop-database-2"

    @contextmanager
    def machines(stack: Any, *, that_run: bool) -> Iterator[dict[str, Machine]]:
        yield {each.name: each for each in (Away(), primary, former)}

    wrong = compare({"a": Content(1, "5")}, {})
    proof = PROOF if good else replace(PROOF, compared=wrong)
    monkeypatch.setattr(on_cloud.rehearsal, "prove", lambda *given, beside: proof)
    monkeypatch.setattr(on_cloud, "machines", machines)
    assert on_cloud.rehearse(cast(Any, stack), Shown()).good == good
    file = metrics_file()
    gone = f"rm -f {file}" if good else f"sed -i /skytier_rehearsal_failed/d {file}"
    assert former.ran == [f"[ ! -e {file} ] || {gone}"]
    assert not any("rm -f" in each or "sed" in each for each in primary.ran)


def test_the_scratch_server_is_there_for_the_copy_alone(
    begun: tuple[Stack, Machine], monkeypatch: pytest.MonkeyPatch
) -> None:
    stack, machine = begun
    while_proving: list[set[Key]] = []

    def prove(*given: Any, beside: bool) -> Proof:
        while_proving.append(stack.scratch)
        return PROOF

    monkeypatch.setattr(on_cloud.rehearsal, "prove", prove)
    # What a killed run left is not used: somebody may have been there.
    left = Key("port", "shop-rehearsal-1")
    stack.kinds["port"].there[left] = Found(left, "of before", {})
    done = on_cloud.rehearse(cast(Any, stack), Shown())
    assert done.good
    assert SERVER in while_proving[0]
    assert stack.scratch == set()
    assert from_json(stack.operator.last_rehearsal()).recovery_s == done.recovery_s
    assert "skytier_rehearsal_failed 0" in machine.ran[-1]


@pytest.mark.parametrize("good", [True, False])
def test_what_else_is_to_be_tried_is_tried_once_the_backups_are_proven(
    begun: tuple[Stack, Machine], monkeypatch: pytest.MonkeyPatch, good: bool
) -> None:
    stack, _ = begun
    wrong = compare({"a": Content(1, "5")}, {})
    proof = PROOF if good else replace(PROOF, compared=wrong)
    tried: list[str] = []

    def drill(stack: Stack, name: str, progress: Any, lost: Any) -> Drill:
        # The report of the backups is kept already, whatever comes of it.
        assert from_json(stack.operator.last_rehearsal()).good
        tried.append(name)
        return SWITCHED

    monkeypatch.setattr(on_cloud.rehearsal, "prove", lambda *given, beside: proof)
    monkeypatch.setattr(on_cloud.drills, "refuse", lambda stack, names: None)
    monkeypatch.setattr(on_cloud.drills, "drill", drill)
    done = on_cloud.rehearse(cast(Any, stack), Shown(), names=[DrillName.SWITCHOVER])
    assert tried == (["switchover"] if good else [])
    assert stack.operator.last_rehearsal() == as_json(done)
    assert [each.good for each in done.drills] == [good]


def test_nothing_more_is_tried_after_one_that_failed(
    begun: tuple[Stack, Machine], monkeypatch: pytest.MonkeyPatch
) -> None:
    stack, _ = begun
    tried: list[str] = []

    def drill(stack: Stack, name: str, progress: Any, lost: Any) -> Drill:
        tried.append(name)
        return Drill(name, trouble="No member is in step.", advice="Look.")

    monkeypatch.setattr(on_cloud.rehearsal, "prove", lambda *given, beside: PROOF)
    monkeypatch.setattr(on_cloud.drills, "refuse", lambda stack, names: None)
    monkeypatch.setattr(on_cloud.drills, "drill", drill)
    done = on_cloud.rehearse(cast(Any, stack), Shown(), names=list(DrillName))
    assert tried == ["switchover"]
    assert [each.trouble for each in done.drills] == [
        "No member is in step.",
        "It was not tried, since the switchover failed.",
    ]
    assert stack.operator.last_rehearsal() == as_json(done)


def test_a_rollback_that_ctrl_c_ended_is_looked_at_before_the_next_rehearsal(
    begun: tuple[Stack, Machine], monkeypatch: pytest.MonkeyPatch
) -> None:
    def drill(*given: Any) -> Drill:
        raise KeyboardInterrupt

    monkeypatch.setattr(on_cloud.rehearsal, "prove", lambda *given, beside: PROOF)
    monkeypatch.setattr(on_cloud.drills, "refuse", lambda stack, names: None)
    monkeypatch.setattr(on_cloud.drills, "drill", drill)
    with pytest.raises(SkytierError, match="the rollback was not completed") as error:
        on_cloud.rehearse(cast(Any, begun[0]), Shown(), names=[DrillName.ROLLBACK])
    assert "skytier releases" in (error.value.do or "")
    assert "before you rehearse again" in (error.value.do or "")


def test_what_cannot_be_tried_is_refused_before_anything_is_made(
    begun: tuple[Stack, Machine], monkeypatch: pytest.MonkeyPatch
) -> None:
    stack, machine = begun

    def refuse(stack: Stack, names: Any) -> None:
        raise SkytierError("The database has one member.", "")

    monkeypatch.setattr(on_cloud.drills, "refuse", refuse)
    with pytest.raises(SkytierError, match="one member"):
        on_cloud.rehearse(cast(Any, stack), Shown(), names=[DrillName.SWITCHOVER])
    assert machine.ran == []
    assert stack.operator.last_rehearsal() == ""


class ServersThatStay(Recorded):
    """Nova deletes none of them."""

    def delete(self, found: Found, tell: Any) -> None:
        raise SkytierError("Nova does not answer.", "Look.")


class ServersNobodyLists(Recorded):
    """Nova answers until the scratch server is there, and not after."""

    def find(self) -> Iterable[Found]:
        if SERVER in self.there:
            raise SkytierError("Nova does not answer.", "Look.")
        return super().find()


@pytest.mark.parametrize("servers", [ServersThatStay, ServersNobodyLists])
@pytest.mark.parametrize(
    "ended",
    [
        PROOF,
        replace(PROOF, compared=compare({"a": Content(1, "5")}, {})),
        SkytierError("It fails.", "Mend it."),
        StoppedError("The run was stopped.", "Run it again."),
        KeyboardInterrupt(),
        ValueError("a fault of the tool"),
    ],
    ids=["proven", "different", "failed", "stopped", "Ctrl-C", "fault"],
)
def test_a_scratch_server_that_cannot_be_removed_hides_not_how_it_ended(
    begun: tuple[Stack, Machine],
    monkeypatch: pytest.MonkeyPatch,
    servers: type[Recorded],
    ended: Proof | BaseException,
) -> None:
    stack, machine = begun
    monkeypatch.setattr(removal, "STUCK_AFTER_S", 0)
    there = servers("server")
    there.there = stack.kinds["server"].there
    stack.kinds["server"] = there

    def prove(*given: Any, beside: bool) -> Proof:
        if isinstance(ended, BaseException):
            raise ended
        return ended

    monkeypatch.setattr(on_cloud.rehearsal, "prove", prove)
    if isinstance(ended, Proof) or type(ended) is SkytierError:
        done = on_cloud.rehearse(cast(Any, stack), Shown())
        is_good = ended is PROOF
        assert done.good == is_good
        assert done.trouble == ("It fails." if isinstance(ended, SkytierError) else "")
        for said in (done.left, " ".join(shown.sentences(done)), shown.html(done)):
            assert f"{SERVER.name} may still be there" in said
            assert "Nova does not answer." in said
        assert stack.operator.last_rehearsal() == as_json(done)
        assert f"skytier_rehearsal_failed {0 if is_good else 1}" in machine.ran[-1]
    else:
        raised = SkytierError if isinstance(ended, KeyboardInterrupt) else type(ended)
        with pytest.raises(raised) as error:
            on_cloud.rehearse(cast(Any, stack), Shown())
        if isinstance(ended, KeyboardInterrupt):
            assert "Interrupted: the backups are not proven" in str(error.value)
        else:
            assert error.value is ended
        assert stack.operator.last_rehearsal() == ""
    assert SERVER in there.there


@pytest.mark.parametrize("error", [SkytierError("It fails.", "Mend it."), KeyboardInterrupt()])
def test_the_scratch_server_goes_also_after_a_failure(
    begun: tuple[Stack, Machine], monkeypatch: pytest.MonkeyPatch, error: BaseException
) -> None:
    stack, machine = begun

    def prove(*given: Any, beside: bool) -> Proof:
        assert SERVER in stack.scratch
        raise error

    monkeypatch.setattr(on_cloud.rehearsal, "prove", prove)
    if isinstance(error, KeyboardInterrupt):
        with pytest.raises(SkytierError, match="the backups are not proven"):
            on_cloud.rehearse(cast(Any, stack), Shown())
    else:
        done = on_cloud.rehearse(cast(Any, stack), Shown())
        assert (done.good, done.trouble, done.advice) == (False, "It fails.", "Mend it.")
        assert done.lost_bytes == MARKED.lost_bytes
        assert "skytier_rehearsal_failed 1" in machine.ran[-1]
        assert done.left == ""
    assert stack.scratch == set()


def test_a_database_larger_than_its_flavors_disk_boots_the_copy_from_a_volume(
    begun: tuple[Stack, Machine], monkeypatch: pytest.MonkeyPatch
) -> None:
    stack, _ = begun
    large = replace(THERE.newest, database_bytes=50 * 2**30)
    monkeypatch.setattr(on_cloud.rehearsal, "source", lambda host, places: Source(large, {}))
    stack.has_volumes = False
    with pytest.raises(SkytierError, match="has no volume service"):
        on_cloud.rehearse(cast(Any, stack), Shown())
