"""The commands of the project itself, as scripts that work wherever the release lies."""

import configparser
from pathlib import Path

_SCRIPT = """\
#!/bin/sh
exec "$SKYTIER_PYTHON" -c 'import sys
sys.argv[0] = "{name}"
from {module} import {first}
sys.exit({function}())' "$@"
"""


def write_commands(packages: Path, directory: Path) -> None:
    """Write a script for each command that a distribution declares (console_scripts)."""
    directory.mkdir(exist_ok=True)
    for declared in sorted(packages.glob("*.dist-info/entry_points.txt")):
        parser = configparser.ConfigParser(delimiters=("=",), interpolation=None)
        parser.optionxform = str  # type: ignore[assignment,method-assign]  # names keep their case
        parser.read(declared)
        if not parser.has_section("console_scripts"):
            continue
        for name, target in parser.items("console_scripts"):
            module, _, function = target.partition("[")[0].strip().partition(":")
            function = function.strip()
            script = directory / name
            script.write_text(
                _SCRIPT.format(
                    name=name, module=module, first=function.partition(".")[0], function=function
                )
            )
            script.chmod(0o755)
