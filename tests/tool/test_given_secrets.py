"""A secret that the operator gives anew: the plan shows who gets it, and nothing else changes."""

from collections.abc import Mapping
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import pytest

from skytier.deploy.kind import Found, Key, Known
from skytier.deploy.plan import Action, Step, plan
from skytier.openstack.machines.access import Access
from skytier.openstack.machines.operator import OperatorFiles
from skytier.openstack.plan import configurations, given_secrets
from skytier.openstack.plan.configurations import Configurations
from skytier.openstack.plan.desired import wanted
from skytier.openstack.plan.given_secrets import MARKS
from skytier.openstack.plan.kept_secrets import KeptSecrets
from skytier.openstack.plan.kinds import RULES
from skytier.openstack.plan.resolved import ResolvedStack
from skytier.stackfile import parse

from .brought_up import brought_up
from .test_object_store import PROJECT, resolved

STACK = parse(
    'name = "shop"\n[backup]\nkind = "object-store"\nbucket = "shop-backups"\nkeys = "given"\n'
    '[monitor]\nemail = ["ops@example.org"]\nsmtp_server = "smtp.example.org:587"\n'
    'smtp_username = "ops"\nsmtp_from = "shop@example.org"\n'
)
VARIABLES = {
    "SKYTIER_BACKUP_ACCESS_KEY_ID": "public part",
    "SKYTIER_BACKUP_SECRET_ACCESS_KEY": "secret part",
    "SKYTIER_SMTP_PASSWORD": "password",
}
MACHINES = ("shop-web-1", "shop-database-1")


@pytest.fixture
def operator(tmp_path: Path) -> OperatorFiles:
    made = OperatorFiles(tmp_path / "shop")
    made.public_key()
    return made


def planned(operator: OperatorFiles, known: Known) -> list[Step]:
    """As `CloudStack.plan` does: only with the names of those that are given."""
    return plan(asked(of_run(operator, known), known), known.values(), RULES)


def of_run(operator: OperatorFiles, known: Known) -> ResolvedStack:
    return resolved(STACK).with_given(operator, known)


def asked(stack: ResolvedStack, known: Known) -> Any:
    return wanted(stack, PROJECT, "ssh-ed25519 key", known)


def up(metadata: Mapping[str, Mapping[str, str]]) -> Known:
    """A stack that is up, whose servers have this metadata, by their names."""
    return brought_up(
        lambda known: asked(resolved(STACK), known),
        lambda number, each: {
            "address": "192.168.128.9",
            "launched_at": "2026-01-01",
            "data": "",
            "role": each.creation.get("role", ""),
            "number": each.creation.get("number", 1),
            "tags": [],
            "objects": 0,
            "metadata": metadata.get(each.key.name, {}),
        },
    )


def configured(steps: list[Step]) -> dict[str, list[str]]:
    """What changes, which has to be configurations alone: the machine, and what it is given."""
    changing = [step for step in steps if step.action is not Action.KEEP]
    assert {(step.key.kind, step.action) for step in changing} <= {
        ("configuration", Action.CHANGE),
        ("release", Action.CHANGE),
    }
    return {
        step.key.name: change.new
        for step in changing
        for change in step.changes
        if step.key.kind == "configuration" and change.attribute == "given secrets"
    }


def give(monkeypatch: pytest.MonkeyPatch, **values: str) -> None:
    for name in VARIABLES:
        monkeypatch.delenv(name, raising=False)
    for name, text in values.items():
        monkeypatch.setenv(name, text)


def set_up(
    operator: OperatorFiles, known: Known, monkeypatch: pytest.MonkeyPatch, kept: dict[str, str]
) -> dict[str, dict[str, str]]:
    """Configure both machines by a run, and return what is noted of each server."""
    for each in ("set_up", "wait_until_well"):
        monkeypatch.setattr(configurations, each, lambda *_, **__: None)
    monkeypatch.setattr(
        "skytier.openstack.plan.kept_secrets.keep_secrets", lambda _, new: kept.update(new)
    )
    monkeypatch.setattr("skytier.openstack.plan.kept_secrets.read_secrets", lambda _: dict(kept))
    stack, noted = of_run(operator, known), {name: dict[str, str]() for name in MACHINES}
    host = SimpleNamespace(name="host", run=lambda script: "15\n")
    access = cast(Access, SimpleNamespace(open=lambda *_: host, reach=lambda *_: host))
    servers = SimpleNamespace(
        note=lambda server, said: noted[server.removeprefix("id of configuration ")].update(said)
    )
    kinds = Configurations(
        cast(Any, servers),
        stack,
        access,
        KeptSecrets(stack, operator, access, known),
        cast(Any, None),
    )
    for want in asked(stack, known):
        if want.key.kind == "configuration":
            kinds.reconcile(want, known[want.key], known, lambda text: None)
    return noted


def test_another_key_is_a_change_of_the_machines_that_use_it(
    operator: OperatorFiles, monkeypatch: pytest.MonkeyPatch
) -> None:
    kept: dict[str, str] = {}
    give(monkeypatch, **VARIABLES)
    noted = set_up(operator, up({}), monkeypatch, kept)
    assert kept["backup_secret_access_key"] == "secret part"
    told = "".join(text for said in noted.values() for text in said.values())
    assert not [text for text in VARIABLES.values() if text in told], "a secret is in the metadata"

    # A pipeline that always gives the same changes nothing; nor does who gives nothing.
    known = up(noted)
    assert configured(planned(operator, known)) == {}
    give(monkeypatch)
    assert configured(planned(operator, known)) == {}

    give(monkeypatch, **VARIABLES | {"SKYTIER_BACKUP_SECRET_ACCESS_KEY": "another"})
    assert configured(planned(operator, known)) == {"shop-database-1": ["backup_secret_access_key"]}
    again = set_up(operator, known, monkeypatch, kept)
    assert kept["backup_secret_access_key"] == "another"
    assert again["shop-database-1"][MARKS] != noted["shop-database-1"][MARKS]
    assert again["shop-web-1"][MARKS] == noted["shop-web-1"][MARKS]
    assert configured(planned(operator, up(again))) == {}

    # Any secret that is given, not only those of backups.
    give(monkeypatch, SKYTIER_SMTP_PASSWORD="new")
    assert configured(planned(operator, up(again))) == {"shop-web-1": ["smtp_password"]}


def test_a_stack_of_before_changes_only_for_whom_gives_a_secret(
    operator: OperatorFiles, monkeypatch: pytest.MonkeyPatch
) -> None:
    give(monkeypatch)
    assert configured(planned(operator, up({}))) == {}
    give(monkeypatch, SKYTIER_BACKUP_SECRET_ACCESS_KEY="secret part")
    assert [*configured(planned(operator, up({})))] == ["shop-database-1"]


def test_a_mark_needs_the_key_of_the_stack(operator: OperatorFiles, tmp_path: Path) -> None:
    other = OperatorFiles(tmp_path / "other")
    assert given_secrets.marks(other, {"name": "text"}) == {}
    other.public_key()
    mine, others = (given_secrets.marks(each, {"name": "text"}) for each in (operator, other))
    assert mine != others
    assert mine["name"] != given_secrets.marks(operator, {"other": "text"})["other"]
    server = Found(Key("server", "x"), "1", {}, {"metadata": {MARKS: "one two"}})
    assert (given_secrets.noted(server), given_secrets.noted(None)) == ({"one", "two"}, set())
