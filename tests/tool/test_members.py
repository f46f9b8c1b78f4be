"""Several members of the database: what is planned for them, and what is refused."""

import itertools
import subprocess
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any, cast

import pytest
import yaml
from cryptography import x509
from cryptography.x509.oid import ExtendedKeyUsageOID

from skytier import roles
from skytier.deploy.apply import LossError, refuse_losses
from skytier.deploy.kind import Found, Key, Known, Wanted
from skytier.deploy.plan import Action, Step, plan
from skytier.deploy.setup import REMOVE, removals
from skytier.errors import SkytierError
from skytier.openstack.machines.leaving import MemberServers
from skytier.openstack.plan.given_up import GIVEN_UP
from skytier.openstack.plan.kinds import RULES
from skytier.openstack.plan.losses import losses
from skytier.openstack.plan.members import news
from skytier.openstack.resources.server_state import BEING_DELETED
from skytier.openstack.resources.volume import DATA_ID, KEPT
from skytier.render import render
from skytier.secrets.secret import Authority, SelfSigned
from skytier.services.patroni.service import UNIT
from skytier.services.pgbackrest.config import STATE
from skytier.services.postgresql.config import LEAVE
from skytier.services.prometheus.config import AlertRules, rules
from skytier.services.setup import REMOVALS, File, Setup
from skytier.stackfile import StackFile, parse
from tests.roles.topology import TOPOLOGIES
from tests.tool.test_order import all_wanted, resolved, there

USAGES = (
    *("digital_signature", "content_commitment", "key_encipherment", "data_encipherment"),
    *("key_agreement", "key_cert_sign", "crl_sign"),
)
NAMES = [f"skytier-database-{number}" for number in (1, 2, 3)]


def members(count: int, more: str = "") -> StackFile:
    return parse(f"database.members = {count}\n{more}")


def planned(before: StackFile, after: StackFile, without: str = "") -> list[Step]:
    """The plan from one stack file to another; `without` is a server that is gone."""
    found = {
        key: each
        for key, each in there(before).items()
        if not (key.name == without and key.kind in ("server", "configuration"))
    }
    known = Known(found)
    return plan(all_wanted(after, known), found.values(), RULES, losses(resolved(after), known))


def step(steps: list[Step], kind: str, name: str) -> Step:
    return next(each for each in steps if each.key == Key(kind, name))


def test_a_new_member_is_set_up_once_the_one_that_is_there_is() -> None:
    steps = planned(members(1), members(2))

    first, new = (step(steps, "configuration", name) for name in NAMES[:2])
    assert (first.action, new.action) == (Action.CHANGE, Action.CREATE)
    assert first.key in new.needs
    assert new.key not in first.needs
    web = step(steps, "configuration", "skytier-web-1")
    assert {first.key, new.key} <= {*web.needs}
    refuse_losses(steps)


@pytest.mark.parametrize("attribute", ["image", "flavor"])
def test_members_are_changed_one_after_another(attribute: str) -> None:
    """Each is well before the next one's turn, and the web server comes last."""
    found = {
        key: replace(each, attributes={**each.attributes, attribute: "another"})
        if key.kind == "server"
        else each
        for key, each in there(members(3)).items()
    }
    known = Known(found)

    steps = plan(all_wanted(parse("image = 'debian-12'\ndatabase.members = 3"), known), found.values(), RULES)  # fmt: skip  # noqa: E501

    order = [each.key for each in steps if each.key.kind in ("server", "configuration")]
    names = [*NAMES, "skytier-web-1"]
    turns = [order.index(Key(kind, name)) for name in names for kind in ("server", "configuration")]
    assert turns == sorted(turns)
    for before, after in itertools.pairwise(names):
        assert Key("configuration", before) in step(steps, "server", after).needs


def test_at_first_no_member_waits_for_another() -> None:
    stack = members(3)
    steps = plan(all_wanted(stack, Known()), [], RULES)

    for name in NAMES:
        needs = step(steps, "configuration", name).needs
        assert not [each for each in needs if each.kind == "configuration"]


