"""A container for static files: what is planned, in which order, refused, and what `down` does."""

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import pytest

from skytier.deploy.apply import refuse_losses
from skytier.deploy.kind import Found, Key, Known, UnseenError
from skytier.deploy.plan import Action, Step, nothing_to_do, plan
from skytier.errors import SkytierError
from skytier.openstack import catalog
from skytier.openstack.plan import object_store
from skytier.openstack.plan.desired import wanted
from skytier.openstack.plan.kinds import RULES, find_all
from skytier.openstack.plan.losses import losses
from skytier.openstack.plan.releases import steps_of_release
from skytier.openstack.plan.resolved import Pinned
from skytier.openstack.resources.container import PUBLIC, Container
from skytier.openstack.resources.project import Project
from skytier.openstack.resources.static_files import StaticFiles
from skytier.release import static
from skytier.release.static import Uses
from skytier.stackfile import StackFile, parse

from .loopback import serving
from .test_object_store import OWN, PROJECT, changed, resolved, store_at, there

SHOP = f'{OWN}static = {{"/static/" = "collected"}}\n'
WITH, WITHOUT = parse(f'{SHOP}[static]\nbucket = "assets"'), parse(SHOP)
CONTAINER, FILES = Key("container", "assets"), Key("static files", "assets")
RELEASE, DELIVERY = Key("release", "shop-web-1"), Key("delivery", "shop-web-1")


def steps(found: Mapping[Key, Found], stack: StackFile, pinned: Pinned | None = None) -> list[Step]:
    known, asked = Known(found), replace(resolved(stack), pinned=pinned)
    each = wanted(asked, PROJECT, "ssh-ed25519 key", known)
    return plan(each, found.values(), RULES, losses(asked, known))


def of_another_release(found: Mapping[Key, Found]) -> dict[Key, Found]:
    kinds = ("release", "delivery", "static files")
    return {
        key: replace(each, attributes={"release": "0-before"}) if key.kind in kinds else each
        for key, each in found.items()
    }


def test_the_files_are_in_the_container_before_a_web_server_is_switched() -> None:
    made = {step.key: step for step in steps({}, WITH)}
    assert made[FILES].needs == (CONTAINER,)
    assert FILES in made[RELEASE].needs
    container = made[CONTAINER].wanted
    assert container is not None
    assert {name: container.attributes[name] for name in PUBLIC} == PUBLIC
    # Machines do not use it, and no key of S3 is made for it.
    assert CONTAINER not in made[Key("configuration", "shop-web-1")].needs
    assert not any(key.kind == "EC2 credential" for key in made)
    assert nothing_to_do(steps(there(WITH), WITH))


def test_a_release_sends_them_in_its_first_part() -> None:
    due = steps(of_another_release(there(WITH)), WITH)
    whole, first, rest = steps_of_release(due)
    assert changed(whole).keys() == changed(first).keys() == {FILES, DELIVERY, RELEASE}
    assert changed(rest) == {}
    # A container that has to be made is not a release's affair.
    found = of_another_release(there(WITHOUT))
    with pytest.raises(SkytierError, match="the container assets has to be made"):
        steps_of_release(steps(found, WITH))


def test_a_stack_that_is_up_gets_it_without_a_change_of_its_machines() -> None:
    asked = changed(steps(there(WITHOUT), WITH))
    assert asked == {CONTAINER: Action.CREATE, FILES: Action.CREATE}


def test_of_a_release_that_a_rollback_led_to_nothing_is_sent() -> None:
    pinned = Pinned("0-before-1", "0-before")
    kept = steps(there(WITH), WITH, pinned)
    assert FILES not in {step.key for step in kept}
    assert CONTAINER not in changed(kept)


def test_it_goes_with_all_in_it() -> None:
    found = there(WITH, objects=12)
    gone = steps(found, WITHOUT)
    refuse_losses(gone)
    assert changed(gone) == {CONTAINER: Action.DELETE}
    assert object_store.stays(found[CONTAINER], purge=False) == ""


def test_who_shut_it_is_undone() -> None:
    found = there(WITH)
    found[CONTAINER] = replace(
        found[CONTAINER], attributes={**found[CONTAINER].attributes, "readers": ""}
    )
    [step] = [each for each in steps(found, WITH) if each.action is not Action.KEEP]
    assert (step.key, step.reason) == (CONTAINER, "readers changed")


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (f'{OWN}[static]\nbucket = "assets"', "needs static files: application.static"),
        (f'{SHOP}[storage]\nbucket = "one"\n[static]\nbucket = "one"', "is storage.bucket"),
        (
            f'{SHOP.replace("requires = []", "")}[backup]\nkind = "object-store"\n'
            'bucket = "one"\n[static]\nbucket = "one"',
            "is backup.bucket",
        ),
        (
            f'{SHOP.replace("/static/", "/.skytier/js/")}[static]\nbucket = "one"',
            "Skytier itself",
        ),
        (SHOP.replace("/static/", "/./"), "is not a URL path"),
        (SHOP.replace("/static/", "/a/../b/"), "is not a URL path"),
    ],
)
def test_what_everybody_may_read_is_for_nothing_else(text: str, said: str) -> None:
    with pytest.raises(SkytierError) as refused:
        parse(text)
    assert said in refused.value.what


