"""A stack whose data is on a volume: wanted + found -> steps, and what is refused."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any, cast

import pytest

from skytier.costs.planned import PlanCost
from skytier.costs.rates import EXAMPLE
from skytier.deploy.apply import LossError, refuse_losses
from skytier.deploy.kind import Found, Key, Known, Wanted
from skytier.deploy.plan import Action, Step, nothing_to_do, one_of_each, plan
from skytier.doctor import cloud as doctor
from skytier.doctor.check import State
from skytier.errors import SkytierError
from skytier.openstack import catalog
from skytier.openstack.choices.choices import Choices, ExternalNetwork
from skytier.openstack.choices.flavor import Flavor
from skytier.openstack.choices.images import Image
from skytier.openstack.choices.quota import Amounts
from skytier.openstack.plan.desired import wanted
from skytier.openstack.plan.kinds import RULES
from skytier.openstack.plan.losses import losses, unclear_volumes
from skytier.openstack.plan.needs import of_steps, whole_plan
from skytier.openstack.plan.resolved import ResolvedStack
from skytier.openstack.resources.project import Project
from skytier.openstack.resources.volume import DATA_ID, EXPECTED, KEPT, Volume
from skytier.openstack.resources.volume_attachment import VolumeAttachment
from skytier.openstack.stack import CloudStack
from skytier.roles import ROLES
from skytier.stackfile import StackFile, parse
from tests.applications import NOTHING

from .brought_up import brought_up

VOLUME = Key("volume", "skytier-database-1")
ATTACHMENT = Key("volume attachment", "skytier-database-1")
SERVER = Key("server", "skytier-database-1")
CONFIGURATION = Key("configuration", "skytier-database-1")
WEB_CONFIGURATION, RELEASE = Key("configuration", "skytier-web-1"), Key("release", "skytier-web-1")
FLAVOR = Flavor("1", "m1.small", 2, 4096, 20)
FLAVORS = {"web": FLAVOR, "database": FLAVOR}
PROJECT = Project(cast(Any, None), "skytier")

TEN, TWENTY, NONE = parse("database.volume_gib = 10"), parse("database.volume_gib = 20"), parse("")


def resolved(stack: StackFile, image: str = "debian-12") -> ResolvedStack:
    images = dict.fromkeys(stack.machines(), Image("i", image, "2026-01-01"))
    choices = Choices(images, FLAVORS, ExternalNetwork("n", "public"))
    # Only one that is named replaces a server.
    stack = stack.model_copy(update={"image": image})
    return ResolvedStack(stack, choices, ROLES, NOTHING)


def all_wanted(stack: StackFile, known: Known, image: str = "debian-12") -> list[Wanted]:
    return wanted(resolved(stack, image), PROJECT, "ssh-ed25519 key", known)


def there(stack: StackFile, data: str = KEPT) -> dict[Key, Found]:
    """What is there once a stack is up."""
    return dict(
        brought_up(
            lambda known: all_wanted(stack, known),
            lambda number, each: {"address": "192.168.128.9", "data": data, "role": "database"},
        )
    )


def steps(found: Mapping[Key, Found], stack: StackFile, image: str = "debian-12") -> list[Step]:
    return plan(all_wanted(stack, Known(found), image), found.values(), RULES)


def changed(steps: Sequence[Step]) -> dict[Key, Action]:
    return {step.key: step.action for step in steps if step.action is not Action.KEEP}


def without(found: Mapping[Key, Found], *gone: Key) -> dict[Key, Found]:
    return {key: each for key, each in found.items() if key not in gone}


def test_the_volume_is_made_and_attached_before_the_machine_is_configured() -> None:
    made = steps({}, TEN)

    assert changed(made)[VOLUME] == changed(made)[ATTACHMENT] == Action.CREATE
    by_key = {step.key: step for step in made}
    assert set(by_key[ATTACHMENT].needs) == {VOLUME, SERVER}
    assert ATTACHMENT in by_key[CONFIGURATION].needs
    assert nothing_to_do(steps(there(TEN), TEN))


def test_without_the_key_there_is_no_volume() -> None:
    assert not {step.key.kind for step in steps({}, NONE)} & {Volume.name, VolumeAttachment.name}


def test_a_stack_that_is_up_gets_a_volume_without_another_server() -> None:
    assert changed(steps(there(NONE), TEN)) == {
        VOLUME: Action.CREATE,
        ATTACHMENT: Action.CREATE,
        CONFIGURATION: Action.CHANGE,
        # The monitor on it shows what the stack costs.
        WEB_CONFIGURATION: Action.CHANGE,
        RELEASE: Action.CHANGE,
    }


def test_a_volume_grows_and_then_the_file_system_on_it() -> None:
    made = steps(there(TEN), TWENTY)

    assert changed(made) == {
        VOLUME: Action.CHANGE,
        CONFIGURATION: Action.CHANGE,
        # The monitor on it shows what the stack costs.
        WEB_CONFIGURATION: Action.CHANGE,
        RELEASE: Action.CHANGE,
    }
    [change] = next(step.changes for step in made if step.key == VOLUME)
    assert (change.attribute, change.old, change.new) == ("size_gib", 10, 20)


@pytest.mark.parametrize(
    ("stack", "said"), [(TEN, "asks for 10 GiB"), (NONE, "is not there any more")]
)
def test_a_volume_is_never_made_smaller_or_given_up(stack: StackFile, said: str) -> None:
    with pytest.raises(SkytierError) as refused:
        steps(there(TWENTY), stack)

    assert "has 20 GiB" in refused.value.what
    assert said in refused.value.what
    assert "to 20 or more" in (refused.value.do or "")


def test_a_database_server_that_is_gone_is_made_anew_and_gets_the_volume_that_stayed() -> None:
    found = without(there(TEN), SERVER, ATTACHMENT, CONFIGURATION)

    assert changed(steps(found, TEN)) == {
        SERVER: Action.CREATE,
        ATTACHMENT: Action.CREATE,
        CONFIGURATION: Action.CREATE,
        WEB_CONFIGURATION: Action.CHANGE,
        RELEASE: Action.CHANGE,
    }


def test_a_run_that_was_cut_short_before_the_web_machine_had_the_new_password_goes_on() -> None:
    found = there(TEN)
    # The database was made anew and configured; what tells of its server is the web machine's old.
    found[SERVER] = replace(found[SERVER], id="another")
    attributes = {**found[ATTACHMENT].attributes, "server": "another"}
    found[ATTACHMENT] = replace(found[ATTACHMENT], attributes=attributes)

    assert changed(steps(found, TEN)) == {
        WEB_CONFIGURATION: Action.CHANGE,
        RELEASE: Action.CHANGE,
    }


def test_a_web_machine_is_configured_again_once_the_new_database_is_well() -> None:
    found = without(there(TEN), SERVER, ATTACHMENT, CONFIGURATION)

    [web] = [step for step in steps(found, TEN) if step.key == WEB_CONFIGURATION]
    [first] = [step for step in steps({}, TEN) if step.key == WEB_CONFIGURATION]

    assert CONFIGURATION in web.needs
    assert CONFIGURATION not in first.needs, "at first both are configured at the same time"


def test_another_image_replaces_the_server_once_its_data_is_on_the_volume() -> None:
    made = steps(there(TEN), TEN, "debian-13")

    refuse_losses([step for step in made if step.key.name == SERVER.name])
    actions = changed(made)
    assert (actions[SERVER], actions[ATTACHMENT]) == (Action.REPLACE, Action.CREATE)
    assert VOLUME not in actions


@pytest.mark.parametrize("data", ["", EXPECTED])
def test_it_does_not_before_that(data: str) -> None:
    with pytest.raises(LossError, match="lose the data of the application"):
        refuse_losses(steps(there(TEN, data), TEN, "debian-13"))


@pytest.mark.parametrize(("data", "loses"), [("", False), (EXPECTED, True), (KEPT, True)])
def test_only_a_broken_volume_that_never_had_data_is_made_anew(data: str, loses: bool) -> None:
    found = there(TEN, data)
    found[VOLUME] = replace(found[VOLUME], fault="it is in the state error")

    [step] = [step for step in steps(found, TEN) if step.key == VOLUME]

    assert (step.action, bool(step.loses)) == (Action.REPLACE, loses)


def test_a_volume_that_another_server_has_is_not_taken_from_it() -> None:
    found = there(TEN)
    attributes = {**found[ATTACHMENT].attributes, "server": "another"}
    found[ATTACHMENT] = replace(found[ATTACHMENT], attributes=attributes)
    assert changed(steps(found, TEN))[ATTACHMENT] == Action.REPLACE
    kind = VolumeAttachment(cast(Any, _Nothing()), Volume(PROJECT, there=False))

    with pytest.raises(SkytierError, match="attached to the server another"):
        kind.delete(found[ATTACHMENT], lambda text: None)


class _Nothing:
    """A project that is never asked for anything."""

    def __getattr__(self, name: str) -> "_Nothing":
        return self


def refused(found: Sequence[Found], stack: StackFile) -> list[Step]:
    """The steps with what is lost by them."""
    known = Known(one_of_each(found)[0])
    asked = resolved(stack)
    return plan(
        *(all_wanted(stack, known), found, RULES),
        losses(asked, known),
        unclear_volumes(asked, found),
    )


@pytest.mark.parametrize("data", [EXPECTED, KEPT])
@pytest.mark.parametrize("created_at", ["1999", "2999"])
@pytest.mark.parametrize("server", [True, False])
def test_of_two_volumes_of_one_name_none_with_data_is_deleted(
    data: str, created_at: str, server: bool
) -> None:
    """As a backup that Cinder restored: it has the name, and all metadata."""
    found = there(TEN) if server else without(there(TEN), SERVER, ATTACHMENT, CONFIGURATION)
    found[VOLUME] = replace(found[VOLUME], created_at="2026")
    facts = {**found[VOLUME].facts, "data": data, "servers": []}
    restored = replace(found[VOLUME], id="restored", facts=facts, created_at=created_at)

    with pytest.raises(LossError, match="lose the data of the application") as error:
        refuse_losses(refused([*found.values(), restored], TEN))

    advice = error.value.do or ""
    assert "id of volume skytier-database-1 and restored have this name" in advice
    assert "openstack volume unset --property skytier:stack ID" in advice


def test_one_that_never_had_data_is_deleted_as_a_duplicate() -> None:
    found = there(TEN)
    facts = {**found[VOLUME].facts, "data": ""}
    empty = replace(found[VOLUME], id="empty", facts=facts, created_at="2999")

    steps = refused([*found.values(), empty], TEN)

    refuse_losses(steps)
    assert [s.found.id for s in steps if s.action is Action.DELETE and s.found] == ["empty"]


@pytest.mark.parametrize("name", ["data", "skytier-database-4", "skytier-web-4", ""])
def test_a_volume_with_data_that_was_renamed_is_not_deleted(name: str) -> None:
    found = without(there(TEN), SERVER, ATTACHMENT, CONFIGURATION)
    renamed = replace(found.pop(VOLUME), key=Key("volume", name))

    with pytest.raises(LossError, match="lose the data of the application") as error:
        refuse_losses(refused([*found.values(), renamed], TEN))

    back = "openstack volume set --name skytier-database-1 id of volume skytier-database-1."
    assert back in (error.value.do or "")


def test_the_machine_that_noted_it_says_what_its_name_was() -> None:
    found = there(TEN)
    renamed = replace(found.pop(VOLUME), key=Key("volume", "data"), id="v")
    # The name is free, and not its own.
    noted = {**found[SERVER].facts, "metadata": {DATA_ID: "v"}}
    server = replace(found[SERVER], key=Key("server", "skytier-database-2"), facts=noted)

    unclear = unclear_volumes(resolved(TEN), [*found.values(), renamed, server])

    assert "--name skytier-database-2 v." in unclear["v"].instead


def test_one_of_a_role_that_no_machine_of_the_stack_has_is_not_deleted() -> None:
    found = there(TEN)
    facts = {**found[VOLUME].facts, "role": "somebody's"}
    another = replace(found[VOLUME], key=Key("volume", "another"), id="v", facts=facts)

    with pytest.raises(LossError, match="lose what is on it") as error:
        refuse_losses(refused([*found.values(), another], TEN))

    assert error.value.do is not None
    assert "set --name" not in error.value.do
    assert "openstack volume unset --property skytier:stack v" in error.value.do


def test_down_deletes_the_server_first_and_the_volume_with_the_rest() -> None:
    gone = plan([], there(TEN).values(), RULES)

    keys = [step.key for step in gone]
    assert keys.index(SERVER) < keys.index(VOLUME)
    [volume] = [step for step in gone if step.key == VOLUME]
    assert SERVER in volume.needs
    assert ATTACHMENT not in keys, "it ends with the server"


def test_a_cloud_without_cinder_is_told_plainly_by_doctor_and_plan(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(catalog, "services", lambda conn: {"compute", "image", "network"})
    monkeypatch.setattr(catalog, "region", lambda conn: "")
    subject = doctor.Subject(TEN, "mycloud")
    subject.__dict__["conn"] = _Nothing()

    found = doctor.services(subject)
    assert (found.state, "no volume service" in found.said) == (State.FAILED, True)
    with pytest.raises(SkytierError, match="no volume service") as refused:
        CloudStack(cast(Any, _Nothing()), TEN, "mycloud").plan()
    assert "Leave volume_gib out" in (refused.value.do or "")
    subject.stack = NONE
    assert doctor.services(subject).state is State.OK


def test_quotas_count_the_volume_and_what_it_grows_by() -> None:
    whole = whole_plan(TEN, FLAVORS)

    assert (whole.volumes, whole.gigabytes) == (1, 10)
    assert whole_plan(NONE, FLAVORS).volumes == 0
    made = of_steps(steps({}, TEN), FLAVORS)
    assert (made.volumes, made.gigabytes) == (1, 10)
    assert of_steps(steps(there(TEN), TWENTY), FLAVORS) == Amounts(gigabytes=10)


@pytest.mark.parametrize("text", ["", "volume_gib = 10", "root_gib = 30\nvolume_gib = 10"])
@pytest.mark.parametrize("members", [1, 2, 3])
def test_the_doctor_counts_what_the_plan_of_a_new_stack_takes(text: str, members: int) -> None:
    stack = parse(f"[database]\nmembers = {members}\n{text}")
    flavors = dict.fromkeys(stack.machines(), FLAVOR)
    roots = {role: gib for role in stack.machines() if (gib := stack.root_gib_of(role))}
    images = dict.fromkeys(stack.machines(), Image("i", "debian-12", "2026-01-01"))
    network = ExternalNetwork("n", "public")
    new = ResolvedStack(stack, Choices(images, flavors, network, roots=roots), ROLES, NOTHING)
    made = plan(wanted(new, PROJECT, "ssh-ed25519 key", Known()), [], RULES)

    whole = whole_plan(stack, flavors, roots)

    assert whole == of_steps(made, flavors)
    assert whole.gigabytes == members * (10 * ("volume" in text) + 30 * ("root" in text))


def test_its_price_is_in_the_plan() -> None:
    found = PlanCost(EXAMPLE, TWENTY, [s for s in steps({}, TWENTY) if s.key == VOLUME], FLAVORS)

    assert str(found.after.total.per_month) == "2.00"
    [step] = found.steps
    assert str(found.monthly(step)) == "2.00"


def test_a_web_server_with_files_of_its_own_is_not_replaced() -> None:
    stack = parse('application.serve = "a:b"\napplication.media = {"/media/" = "media"}')
    web = Key("server", "skytier-web-1")
    made = steps(there(stack), stack, image="debian-13")
    with pytest.raises(LossError, match="lose what the application wrote to media") as refused:
        refuse_losses([step for step in made if step.key == web])
    assert "replace-a-machine.md#a-web-server-with-files-of-its-own" in str(refused.value.do)
    # Without such files it is.
    (replaced,) = (step for step in steps(there(NONE), NONE, "debian-13") if step.key == web)
    assert (replaced.action, replaced.loses) == (Action.REPLACE, "")