@pytest.mark.parametrize("lost", NAMES[:2])
def test_a_lost_member_is_made_anew(lost: str) -> None:
    steps = planned(members(2), members(2), without=lost)

    (other,) = {*NAMES[:2]} - {lost}
    assert step(steps, "server", lost).action is Action.CREATE
    assert Key("configuration", other) in step(steps, "configuration", lost).needs
    assert step(steps, "configuration", other).action is Action.KEEP
    refuse_losses(steps)


def broken(stack: StackFile, name: str, mend: str = "hard reboot", **facts: Any) -> Known:
    """What is there with one server in ERROR, which ran."""
    found = Known(there(stack))
    key = Key("server", name)
    facts = {**found[key].facts, **facts}
    found[key] = replace(found[key], fault="it is in ERROR", mend=mend, facts=facts)
    return found


@pytest.mark.parametrize("other", ["running", "shutoff"])
@pytest.mark.parametrize("count", [1, 2, 3])
def test_a_broken_member_with_the_data_on_its_own_disk_is_never_replaced(
    count: int, other: str
) -> None:
    """Another one that is there may have been off for days, or have followed no more."""
    stack = members(count)
    found = broken(stack, NAMES[0])
    for name in NAMES[1:count]:
        key = Key("server", name)
        found[key] = replace(found[key], attributes=dict(found[key].attributes) | {"power": other})

    steps = plan(all_wanted(stack, found), found.values(), RULES, losses(resolved(stack), found))

    first = step(steps, "server", NAMES[0])
    assert (first.action, first.reason) == (Action.CHANGE, "it is in ERROR: hard reboot")
    refuse_losses(steps)
    # What no reboot mends is left as it is.
    found = broken(stack, NAMES[0], mend="")
    steps = plan(all_wanted(stack, found), found.values(), RULES, losses(resolved(stack), found))
    with pytest.raises(LossError, match="lose the data"):
        refuse_losses(steps)


@pytest.mark.parametrize(
    "facts",
    [
        {GIVEN_UP: True},
        {"launched_at": None},
        # The volume with the data is gone, or `up` would name it.
        {"metadata": {DATA_ID: "gone"}},
    ],
    ids=["given up", "never ran", "volume gone"],
)
def test_a_broken_member_with_nothing_on_its_own_disk_is_replaced(facts: dict[str, Any]) -> None:
    stack = members(2)
    found = broken(stack, NAMES[0], mend="", **facts)

    steps = plan(all_wanted(stack, found), found.values(), RULES, losses(resolved(stack), found))

    assert step(steps, "server", NAMES[0]).action is Action.REPLACE
    refuse_losses(steps)


def test_a_broken_member_is_deleted_for_good_only_if_it_is_given_up() -> None:
    before, after = members(2, "database.volume_gib = 10"), members(1, "database.volume_gib = 10")

    def planned(known: Known) -> list[Step]:
        for key in (Key("volume", name) for name in NAMES[:2]):
            known[key] = replace(known[key], facts={**known[key].facts, "data": KEPT})
        return plan(all_wanted(after, known), known.values(), RULES, losses(resolved(after), known))

    with pytest.raises(LossError) as raised:
        refuse_losses(planned(broken(before, NAMES[1])))
    assert NAMES[1] in raised.value.what
    assert "Set database.members back" in (raised.value.do or "")

    refuse_losses(planned(broken(before, NAMES[1], **{GIVEN_UP: True})))
    # What a run that was interrupted left of it goes, too.
    gone, goes = Known(there(before)), broken(before, NAMES[1])
    server = Key("server", NAMES[1])
    del gone[server]
    goes[server] = replace(goes[server], fault=BEING_DELETED, mend="")
    for left in (gone, goes, Known(there(before))):
        refuse_losses(planned(left))


def test_a_member_is_not_deleted_while_it_alone_has_the_data() -> None:
    refuse_losses(planned(members(2), members(1)))

    with pytest.raises(LossError) as raised:
        refuse_losses(planned(members(2), members(1), without=NAMES[0]))

    assert NAMES[1] in raised.value.what
    assert "database.members" in raised.value.do


