"""A web server that is replaced by one of another system: what its release needs is asked first."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import pytest

from skytier import release
from skytier.deploy.kind import Key, Known
from skytier.deploy.plan import Step, plan
from skytier.errors import SkytierError
from skytier.openstack.choices.choices import Choices, ExternalNetwork
from skytier.openstack.choices.images import Image
from skytier.openstack.choices.systems import Described, system_of
from skytier.openstack.plan.desired import wanted
from skytier.openstack.plan.kinds import RULES
from skytier.openstack.plan.other_python import build, refuse, replaced
from skytier.openstack.plan.resolved import Pinned, ResolvedStack
from skytier.release.platform import Platform
from skytier.roles import ROLES
from skytier.stackfile import parse
from tests.applications import NOTHING
from tests.tool.brought_up import brought_up
from tests.tool.test_order import PROJECT, SMALL

PINNED = Pinned("1-aa-bb", "1-aa")
WEB = "skytier-web-{}".format


def resolved(count: int, web: str, pinned: Pinned | None = None) -> ResolvedStack:
    """A stack whose web servers have an image; the database's stays."""
    text = (
        f'image = "debian-12"\nweb = {{count = {count}, image = "{web}"}}\nbalancer.kind = "none"'
    )
    stack = parse(text)
    names = {role: stack.image_of(role) or "" for role in stack.machines()}
    choices = Choices(
        {role: Image("i", name, "2026-01-01") for role, name in names.items()},
        dict.fromkeys(names, SMALL),
        ExternalNetwork("n", "public"),
        {role: system_of(Described(name)) for role, name in names.items()},
    )
    return ResolvedStack(stack, choices, ROLES, NOTHING, pinned=pinned)


def there(stack: ResolvedStack, **images: str) -> Known:
    """It as it was brought up; `images` are those of single servers: `shop_web_1="debian-13"`."""

    def facts(number: int, each: Any) -> Mapping[str, Any]:
        return {
            "address": f"192.168.128.{number}",
            "launched_at": "2026-01-01",
            "data": "",
            "role": each.creation.get("role", ""),
        }

    known = brought_up(lambda known: wanted(stack, PROJECT, "key", known), facts)
    for name, image in images.items():
        key = Key("server", name.replace("_", "-"))
        known[key] = replace(known[key], attributes={**known[key].attributes, "image": image})
    return known


def steps(after: ResolvedStack, known: Known) -> list[Step]:
    return plan(wanted(after, PROJECT, "key", known), known.values(), RULES)


def names(after: ResolvedStack, known: Known) -> list[str]:
    return [step.key.name for step in replaced(after, steps(after, known))]


def test_web_servers_that_are_well_are_asked_about_and_no_others() -> None:
    known = there(resolved(2, "debian-12"))
    broken = Key("server", WEB(2))
    known[broken] = replace(known[broken], fault="it is in ERROR")

    assert names(resolved(2, "debian-12"), known) == []
    assert names(resolved(2, "debian-13"), known) == [WEB(1)]


@pytest.mark.parametrize("count", [1, 2])
def test_a_rollback_and_another_python_are_not_taken_together(count: int) -> None:
    known, after = there(resolved(count, "debian-12")), resolved(count, "debian-13", PINNED)

    with pytest.raises(SkytierError, match=r"led to the release 1-aa-bb\. .* debian-13") as error:
        refuse(after, known, steps(after, known))
    assert "run skytier release" in (error.value.do or "")
    refuse(replace(after, pinned=None), known, steps(after, known))


def test_another_build_of_the_same_system_gets_it_from_another_web_server() -> None:
    after = resolved(2, "debian-12-new", PINNED)
    known = there(resolved(2, "debian-12"))
    refuse(after, known, steps(after, known))

    alone = resolved(1, "debian-12-new", PINNED)
    known = there(resolved(1, "debian-12"))
    with pytest.raises(SkytierError, match="no other web server has"):
        refuse(alone, known, steps(alone, known))


def test_the_way_back_of_an_update_that_was_cut_short_is_open() -> None:
    """The first web server is of the newer system, and the second still runs the release."""
    after = resolved(2, "debian-12", PINNED)
    known = there(resolved(2, "debian-12"), skytier_web_1="debian-13")

    assert names(after, known) == [WEB(1)]
    refuse(after, known, steps(after, known))


def test_what_nothing_tells_is_left_to_the_machine() -> None:
    after = resolved(2, "golden", PINNED)
    known = there(resolved(2, "debian-12"))

    assert names(after, known) == [WEB(1), WEB(2)]
    refuse(after, known, steps(after, known))


def test_releases_are_built_before_a_web_server_goes(monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[Platform] = []
    monkeypatch.setattr(release, "build", lambda application, target: asked.append(target))
    known = there(resolved(2, "debian-12"))

    for after in (
        resolved(2, "debian-13"),
        # Nothing is replaced; it is not known; it is on another machine already.
        resolved(2, "debian-12"),
        resolved(2, "golden"),
        resolved(2, "debian-13", PINNED),
    ):
        build(after, steps(after, known))

    assert asked == [Platform("3.13", "x86_64", 41)]


def test_no_web_server_goes_where_there_is_no_release_for_its_successor(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def fails(application: object, target: Platform) -> None:
        raise SkytierError("No wheel of shop.", "Name another version.")

    monkeypatch.setattr(release, "build", fails)
    known, after = there(resolved(1, "debian-12")), resolved(1, "debian-13")

    with pytest.raises(SkytierError, match=r"Python 3\.13 .*none is replaced\. No wheel") as error:
        build(after, steps(after, known))
    assert error.value.do == "Name another version."
