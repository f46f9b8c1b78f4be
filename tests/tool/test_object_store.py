"""A container of the cloud's object store: what is planned, refused, given, and what stays."""

from collections.abc import Mapping
from dataclasses import replace
from types import SimpleNamespace
from typing import Any, cast

import pytest
from openstack.connection import Connection

from skytier import roles
from skytier.costs.planned import PlanCost
from skytier.costs.rates import EXAMPLE
from skytier.deploy.apply import LossError, refuse_losses
from skytier.deploy.kind import Found, Key, Known, Wanted
from skytier.deploy.plan import Action, Step, nothing_to_do, plan
from skytier.errors import SkytierError
from skytier.openstack import catalog
from skytier.openstack.choices.choices import Choices, ExternalNetwork
from skytier.openstack.choices.flavor import Flavor
from skytier.openstack.choices.images import Image
from skytier.openstack.plan import object_store
from skytier.openstack.plan.desired import wanted
from skytier.openstack.plan.kinds import RULES
from skytier.openstack.plan.losses import losses
from skytier.openstack.plan.resolved import ResolvedStack
from skytier.openstack.resources.container import (
    HEADER,
    LONGEST_VALUE,
    NOTE,
    Container,
    UnseenContainerError,
    marks_of,
    tags,
)
from skytier.openstack.resources.ec2_credential import Ec2Credential
from skytier.openstack.resources.project import Project
from skytier.release import fitness
from skytier.release.runtime.skytier_runtime import object_store as runtime
from skytier.roles import ROLES
from skytier.secrets.secret import AccessKey
from skytier.secrets.variables import Summary
from skytier.secrets.vault import Vault
from skytier.stackfile import StackFile, parse
from tests.applications import NOTHING

from .brought_up import brought_up
from .loopback import as_json, serving

OWN = 'name = "shop"\n[application]\nserve = "shop:app"\nrequires = []\n'
WITH, WITHOUT = parse(f'{OWN}[storage]\nbucket = "uploads"'), parse(OWN)
GIVEN = parse(f'{OWN}[storage]\nbucket = "uploads"\nkeys = "given"')
SMALL = Flavor("1", "m1.small", 2, 4096, 20)
PROJECT = Project(cast(Any, None), "shop", {"team": "web"})
CONTAINER, CREDENTIAL = Key("container", "uploads"), Key("EC2 credential", "shop-s3")
CONFIGURATION = Key("configuration", "shop-web-1")


def resolved(stack: StackFile) -> ResolvedStack:
    images = dict.fromkeys(stack.machines(), Image("i", "debian-12", "2026-01-01"))
    choices = Choices(
        images, dict.fromkeys(stack.machines(), SMALL), ExternalNetwork("n", "public")
    )
    return ResolvedStack(
        stack, choices, ROLES, NOTHING, s3_endpoint="https://objects.example.org:8080"
    )


def wanted_of(stack: StackFile) -> list[Wanted]:
    return wanted(resolved(stack), PROJECT, "ssh-ed25519 key", Known({}))


def steps(found: Mapping[Key, Found], stack: StackFile) -> list[Step]:
    known, asked = Known(found), resolved(stack)
    each = wanted(asked, PROJECT, "ssh-ed25519 key", known)
    return plan(each, found.values(), RULES, losses(asked, known))


def there(stack: StackFile, objects: int = 0) -> dict[Key, Found]:
    """What is there once a stack is up."""
    return dict(
        brought_up(
            lambda known: wanted(resolved(stack), PROJECT, "ssh-ed25519 key", known),
            lambda number, each: {
                "address": "192.168.128.9",
                "role": "web",
                "launched_at": "2026-01-01",
                "data": "",
                "vcpus": 2,
                "ram_mib": 4096,
                "disk_gib": 20,
                "objects": objects,
                "bytes": objects * 2**30,
            },
        )
    )


def changed(steps: list[Step]) -> dict[Key, Action]:
    return {step.key: step.action for step in steps if step.action is not Action.KEEP}


def test_the_container_and_its_key_are_there_before_the_application_is_configured() -> None:
    made = {step.key: step for step in steps({}, WITH)}
    assert made[CONTAINER].action is made[CREDENTIAL].action is Action.CREATE
    assert CONTAINER in made[CREDENTIAL].needs
    assert {CONTAINER, CREDENTIAL} <= {*made[CONFIGURATION].needs}
    assert nothing_to_do(steps(there(WITH), WITH))


