"""Commands of the operator that run before and after a release, on the operator's machine."""

import os
import subprocess
import sys
from pathlib import Path

from skytier.errors import SkytierError


def run(command: str, source: Path, *, release: str, stack: str, when: str) -> None:
    """Run one by a shell in the directory of the project.

    It has this process's environment with SKYTIER_RELEASE and SKYTIER_STACK. What it prints goes to
    the error output, since the output may be JSON. `when` is `before` or `after`. Raises
    SkytierError when it fails.
    """
    sys.stdout.flush()
    done = subprocess.run(
        ["/bin/sh", "-c", command],
        cwd=source,
        env={**os.environ, "SKYTIER_RELEASE": release, "SKYTIER_STACK": stack},
        stdin=subprocess.DEVNULL,
        stdout=sys.stderr,
        check=False,
    )
    if done.returncode:
        now = "Nothing was changed." if when == "before" else f"The release {release} serves."
        raise SkytierError(
            f"The hook {when} the release ended with {done.returncode}: {command}\n{now}",
            f"See what it printed. It is {when}_release in the section [application].",
        )
