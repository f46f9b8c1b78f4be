"""A stack whose application needs no PostgreSQL: nothing of a database is in it."""

from collections.abc import Mapping
from dataclasses import replace
from types import SimpleNamespace
from typing import Any, cast

import pytest

from skytier import roles
from skytier.costs.bill import of_file
from skytier.deploy.apply import LossError, refuse_losses
from skytier.deploy.kind import Key, Known
from skytier.deploy.plan import Action, Step, nothing_to_do, plan
from skytier.errors import SkytierError
from skytier.openstack.choices.choices import Choices, ExternalNetwork
from skytier.openstack.choices.flavor import Flavor
from skytier.openstack.choices.images import Image
from skytier.openstack.machines import variables
from skytier.openstack.machines.access import Access
from skytier.openstack.machines.operator import OperatorFiles
from skytier.openstack.plan import kept_secrets
from skytier.openstack.plan.desired import wanted
from skytier.openstack.plan.kept_secrets import KeptSecrets
from skytier.openstack.plan.kinds import RULES
from skytier.openstack.plan.losses import losses
from skytier.openstack.plan.needs import whole_plan
from skytier.openstack.plan.resolved import ResolvedStack
from skytier.openstack.resources.volume import EXPECTED
from skytier.roles import ROLES
from skytier.services.etcd.service import AUTHORITY
from skytier.services.patroni.secrets import REPLICATION
from skytier.services.postgresql.secrets import PASSWORD
from skytier.services.prometheus.service import targets
from skytier.stackfile import StackFile, parse
from tests.applications import NOTHING
from tests.roles.topology import TOPOLOGIES, TOPOLOGY, WEB

from .brought_up import brought_up

OWN = '[application]\nserve = "shop:app"\n'
WITHOUT = parse(f'name = "shop"\n{OWN}requires = []')
WITH = parse(f'name = "shop"\n{OWN}')
ON_VOLUME = parse(f'name = "shop"\n{OWN}[database]\nvolume_gib = 10')
TWO = parse(f'name = "shop"\nweb.count = 2\n{OWN}requires = []')
SMALL = Flavor("1", "m1.small", 2, 4096, 20)
PROJECT: Any = SimpleNamespace(tags=[], metadata={})
SERVER, VOLUME = Key("server", "shop-database-1"), Key("volume", "shop-database-1")
WEB_1, WEB_2 = Key("server", "shop-web-1"), Key("server", "shop-web-2")


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ('requires = ["redis"]', 'has "redis". Write kind = "redis" into the section [cache]'),
        ('requires = ["redis"]', "skytier secret set REDIS_URL"),
        ('requires = ["mysql"]', "has 'mysql', which Skytier does not know. Allowed:"),
        ('requires = "postgresql"', "is not a list"),
        ('requires = []\nmigrate = "x"', "migrate runs under a lock in PostgreSQL: remove it, or"),
        (
            'requires = []\n[[application.job]]\nname = "a"\nrun = "x"\nat = "daily"',
            'job runs once in the whole stack by a lock in PostgreSQL: remove it, or add "postgres',
        ),
        (
            "requires = []\n[database]\nvolume_gib = 10",
            'database.volume_gib is set, and application.requires does not have "postgresql"',
        ),
    ],
)
def test_what_does_not_go_together_is_one_line(text: str, said: str) -> None:
    with pytest.raises(SkytierError) as error:
        parse(OWN + text)
    assert said in error.value.what
    assert "\n" not in error.value.what


def test_the_sample_application_needs_postgresql() -> None:
    assert StackFile().has_database
    assert {*StackFile().machines()} == {"web", "database"}
    with pytest.raises(SkytierError, match=r"needs application\.serve"):
        parse("application.requires = []")


def test_a_process_needs_no_database() -> None:
    section = '[[application.process]]\nname = "worker"\nrun = "x"'
    assert not parse(f"{OWN}requires = []\n{section}").has_database


def test_no_machine_port_secret_package_alert_or_metric_is_of_a_database() -> None:
    stack = replace(TOPOLOGIES["no database"], object_store=None)
    assert {*roles.ingress_rules(stack.stack)} == {"web"}
    names = [name for secret in roles.secrets(stack) for name in secret.names]
    assert names == ["application_secret_key", "web_tls_key", "web_tls_certificate"]
    with_one, without = (roles.setup(each, each.of("web")[0]) for each in (TOPOLOGY, stack))
    paths = [{file.path for file in each.files} for each in (with_one, without)]
    assert paths[0] - paths[1] == {"/etc/skytier/monitor/rules/database.yml"}
    assert {*with_one.secrets} - {*without.secrets} == {
        "database_password",
        "database_tls_certificate",
    }
    alerts = next(each for each in without.files if each.path.endswith("/application.yml"))
    assert "logs database" not in alerts.text
    text = "\n".join([without.script, *(file.text for file in without.files)])
    assert "5432" not in text
    assert "LoadCredential=skytier_database_url" not in text
    assert "postgres" not in roles.user_data(stack, WEB)
    assert {each.job for each in targets(stack)} >= {"application", "node"}
    assert "postgres" not in {each.job for each in targets(stack)}