S3_SECRETS = "skytier secret set S3_ACCESS_KEY_ID and skytier secret set S3_SECRET_ACCESS_KEY"
BACKUP_VARIABLES = (
    "skytier up with the variables SKYTIER_BACKUP_ACCESS_KEY_ID and "
    "SKYTIER_BACKUP_SECRET_ACCESS_KEY"
)
SECOND_VARIABLES = BACKUP_VARIABLES.replace("BACKUP", "BACKUP_SECOND")


def asks_for_key(storage: bool, first: str, second: str) -> str:
    """A stack file with a container of the application, and backups in places of these kinds."""
    other = 'endpoint = "https://s3.example.org"\n'
    return "".join(
        [
            'name = "shop"\n',
            '[application]\nserve = "shop:app"\nrequires = ["postgresql"]\n',
            '[storage]\nbucket = "uploads"\n' if storage else "",
            f'[backup]\nkind = "{first}"\nbucket = "first"\n' if first else "",
            other if first == "s3" else "",
            f'[backup.second]\nkind = "{second}"\nbucket = "second"\n' if second else "",
            other if second == "s3" else "",
        ]
    )


@pytest.mark.parametrize(
    ("text", "keys", "given"),
    [
        (asks_for_key(True, "", ""), ["storage"], [S3_SECRETS]),
        (asks_for_key(False, "object-store", ""), ["backup"], [BACKUP_VARIABLES]),
        (asks_for_key(False, "s3", "object-store"), ["backup.second"], [SECOND_VARIABLES]),
        (asks_for_key(True, "s3", ""), ["storage"], [S3_SECRETS]),
        (
            asks_for_key(True, "object-store", "s3"),
            ["storage", "backup"],
            [S3_SECRETS, BACKUP_VARIABLES],
        ),
    ],
)
@pytest.mark.parametrize("asked", ["by check", "by Keystone"])
def test_where_no_key_is_made_the_advice_is_one_that_the_stack_file_takes(
    monkeypatch: pytest.MonkeyPatch, text: str, keys: list[str], given: list[str], asked: str
) -> None:
    stack = parse(text)
    if asked == "by check":
        monkeypatch.setattr(object_store, "is_there", lambda connection: True)
        monkeypatch.setattr(object_store, "is_delegated", lambda connection: True)
        monkeypatch.setattr(Container, "foreign", lambda self, name: None)
        with pytest.raises(SkytierError) as refused:
            object_store.check(PROJECT, stack, Known({}))
    else:
        [key] = [each for each in wanted_of(stack) if each.key.kind == CREDENTIAL.kind]
        denied = SimpleNamespace(status_code=403, json=lambda: {"error": {"message": "No."}})
        identity = SimpleNamespace(post=lambda path, json: denied)
        connection = SimpleNamespace(identity=identity, current_user_id="u", current_project_id="p")
        project = Project(cast(Any, connection), "shop")
        credentials = Ec2Credential(project, Container(project, there=True), there=True)
        with pytest.raises(SkytierError, match=r"Keystone answers: No\.") as refused:
            credentials.create(key, Known({}))

    do = refused.value.do or ""
    assert "; ".join(given) + ". Or run" in do
    sections = ("storage", "backup", "backup.second")
    assert [each for each in sections if f"{each}.keys =" in do] == keys
    # What is advised makes no contradiction, and asks for no key any more.
    assert not object_store.asking_for_key(parse(with_keys(text, keys)))


def with_keys(text: str, sections: list[str]) -> str:
    """The stack file with `keys = "given"` in these sections."""
    for each in sections:
        text = text.replace(f"[{each}]\n", f'[{each}]\nkeys = "given"\n')
    return text


def test_a_stack_that_is_up_gets_one_and_its_web_servers_are_configured_again() -> None:
    assert changed(steps(there(WITHOUT), WITH)) == {
        CONTAINER: Action.CREATE,
        CREDENTIAL: Action.CREATE,
        CONFIGURATION: Action.CHANGE,
        Key("release", "shop-web-1"): Action.CHANGE,
    }


def test_with_another_key_the_web_servers_are_configured_again() -> None:
    found = there(WITH)
    del found[CREDENTIAL]
    assert changed(steps(found, WITH)).keys() >= {CREDENTIAL, CONFIGURATION}
    other = {**there(WITH), CREDENTIAL: replace(there(WITH)[CREDENTIAL], id="another")}
    assert changed(steps(other, WITH)).keys() >= {CONFIGURATION}