def test_a_container_with_other_objects_is_never_opened_and_one_of_static_files_not_used_otherwise(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(catalog, "services", lambda _: {"object-store"})
    uploads = Found(CONTAINER, "assets", {"holds": ""}, {"objects": 1})
    project = Project(cast(Any, _Delegated()), "shop")
    with pytest.raises(SkytierError, match="holds objects that are no static files"):
        object_store.check(project, WITH, Known({CONTAINER: uploads}))
    object_store.check(project, WITH, Known({CONTAINER: replace(uploads, facts={"objects": 0})}))
    backups = f'{OWN.replace("requires = []", "")}[backup]\nkind = "object-store"\n'
    for other_use in (f"{OWN}[storage]\n", backups):
        asked = parse(f'{other_use}bucket = "assets"\nkeys = "given"')
        for objects in (0, 1):
            public = Found(CONTAINER, "assets", PUBLIC, {"objects": objects})
            with pytest.raises(SkytierError, match="which everybody may read"):
                object_store.check(project, asked, Known({CONTAINER: public}))
        object_store.check(project, asked, Known({CONTAINER: uploads}))


@pytest.mark.parametrize("status", [401, 403])
def test_where_containers_may_not_be_seen_the_stack_can_be_planned_and_taken_down_all_the_same(
    status: int,
) -> None:
    with serving(lambda *_: (status, {}, b"")) as url:
        project = Project(store_at(url), "shop")
        containers = Container(project, there=True, wanted=True)
        unseen: list[UnseenError] = []
        assert find_all([containers, StaticFiles(project, containers, "assets")], unseen) == []
        assert "The stack's container could not be looked for" in unseen[0].what


def test_of_a_cloud_without_an_object_store_no_static_files_are_asked_for() -> None:
    project = Project(cast(Any, None), "shop")
    assert find_all([StaticFiles(project, Container(project, there=False), "assets")]) == []


def test_what_cannot_be_listed_is_named() -> None:
    with serving(lambda *_: (500, {}, b"")) as url:
        project = Project(store_at(url), "shop")
        files = StaticFiles(project, Container(project, there=True), "assets")
        with pytest.raises(SkytierError, match="The stack's static files could not be listed"):
            find_all([files])


def test_the_origin_is_the_public_address_whatever_interface_the_operator_has() -> None:
    addresses = {"public": "https://public.example.org/v1/AUTH_p/", None: "http://10.0.0.9/v1"}
    store = SimpleNamespace(get_endpoint=lambda interface=None: addresses[interface])
    project = Project(cast(Any, SimpleNamespace(object_store=store)), "shop")
    files = StaticFiles(project, Container(project, there=True), "assets")
    assert files.origin == "https://public.example.org/v1/AUTH_p/assets"


@pytest.mark.parametrize(
    ("status", "do"), [(401, "X-Container-Read"), (403, "X-Container-Read"), (503, "Run it again")]
)
def test_what_a_cdn_cannot_read_is_told_and_whether_to_ask_or_to_try_again(
    tmp_path: Path, status: int, do: str
) -> None:
    (tmp_path / "static").mkdir()
    (tmp_path / "static" / "a b.css").touch()
    push = static.plan("1", static.read(tmp_path), {}, Uses())
    asked: list[tuple[str, str]] = []

    def swift(method: str, path: str, _: bytes) -> tuple[int, dict[str, str], bytes]:
        asked.append((method, path))
        return status, {}, b""

    with serving(swift) as url:
        project = Project(store_at(url), "shop")
        files = StaticFiles(project, Container(project, there=True), "assets")
        with pytest.raises(SkytierError, match=f"answers {status}") as refused:
            files._check_readable(push)
    assert asked == [("HEAD", "/v1/AUTH_p/assets/static/a%20b.css")]
    assert (refused.value.do or "").count(do) == 1


class _Delegated:
    session = None


def test_it_is_deleted_with_its_objects_and_another_one_is_not() -> None:
    asked: list[tuple[str, str]] = []

    def swift(method: str, path: str, _: bytes) -> tuple[int, dict[str, str], bytes]:
        asked.append((method, path.partition("/v1/AUTH_p")[2].partition("?")[0]))
        if method == "GET" and "marker=" not in path:
            return 200, {"Content-Type": "application/json"}, b'[{"name": "a b/c.css"}]'
        return (
            (200, {"Content-Type": "application/json"}, b"[]")
            if method == "GET"
            else (
                204,
                {},
                b"",
            )
        )

    with serving(swift) as url:
        containers = Container(Project(store_at(url), "shop"), there=True)
        containers.delete(Found(CONTAINER, "assets", PUBLIC, {"objects": 1}), lambda _: None)
        assert ("DELETE", "/assets/a%20b/c.css") in asked
        asked.clear()
        containers.delete(Found(CONTAINER, "assets", {"holds": ""}, {"objects": 1}), lambda _: None)
    assert asked == [("DELETE", "/assets")]
