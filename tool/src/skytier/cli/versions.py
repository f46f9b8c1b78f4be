"""A plan, after the versions of packages are chosen that no file pins."""

from typing import Any

from skytier.backend import Backend
from skytier.cli import console


def with_versions(
    stack: Backend, *, anew: bool = False, upgrade: bool = False, looks: bool = False
) -> Any:
    """The plan of a stack. What was chosen is said beside the output, which may be JSON.

    Raises SkytierError.
    """
    plan = stack.plan(anew=anew, looks=looks)
    said = stack.choose_versions(plan, upgrade=upgrade)
    if said:
        console.err.print(said, markup=False)
    return stack.plan(anew=anew, looks=looks) if said else plan
