"""What a stack on this machine refuses whose application does not need a database."""

import json

from skytier.errors import SkytierError
from skytier.local.built import Built
from skytier.local.program import Program
from skytier.local.releases import LocalReleases
from skytier.stackfile.application import POSTGRESQL


def check(program: Program, postgres: object) -> None:
    """Raises SkytierError for a chosen PostgreSQL, and for a kept release that needs one."""
    if postgres is not None:
        raise SkytierError(
            "A PostgreSQL is chosen (--postgres or SKYTIER_POSTGRES), and application.requires "
            "does not name it.",
            'Leave it out, or add "postgresql" to application.requires in the stack file.',
        )
    if isinstance(program, Built) and program.kept:
        check_release(program.releases, program.kept.id)


def check_release(releases: LocalReleases, release: str) -> None:
    """Raises SkytierError for a release that needs a database."""
    path = releases.path(release) / "application.json"
    described = json.loads(path.read_text()) if path.exists() else {}
    if POSTGRESQL in described.get("requires", [POSTGRESQL]):
        raise SkytierError(
            f"The release {release} needs PostgreSQL, which application.requires does not name.",
            'Add "postgresql" to application.requires, or release the source: skytier release',
        )
