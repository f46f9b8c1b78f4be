"""uv, run as a command for a target that need not be this machine."""

import os
import re
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from uv import find_uv_bin

from skytier.errors import SkytierError
from skytier.release.indexes import Indexes, indexes
from skytier.release.platform import Platform

# The operator's settings of these kinds hold. Others, like UV_OVERRIDE, would change the result.
_KEPT = re.compile(
    "UV_(CACHE_DIR|CONCURRENT_.*|CONFIG_FILE|CREDENTIALS_DIR|DEFAULT_INDEX|EXCLUDE_NEWER"
    "|EXTRA_INDEX_URL|FIND_LINKS|HTTP_.*|INDEX.*|INSECURE_HOST|KEYRING_PROVIDER|NATIVE_TLS|OFFLINE"
    "|REQUEST_TIMEOUT|SYSTEM_CERTS)"
)
_FIXED = {
    "NO_COLOR": "1",
    "UV_NO_PROGRESS": "1",
    "UV_PYTHON_DOWNLOADS": "never",
    # What is built here has no time of this machine in it: 1980 is the first year of a zip file.
    "SOURCE_DATE_EPOCH": "315532800",
    "PYTHONDONTWRITEBYTECODE": "1",
}
_NO_WHEEL = re.compile(
    r"Wheels are required for `([^`]+)` because building from source"
    r"|\b([\w.-]+)==\S+ has no wheels with a matching"
)


@dataclass(frozen=True)
class Ran:
    """A command that ended."""

    code: int
    stdout: str
    stderr: str

    def without_wheel(self) -> set[str]:
        """The packages that it stopped at, since they have no wheel for the target."""
        found = _NO_WHEEL.finditer(self.stderr) if self.code else ()
        return {each[1] or each[2] for each in found}


def run(*arguments: str, directory: Path, stdin: str = "", offline: bool = False) -> Ran:
    """Run a command of uv in a directory, whose own settings hold (`[tool.uv]`).

    Raises SkytierError when uv is not installed.
    """
    index = Indexes(options=("--offline",)) if offline else indexes()
    own = {name: v for name, v in os.environ.items() if not name.startswith("UV_")}
    kept = {name: v for name, v in os.environ.items() if _KEPT.fullmatch(name)}
    own.pop("VIRTUAL_ENV", None)
    try:
        program = find_uv_bin()
    except FileNotFoundError:
        raise SkytierError(
            "The program uv is not installed beside this tool.",
            "Install the tool again with all its packages: run ./deploy.sh in a checkout.",
        ) from None
    done = subprocess.run(
        [program, "--quiet", *arguments, *index.options],
        check=False,
        capture_output=True,
        text=True,
        cwd=directory,
        input=stdin,
        env={**own, **index.variables, **kept, **_FIXED},
    )
    return Ran(done.returncode, done.stdout, done.stderr)


def for_target(target: Platform, sources: Sequence[str] = ()) -> list[str]:
    """The options that make uv decide for a target, and take wheels of all but `sources`."""
    return [
        # It runs what builds a source; what it is itself decides nothing.
        f"--python={sys.executable}",
        f"--python-version={target.python}",
        f"--python-platform={target.uv_name()}",
        "--only-binary=:all:",
        *(f"--no-binary={name}" for name in sources),
    ]