def test_the_application_finds_its_database_by_what_it_needs() -> None:
    web = next(each for each in ROLES["web"].services if each.name == "application")
    assert [need.service for need in web.needs(WITH)] == ["postgresql"]
    assert web.needs(WITHOUT) == []
    with pytest.raises(SkytierError, match="needs postgresql"):
        roles.setup(replace(TOPOLOGY, machines=[WEB]), WEB)


def test_quota_and_price_are_those_of_the_web_servers_alone() -> None:
    flavors = {"web": SMALL, "database": SMALL}
    amounts = whole_plan(WITHOUT, flavors)
    assert (amounts.instances, amounts.ports, amounts.security_groups) == (1, 3, 2)
    assert {each.name for each in of_file(WITHOUT, ROLES, flavors)} < {
        each.name for each in of_file(WITH, ROLES, flavors)
    }
    assert not [each for each in of_file(WITHOUT, ROLES, flavors) if "database" in each.name]


def resolved(stack: StackFile) -> ResolvedStack:
    machines = stack.machines()
    image = Image("i", "debian-12", "2026-01-01")
    choices = Choices(
        dict.fromkeys(machines, image), dict.fromkeys(machines, SMALL), ExternalNetwork("n", "p")
    )
    return ResolvedStack(stack, choices, ROLES, NOTHING)


def there(stack: StackFile) -> Known:
    """What is there once a stack is up."""
    return brought_up(
        lambda known: wanted(resolved(stack), PROJECT, "ssh-ed25519 key", known),
        lambda number, each: {
            "address": "192.168.128.9",
            "launched_at": "2026-01-01",
            "data": EXPECTED,
            "role": each.key.name.split("-")[1],
            "metadata": {},
        },
    )


def steps(stack: StackFile, known: Known) -> Mapping[Key, Step]:
    planned = plan(
        wanted(resolved(stack), PROJECT, "ssh-ed25519 key", known),
        known.values(),
        RULES,
        losses(resolved(stack), known),
    )
    return {step.key: step for step in planned}


def test_every_resource_is_there_without_a_database_and_none_is_one() -> None:
    made = steps(WITHOUT, Known())
    assert not [key for key in made if "database" in key.name]
    assert {step.action for step in made.values()} == {Action.CREATE}
    assert {key.kind for key in made if key.name == "shop-web-1"} == {
        *("port", "server", "floating IP", "configuration", "delivery", "release")
    }
    assert nothing_to_do(steps(WITHOUT, there(WITHOUT)).values())


def test_a_database_can_be_added_to_a_stack() -> None:
    added = steps(WITH, there(WITHOUT))
    refuse_losses([*added.values()])
    assert added[SERVER].action is Action.CREATE
    assert added[Key("configuration", "shop-web-1")].action is Action.CHANGE
    assert added[WEB_1].action is Action.KEEP


@pytest.mark.parametrize("stack", [WITH, ON_VOLUME], ids=["on its disk", "on a volume"])
def test_a_database_with_data_is_not_deleted(stack: StackFile) -> None:
    gone = steps(WITHOUT, there(stack))
    assert gone[SERVER].action is Action.DELETE
    assert gone[SERVER].loses == "the data of the application"
    if stack is ON_VOLUME:
        assert gone[VOLUME].loses == "the data of the application"
    with pytest.raises(LossError) as error:
        refuse_losses([*gone.values()])
    assert "would delete the" in error.value.what
    assert "Nothing was changed." in error.value.what
    assert 'Add "postgresql" to application.requires again' in (error.value.do or "")


def test_a_database_that_never_ran_is_deleted() -> None:
    known = there(WITH)
    facts = {**known[SERVER].facts, "launched_at": None}
    known[SERVER] = replace(known[SERVER], fault="it is in ERROR", facts=facts)
    gone = steps(WITHOUT, known)
    assert gone[SERVER].action is Action.DELETE
    refuse_losses([*gone.values()])


def test_the_web_server_keeps_the_secrets_where_there_is_no_database() -> None:
    assert variables.store_of(WITH) == SERVER
    assert variables.store_of(WITHOUT) == WEB_1
    assert resolved(WITHOUT).secret_store() == WEB_1
    # Its secrets are carried over to the one that takes its place.
    known, other = there(TWO), there(TWO)
    other[WEB_1] = replace(other[WEB_1], id="another")
    for number in (1, 2):
        assert resolved(TWO).fingerprint("web", number, known) == resolved(TWO).fingerprint(
            "web", number, other
        )