def test_a_key_of_the_operator_s_own_is_asked_for_and_none_is_made() -> None:
    made = changed(steps({}, GIVEN))
    assert CONTAINER in made
    assert CREDENTIAL not in made
    names = GIVEN.storage.given_keys
    fitness.check_given(names, Summary("f", names))
    with pytest.raises(SkytierError, match="S3_SECRET_ACCESS_KEY") as error:
        fitness.check_given(names, Summary("f", ("S3_ACCESS_KEY_ID",)))
    assert error.value.do == "Set it: skytier secret set S3_SECRET_ACCESS_KEY"


def test_a_container_that_is_not_wanted_any_more_goes_only_without_objects() -> None:
    gone = changed(steps(there(WITH), WITHOUT))
    assert gone[CONTAINER] is gone[CREDENTIAL] is Action.DELETE
    with pytest.raises(LossError, match=r"lose 12 objects \(12.0 GiB\)") as error:
        refuse_losses(steps(there(WITH, objects=12), WITHOUT))
    assert "Set storage.bucket back to uploads" in (error.value.do or "")


def test_objects_are_priced_by_what_is_in_the_container_now() -> None:
    planned = steps(there(WITH, objects=100), WITH)
    cost = PlanCost(EXAMPLE, WITH, planned, {"web": SMALL})
    assert str(cost.monthly(next(s for s in planned if s.key == CONTAINER))) == "10.00"
    new = steps({}, WITH)
    assert cost.monthly(next(s for s in new if s.key == CONTAINER)) is None


@pytest.mark.parametrize(
    ("found", "purge", "said"),
    [
        (Found(CONTAINER, "uploads", {}, {"objects": 0, "bytes": 0}), False, ""),
        (Found(CONTAINER, "uploads", {}, {"objects": 1, "bytes": 1536}), True, ""),
        (
            Found(CONTAINER, "uploads", {}, {"objects": 1, "bytes": 1536}),
            False,
            "The container uploads stays, with 1 object (1.5 KiB). To delete it with all of them: "
            "skytier down --purge",
        ),
        (Found(CREDENTIAL, "ab", {}, {"own": True, "user": "me"}), False, ""),
        (
            Found(CREDENTIAL, "ab", {}, {"own": False, "user": "ada"}),
            True,
            "The EC2 credential ab stays: it belongs to the user ada, who alone can delete it, "
            "logged in with a password: openstack ec2 credentials delete ab",
        ),
    ],
)
def test_what_down_leaves_is_said_with_the_command_that_deletes_it(
    found: Found, purge: bool, said: str
) -> None:
    assert object_store.stays(found, purge=purge) == said


def test_labels_that_a_header_cannot_hold_are_left_out_and_the_mark_never() -> None:
    many = {f"label{n}": "ü" * 8 for n in range(9)}
    told = tags(Project(cast(Any, None), "shop", many))
    assert told[0] == "skytier:stack=shop"
    assert 1 < len(told) < 10
    assert marks_of("skytier:stack=shop,skytier:label:team=w%C3%A9b") == {
        "skytier:stack": "shop",
        "skytier:label:team": "wéb",
    }
    assert len("skytier:stack=" + "s" * 32) < LONGEST_VALUE


def swift(path: str, mark: str) -> tuple[int, dict[str, str], bytes]:
    containers = {"uploads": {HEADER: mark, NOTE: "ab me", "X-Container-Object-Count": "2"}}
    containers |= {"theirs": {}, "broken": {HEADER: "skytier:stack=other"}}
    name = path.rpartition("/")[2]
    if "?" not in name:
        return (204, containers[name], b"") if name in containers else (404, {}, b"")
    listed = [] if "marker=" in name else [{"name": each} for each in containers]
    return as_json(200, listed)


def test_of_the_project_s_containers_those_with_the_mark_are_the_stack_s() -> None:
    with serving(lambda _, path, __: swift(path, "skytier:stack=shop")) as url:
        project = Project(store_at(url), "shop")
        [found] = Container(project, there=True).find()
        assert (found.key, found.facts["objects"]) == (CONTAINER, 2)
        assert found.facts["note"] == "ab me"
        theirs, other = map(Container(project, there=True).foreign, ("theirs", "broken"))
        assert "Skytier=skytier:stack=shop theirs" in ((theirs and theirs.do) or "")
        # To mark that of another stack would take it away from there.
        assert "belongs to the stack other" in ((other and other.what) or "")
        assert "openstack" not in ((other and other.do) or "")
        assert Container(project, there=True).foreign("none") is None
        assert list(Container(project, there=False).find()) == []