@pytest.mark.parametrize(
    ("before", "after", "said"),
    [
        (0, 1, []),
        (1, 1, []),
        (2, 2, []),
        (2, 3, []),
        (0, 2, ["nothing that was acknowledged"]),
        (1, 2, ["some seconds", "nothing that was acknowledged"]),
        (2, 1, ["until the web servers"]),
    ],
)
def test_a_plan_says_what_is_promised_and_when_nobody_can_write(
    before: int, after: int, said: list[str]
) -> None:
    found = Known(there(members(before))) if before else Known()

    told = news(resolved(members(after)), found)

    assert len(told) == len(said)
    assert all(words in sentence for words, sentence in zip(said, told, strict=True))
    if before == 0 and after == 2:
        (told,) = news(resolved(members(2, "database.synchronous = false")), found)
        assert "can be lost" in told


def test_the_third_vote_is_on_a_machine_that_is_there_anyway() -> None:
    def voters(stack: StackFile) -> list[tuple[str, int]]:
        places = resolved(stack).machines()
        return [p for p in places if "etcd" in [s.name for s in roles.services_on(stack, *p)]]

    both = [("database", 1), ("database", 2)]
    assert voters(members(1)) == []
    assert voters(members(2, "web.count = 2\nbalancer.kind = 'none'")) == [*both, ("web", 1)]
    assert voters(members(2, "web.count = 2")) == [*both, ("balancer", 1)]
    assert voters(members(3)) == [*both, ("database", 3)]


class Machine:
    """It notes the scripts that it runs, and may refuse them."""

    def __init__(self, error: SkytierError | None = None) -> None:
        self.scripts: list[str] = []
        self.error = error

    def enter(self, name: str, known: Known) -> "Machine":
        return self

    def run(self, script: str) -> str:
        self.scripts.append(script)
        if self.error:
            raise self.error
        return ""


class Servers:
    """Nova, which notes what it deleted."""

    def __init__(self) -> None:
        self.deleted: list[Found] = []

    def delete(self, found: Found, tell: Callable[[str], None]) -> None:
        self.deleted.append(found)

    def reconcile(self, wanted: Wanted, found: Found, known: Known, tell: Any) -> Found:
        return found


def server(role: str, fault: str = "") -> Found:
    key = Key("server", f"shop-{role}-2")
    return Found(key, "id", {"flavor": "m1.small"}, {"role": role}, fault=fault)


def test_a_member_hands_over_before_its_server_goes() -> None:
    machine, nova = Machine(), Servers()
    kind = MemberServers(cast(Any, nova), cast(Any, machine), Known(), goes_on=True)
    wanted = Wanted(server("database").key, {"flavor": "m1.large"})

    kind.reconcile(wanted, server("database"), Known(), lambda _: None)
    kind.delete(server("web"), lambda _: None)
    kind.delete(server("database", "it is in ERROR"), lambda _: None)
    assert [LEAVE in script for script in machine.scripts] == [True]

    machine.error = SkytierError("No other member takes over.")
    with pytest.raises(SkytierError):
        kind.delete(server("database"), lambda _: None)
    assert len(nova.deleted) == 2


def test_what_a_machine_had_before_is_taken_away_first(tmp_path: Path) -> None:
    directory = tmp_path / "removals"
    directory.mkdir()
    for name in ("10-a", "20-b", "30-c"):
        path = directory / name
        path.write_text(f"#!/bin/sh\necho {name}\n")
        path.chmod(0o700)
    kept = removals(Setup(files=[File(f"{REMOVALS}/20-b", ""), File("/etc/other", "")]))
    script = REMOVE.replace(REMOVALS, str(directory)).replace("KEPT", " ".join(kept))

    said = [_bash(script), _bash(script)]

    assert said == ["10-a\n30-c\n", ""]
    assert [path.name for path in directory.iterdir()] == ["20-b"]
    (directory / "20-b").write_text("#!/bin/sh\nexit 1\n")
    with pytest.raises(subprocess.CalledProcessError):
        _bash(script.replace("20-b ", ""))