class Machines:
    """The secrets on machines, in place of files that are read and written by SSH."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, **secrets: dict[str, str]) -> None:
        self.all = {name.replace("_", "-"): has for name, has in secrets.items()}
        self.open = self.reach = lambda name, *_: name
        monkeypatch.setattr(kept_secrets, "read_secrets", lambda name: dict(self.all[name]))
        monkeypatch.setattr(
            kept_secrets, "keep_secrets", lambda name, new: self.all[name].update(new)
        )


def kept(
    stack: StackFile, machines: Machines, operator: OperatorFiles, before: Known
) -> KeptSecrets:
    return KeptSecrets(resolved(stack), operator, cast(Access, machines), before)


@pytest.fixture
def operator(tmp_path: Any) -> OperatorFiles:
    return OperatorFiles(tmp_path / "shop")


KEY = "application_secret_key"


def test_secrets_outlive_the_replacement_of_the_only_web_server(
    monkeypatch: pytest.MonkeyPatch, operator: OperatorFiles
) -> None:
    machines = Machines(monkeypatch, shop_web_1={KEY: "k", "application_variables": "v"})
    before = there(WITHOUT)
    secrets = kept(WITHOUT, machines, operator, before)
    replaced = [replace(steps(WITHOUT, before)[WEB_1], action=Action.REPLACE)]
    secrets.save(replaced)
    assert operator.secrets.stat().st_mode & 0o777 == 0o600
    machines.all["shop-web-1"] = {}
    # Also by another run, after this one was killed.
    for run in (secrets, kept(WITHOUT, machines, operator, Known())):
        assert run.get([KEY], before) == {KEY: "k"}
    assert machines.all["shop-web-1"] == {KEY: "k"}, "its variables are kept elsewhere"
    secrets.settled()
    assert not operator.secrets.exists()


def test_what_a_run_that_was_cut_short_kept_is_not_replaced_by_less(
    monkeypatch: pytest.MonkeyPatch, operator: OperatorFiles
) -> None:
    machines = Machines(monkeypatch, shop_web_1={KEY: "k", "smtp_password": "p"})
    before = there(WITHOUT)
    replaced = [replace(steps(WITHOUT, before)[WEB_1], action=Action.REPLACE)]
    kept(WITHOUT, machines, operator, before).save(replaced)
    machines.all["shop-web-1"] = {KEY: "k"}
    kept(WITHOUT, machines, operator, before).save(replaced)
    assert operator.kept_secrets() == {KEY: "k", "smtp_password": "p"}


def test_secrets_of_a_lost_web_server_are_taken_from_another_one(
    monkeypatch: pytest.MonkeyPatch, operator: OperatorFiles
) -> None:
    machines = Machines(monkeypatch, shop_web_1={}, shop_web_2={KEY: "k"})
    before = there(TWO)
    del before[WEB_1], before[Key("configuration", "shop-web-1")]
    secrets = kept(TWO, machines, operator, before)
    secrets.save([])
    assert secrets.get([KEY], there(TWO)) == {KEY: "k"}
    assert machines.all["shop-web-1"] == {KEY: "k"}


def test_an_added_database_takes_over_the_secrets_and_gets_its_own(
    monkeypatch: pytest.MonkeyPatch, operator: OperatorFiles
) -> None:
    machines = Machines(
        monkeypatch, shop_web_1={KEY: "k", "database_password": "of before"}, shop_database_1={}
    )
    secrets = kept(WITH, machines, operator, there(WITHOUT))
    secrets.save([])
    got = secrets.get([KEY, "database_password"], there(WITH))
    assert got[KEY] == "k"
    assert got["database_password"] != "of before"
    assert machines.all["shop-database-1"] == got
    everything = secrets.get([], there(WITH), with_all=True)
    assert everything == got


MEMBERS = parse('name = "shop"\n[database]\nmembers = 3\nvolume_gib = 10')
IN_PLACE = dict.fromkeys((*AUTHORITY.names, PASSWORD, *REPLICATION.names), "as before")


@pytest.mark.parametrize("first", ["shop-database-1", "shop-database-2", "shop-database-3"])
def test_secrets_outlive_the_replacement_of_all_members_one_after_another(
    monkeypatch: pytest.MonkeyPatch, operator: OperatorFiles, first: str
) -> None:
    names = [f"shop-database-{number}" for number in (1, 2, 3)]
    has = {each.replace("-", "_"): dict(IN_PLACE) for each in names}
    machines, before = Machines(monkeypatch, **has), there(MEMBERS)
    secrets = kept(MEMBERS, machines, operator, before)
    planned = steps(MEMBERS, before)
    secrets.save([replace(planned[Key("server", each)], action=Action.REPLACE) for each in names])
    known = Known(before)
    for name in sorted(names, key=lambda each: (each != first, each)):
        server, configuration = Key("server", name), Key("configuration", name)
        known[server] = replace(known[server], id=f"another {name}")
        machines.all[name] = {}
        got = secrets.get([], known, with_all=True)
        assert {each: got[each] for each in IN_PLACE} == IN_PLACE
        machines.all[name].update(got)
        known[configuration] = replace(known[configuration], id=f"another {name}")


def test_one_that_is_deleted_meanwhile_is_not_asked(
    monkeypatch: pytest.MonkeyPatch, operator: OperatorFiles
) -> None:
    machines = Machines(monkeypatch, shop_web_1={}, shop_web_2={KEY: "k"}, shop_balancer_1={})
    before = there(TWO)
    secrets = kept(TWO, machines, operator, before)
    planned = steps(TWO, before)
    secrets.save([replace(planned[WEB_2], action=Action.DELETE)])
    assert secrets.get([KEY], before)[KEY] != "k"
