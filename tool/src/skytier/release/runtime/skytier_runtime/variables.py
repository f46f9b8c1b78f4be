"""The operator's secret variables of a release."""

import base64
import json
import os
import tempfile
from pathlib import Path

CREDENTIAL, FILE = "skytier_variables", "variables.json"
"""Where they are: in the directory of the secrets, else in the release."""


def read(release: Path, secrets: Path | None) -> dict[str, bytes]:
    """Name to value. Ends the process when they are there and cannot be read."""
    places = [*([secrets / CREDENTIAL] if secrets else []), release / FILE]
    for path in places:
        try:
            found = json.loads(path.read_text())
        except FileNotFoundError:
            continue
        except (OSError, ValueError) as error:
            raise SystemExit(f"The application's secrets cannot be read: {path}: {error}") from None
        return {name: base64.b64decode(value) for name, value in found.items()}
    return {}


def as_files(values: dict[str, bytes], secrets: Path | None, directory: Path) -> None:
    """Fill a directory with the secrets of the stack and a file for each variable.

    Several processes of one release may do so at the same time: each file appears whole.
    """
    directory.mkdir(mode=0o700, parents=True, exist_ok=True)
    if secrets:
        for path in secrets.glob("skytier_*"):
            if path.is_file() and path.name != CREDENTIAL:
                _place(directory / path.name, path.read_bytes())
    for name, value in values.items():
        _place(directory / name, value)


def _place(path: Path, content: bytes) -> None:
    descriptor, new = tempfile.mkstemp(prefix=".", dir=path.parent)
    with os.fdopen(descriptor, "wb") as file:
        file.write(content)
    Path(new).replace(path)