def _bash(script: str) -> str:
    done = subprocess.run(["bash", "-c", script], check=True, capture_output=True, text=True)
    return done.stdout


def test_a_machine_makes_a_certificate_that_the_authority_vouches_for(tmp_path: Path) -> None:
    made = Authority("etcd_ca").make()
    for name, text in made.items():
        (tmp_path / name).write_text(text)
    paths = f"{tmp_path}/etcd_ca_key {tmp_path}/etcd_ca_certificate {tmp_path}/voter"
    issue = f"fail() {{ exit 1; }}\n{render('skytier', 'issue.sh')}\nissue {paths} root"

    _bash(f"{issue} shop-database-1 192.168.128.20")
    first = (tmp_path / "voter.crt").read_text()
    _bash(f"{issue} shop-database-1 192.168.128.20")
    assert (tmp_path / "voter.crt").read_text() == first
    _bash(f"{issue} shop-database-1 192.168.128.21")
    assert (tmp_path / "voter.crt").read_text() != first

    for purpose in ("sslserver", "sslclient"):
        asked = ["openssl", "verify", "-purpose", purpose, "-verify_ip", "192.168.128.21"]
        done = subprocess.run(
            [*asked, "-CAfile", f"{tmp_path}/etcd_ca_certificate", f"{tmp_path}/voter.crt"],
            check=False,
            capture_output=True,
            text=True,
        )
        assert done.returncode == 0, done.stderr

    # Who has the key of one member can neither vouch for another nor sign anything else.
    certificate = x509.load_pem_x509_certificate((tmp_path / "voter.crt").read_bytes())
    constraints = certificate.extensions.get_extension_for_class(x509.BasicConstraints)
    usage = certificate.extensions.get_extension_for_class(x509.KeyUsage)
    assert (constraints.critical, constraints.value.ca) == (True, False)
    assert usage.critical
    allowed = {name for name in USAGES if getattr(usage.value, name)}
    assert allowed == {"digital_signature"}
    extended = certificate.extensions.get_extension_for_class(x509.ExtendedKeyUsage)
    assert set(extended.value) == {
        ExtendedKeyUsageOID.SERVER_AUTH,
        ExtendedKeyUsageOID.CLIENT_AUTH,
    }


@pytest.mark.parametrize("purpose", ["sslserver", "sslclient"])
def test_a_member_vouches_for_no_other(tmp_path: Path, purpose: str) -> None:
    for name, text in Authority("redis_ca").make().items():
        (tmp_path / name).write_text(text)
    issue = f"fail() {{ exit 1; }}\n{render('skytier', 'issue.sh')}\nissue"
    ca = f"{tmp_path}/redis_ca_key {tmp_path}/redis_ca_certificate"
    of_member = f"{tmp_path}/member.key {tmp_path}/member.crt"
    _bash(f"{issue} {ca} {tmp_path}/member root shop-cache-1 192.168.128.20")
    _bash(f"{issue} {of_member} {tmp_path}/forged root shop-cache-2 192.168.128.21")

    done = subprocess.run(
        [
            *("openssl", "verify", "-purpose", purpose),
            *("-CAfile", f"{tmp_path}/redis_ca_certificate"),
            *("-untrusted", f"{tmp_path}/member.crt", f"{tmp_path}/forged.crt"),
        ],
        check=False,
        capture_output=True,
        text=True,
    )

    assert done.returncode != 0
    assert "invalid CA certificate" in done.stderr


def test_a_certificate_of_before_is_made_anew_for_several_members_only() -> None:
    stored = dict(SelfSigned("database_tls", ["192.168.128.20"]).make())
    hosts = ["192.168.128.20", "127.0.0.1"]

    assert SelfSigned("database_tls", hosts).fits(stored)
    assert not SelfSigned("database_tls", hosts, insists_on=["127.0.0.1"]).fits(stored)
    with_it = dict(SelfSigned("database_tls", hosts).make())
    more = [*hosts, "192.168.128.21"]
    assert SelfSigned("database_tls", more, insists_on=["127.0.0.1"]).fits(with_it)


