"""Takes out of an installed tree what belongs to the machine that installed it."""

import csv
import io
import re
import shutil
from pathlib import Path

_OF_THE_INSTALLER = ("direct_url.json", "uv_build.json", "uv_cache.json")
# How a command names the Python that it was installed for; a long path needs the second form.
_OWN_PYTHON = re.compile(rb"\A(#![^\n]*python[^\n]*\n|#!/bin/sh\n'''exec' [^\n]*\n' '''\n)")
_ANY_PYTHON = b"""#!/bin/sh
'''exec' "${SKYTIER_PYTHON:-python3}" "$0" "$@"
' '''
"""
"""The first lines of a command that runs by the release's Python: a shell runs the second, Python
takes the second and third for a text."""


def tidy(directory: Path) -> None:
    """Leave the packages in a directory as they are on every machine.

    Its commands (`bin/celery`) run by the Python that `SKYTIER_PYTHON` names. Nothing is compiled.
    """
    for cache in list(directory.rglob("__pycache__")):
        shutil.rmtree(cache)
    (directory / ".lock").unlink(missing_ok=True)
    changed = {path for path in (directory / "bin").glob("*") if _for_any_python(path)}
    for record in sorted(directory.glob("*.dist-info/RECORD")):
        for name in _OF_THE_INSTALLER:
            record.with_name(name).unlink(missing_ok=True)
        _rewrite(record, directory, changed)


def _for_any_python(command: Path) -> bool:
    """Make a command independent of where Python is; False when Python does not run it."""
    content = command.read_bytes()
    others = _OWN_PYTHON.sub(_ANY_PYTHON, content)
    if others != content:
        command.write_bytes(others)
    return others != content


def _rewrite(record: Path, directory: Path, changed: set[Path]) -> None:
    """List what is there, sorted, without hashes of what was changed."""
    rows = csv.reader(io.StringIO(record.read_text()))
    there = [row for row in rows if (directory / row[0]).exists()]
    listed = [[row[0], "", ""] if directory / row[0] in changed else row for row in there]
    text = io.StringIO()
    csv.writer(text, lineterminator="\n").writerows(sorted(listed))
    record.write_text(text.getvalue())