def test_a_container_of_somebody_else_is_refused_also_where_the_stack_has_another_one(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(catalog, "services", lambda _: {"object-store"})
    stack = parse(f'{OWN}[storage]\nbucket = "theirs"')
    with serving(lambda _, path, __: swift(path, "skytier:stack=shop")) as url:
        project = Project(store_at(url), "shop")
        with pytest.raises(SkytierError, match="has a container theirs already") as error:
            object_store.check(project, stack, Known(there(WITH)))
        object_store.check(project, WITH, Known(there(WITH)))
    assert "--property Skytier=skytier:stack=shop theirs" in (error.value.do or "")


def test_who_may_not_use_the_object_store_is_told_so_only_where_a_container_is_wanted() -> None:
    with serving(lambda *_: (403, {}, b"")) as url:
        project = Project(store_at(url), "shop")
        assert list(Container(project, there=True).find()) == []
        with pytest.raises(UnseenContainerError, match="answers 403"):
            list(Container(project, there=True, wanted=True).find())


def store_at(url: str) -> Connection:
    return Connection(auth_type="none", object_store_endpoint_override=f"{url}/v1/AUTH_p")


def test_a_cloud_without_an_object_store_is_refused_beforehand(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(catalog, "services", lambda _: {"compute"})
    project = Project(cast(Any, None), "shop")
    object_store.check(project, WITHOUT, Known())
    with pytest.raises(SkytierError, match="the cloud has no object store"):
        object_store.check(project, WITH, Known())


def test_the_secret_part_is_kept_with_the_stack_and_read_again_only_for_another_key() -> None:
    kept: dict[str, str] = {}
    asked: list[str] = []

    def make(secret: Any) -> dict[str, str]:
        asked.append(secret.access_key_id)
        return {secret.name: f"{secret.access_key_id}:hidden"}

    for access in ("one", "one", "two"):
        vault = Vault(kept.update, make)
        got = vault.get(["key"], [AccessKey("key", access)], lambda: dict(kept))
        assert got == {"key": f"{access}:hidden"}
    assert asked == ["one", "two"]


def test_the_setup_has_no_secret_and_names_those_that_it_needs() -> None:
    found = Known(there(WITH))
    setup = resolved(WITH).setup("web", 1, found)
    assert "object_store_key" in setup.secrets
    unit = next(f.text for f in setup.files if f.path.endswith("skytier-app.service"))
    assert "Environment=S3_ENDPOINT=https://objects.example.org:8080" in unit
    assert "LoadCredential=skytier_s3_secret_access_key:" in unit
    given = resolved(GIVEN).setup("web", 1, found)
    assert "object_store_key" not in given.secrets
    assert not [f for f in given.files if "skytier_s3" in f.text]
    declared = roles.secrets(resolved(WITH).topology(found))
    assert AccessKey("object_store_key", f"id of {CREDENTIAL}") in declared


STORE = {"S3_ENDPOINT": "https://s3", "S3_REGION": "r", "S3_ACCESS_KEY_ID": "a"}


@pytest.mark.parametrize(
    ("environment", "expected"),
    [
        ({}, {}),
        ({"S3_ACCESS_KEY_ID": "a"}, {}),
        (
            STORE,
            {
                "AWS_ENDPOINT_URL_S3": "https://s3",
                "AWS_DEFAULT_REGION": "r",
                "AWS_REGION": "r",
                "AWS_ACCESS_KEY_ID": "a",
                "AWS_REQUEST_CHECKSUM_CALCULATION": "when_required",
                "AWS_RESPONSE_CHECKSUM_VALIDATION": "when_required",
            },
        ),
        ({**STORE, "AWS_ACCESS_KEY_ID": "of AWS itself"}, {}),
    ],
)
def test_clients_of_aws_find_the_object_store(
    environment: dict[str, str], expected: dict[str, str]
) -> None:
    made = runtime.variables(environment)
    assert made == expected
    assert runtime.variables({**environment, **made}) == made
