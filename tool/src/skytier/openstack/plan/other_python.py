"""A web server that is replaced: what its release needs is there before the former one goes.

A release has the packages for one Python, and each distribution has another one.
"""

from collections.abc import Sequence

from skytier import release
from skytier.deploy.kind import Key, Known
from skytier.deploy.plan import Action, Step
from skytier.deploy.update import RELEASE, SERVER
from skytier.errors import SkytierError
from skytier.openstack.plan.resolved import ResolvedStack
from skytier.release.platform import Platform


def replaced(resolved: ResolvedStack, steps: Sequence[Step]) -> list[Step]:
    """The steps that replace a web server that is well."""
    return [
        step
        for step in steps
        if step.key.kind == SERVER and step.action is Action.REPLACE
        if step.wanted and step.found and not step.found.fault
        if resolved.roles[step.wanted.creation["role"]].runs_application
    ]


def refuse(resolved: ResolvedStack, known: Known, steps: Sequence[Step]) -> None:
    """Raises SkytierError where a new web server could not run the release of a rollback.

    That one is not built anew: a new server gets it from another web server.
    """
    pinned = resolved.pinned
    if pinned is None:
        return
    for step in replaced(resolved, steps):
        image = step.wanted.attributes["image"] if step.wanted else ""
        others = [key.name for key in known if key.kind == RELEASE and key.name != step.key.name]
        servers = [known[key] for name in others if (key := Key(SERVER, name)) in known]
        target = _platform(resolved, image)
        if any(_runs(target, _platform(resolved, each.attributes["image"])) for each in servers):
            continue
        raise SkytierError(
            f"A rollback led to the release {pinned.id}. The web server {step.key.name} is to be "
            f"made again, from {image}, and no other web server has that release for its Python.",
            "End the rollback first: with the stack file as it was, run skytier release. Then "
            "change the stack file.",
        )


def build(resolved: ResolvedStack, steps: Sequence[Step]) -> None:
    """Have the releases for the web servers that replace others, before those are deleted.

    One of a rollback is there already. Raises SkytierError as `release.build` does.
    """
    if resolved.pinned:
        return
    roles = {step.wanted.creation["role"] for step in replaced(resolved, steps) if step.wanted}
    for role in sorted(roles):
        target = Platform.likely(resolved.choices.systems[role])
        if target is None:
            continue
        try:
            release.build(resolved.application, target)
        except SkytierError as error:
            raise SkytierError(
                f"There is no release for {target}, which the new web servers have, so none is "
                f"replaced. {error.what}",
                error.do,
            ) from error


def _platform(resolved: ResolvedStack, image: str) -> Platform | None:
    return Platform.likely(resolved.choices.system_of(image))


def _runs(target: Platform | None, built_for: Platform | None) -> bool:
    """Whether a release for one runs on the other; also where one of them is not known."""
    if target is None or built_for is None:
        return True
    return target.python == built_for.python and target.glibc >= built_for.glibc