def test_the_primary_hands_over_before_its_postgresql_starts_anew_without_backups() -> None:
    """Otherwise nobody could write until another member has noticed it."""
    stack = TOPOLOGIES["two members"]
    script = roles.setup(stack, stack.of("database")[0]).script
    _, _, removal = script.partition("# There are no backups any more")
    steps = ('rm -f "$settings"', "hand_over ||", "ctl restart", "until follows")
    places = [removal.index(each) for each in steps]
    assert places == sorted(places)
    assert "systemctl restart" not in removal


def of_members(path: str) -> list[str]:
    """A file of each member of the stacks that have several."""
    stacks = [each for each in TOPOLOGIES.values() if each.running("patroni")]
    setups = [roles.setup(each, one) for each in stacks for one in each.running("patroni")]
    return [file.text for setup in setups for file in setup.files if file.path == path]


def test_a_query_that_takes_all_memory_ends_and_the_member_goes_on() -> None:
    """The kernel chooses by the score, which PostgreSQL puts back to 0 in all but its first one."""
    units = of_members("/etc/systemd/system/skytier-patroni.service")
    assert units
    for unit in units:
        lines = unit.splitlines()
        assert "OOMScoreAdjust=-900" in lines
        assert "Environment=PG_OOM_ADJUST_FILE=/proc/self/oom_score_adj" in lines
        assert "OOMPolicy=continue" in lines


@pytest.mark.parametrize("completed", ["", "1764547203"])
def test_only_what_was_logged_since_the_last_backup_is_read(tmp_path: Path, completed: str) -> None:
    """The journal of a member has up to 200 MB."""
    programs = of_members("/usr/local/lib/skytier/backup-metrics")
    (text,) = {each for each in programs if "journalctl" in each}
    function = "dropped() {" + text.partition("dropped() {")[2].partition("\n}\n")[0] + "\n}\n"
    assert STATE in function
    (tmp_path / "journalctl").write_text(
        f"""#!/bin/bash
        echo "$*" >{tmp_path}/asked
        printf '%s\\n' '2025-11-30 10:00:00.123 P00   WARN: dropped WAL file A' \\
            '2025-12-02 10:00:00.123 P00   WARN: dropped WAL file B' '2025-12-03 10:00:00 other'
        """
    )
    (tmp_path / "journalctl").chmod(0o755)
    if completed:
        (tmp_path / "completed").write_text(completed)

    done = subprocess.run(
        ["bash", "-ec", function.replace(STATE, str(tmp_path)) + "dropped"],
        env={"PATH": f"{tmp_path}:/usr/bin:/bin", "TZ": "UTC"},
        capture_output=True,
        text=True,
        check=True,
    )

    assert f"--since=@{completed or 0} " in (tmp_path / "asked").read_text()
    assert done.stdout.endswith("dropped WAL file B\n")
    (tmp_path / "completed").write_text("1764740000")
    later = ["bash", "-ec", function.replace(STATE, str(tmp_path)) + "dropped"]
    environment = {"PATH": f"{tmp_path}:/usr/bin:/bin", "TZ": "UTC"}
    done = subprocess.run(later, env=environment, capture_output=True, text=True, check=True)
    assert done.stdout == ""


@pytest.mark.parametrize(("has_members", "unit"), [(True, UNIT), (False, "postgresql")])
def test_a_database_that_is_down_is_started_by_what_runs_it(has_members: bool, unit: str) -> None:
    said = rules(AlertRules("shop", has_members=has_members))
    groups = [group for text in said.values() for group in yaml.safe_load(text)["groups"]]
    alerts = [rule for group in groups for rule in group["rules"]]
    (down,) = [each for each in alerts if each.get("alert") == "PostgreSQLDown"]
    assert f"'systemctl restart {unit}'." in down["annotations"]["description"]
