"""Small packages of one's own: wheels and sources, as an index has them."""

import hashlib
import io
import tarfile
import textwrap
import zipfile
from collections.abc import Sequence
from pathlib import Path

# Needs nothing from an index, and makes a wheel of the kind that TAG says.
_BACKEND = """
import pathlib, zipfile
NAME, VERSION, TAG, FAILURE = {name!r}, {version!r}, {tag!r}, {failure!r}
def build_wheel(directory, config_settings=None, metadata_directory=None):
    if FAILURE:
        raise SystemExit(FAILURE)
    wheel = f"{{NAME}}-{{VERSION}}-{{TAG}}.whl"
    with zipfile.ZipFile(pathlib.Path(directory, wheel), "w") as archive:
        info = f"{{NAME}}-{{VERSION}}.dist-info"
        archive.write("PKG-INFO", f"{{info}}/METADATA")
        archive.writestr(f"{{info}}/WHEEL", f"Wheel-Version: 1.0\\nGenerator: own\\n"
            f"Root-Is-Purelib: true\\nTag: {{TAG}}\\n")
        archive.writestr(f"{{NAME}}.py", "BUILT = True\\n")
        archive.writestr(f"{{info}}/RECORD", f"{{NAME}}.py,,\\n{{info}}/METADATA,,\\n"
            f"{{info}}/WHEEL,,\\n{{info}}/RECORD,,\\n")
    return wheel
"""


def wheel(
    directory: Path,
    name: str,
    version: str = "1.0",
    tag: str = "py3-none-any",
    requires: Sequence[str] = (),
    command: str = "",
) -> str:
    """Write a wheel, and return its hash: `sha256:…`. `command` is a script that it brings."""
    path = directory / f"{name}-{version}-{tag}.whl"
    info = f"{name}-{version}.dist-info"
    content = {
        f"{name}.py": f"TAG = {tag!r}\n\ndef main():\n    print({name!r})\n",
        f"{info}/METADATA": _metadata(name, version, requires),
        f"{info}/WHEEL": f"Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: {tag}\n",
    }
    if command:
        content[f"{info}/entry_points.txt"] = f"[console_scripts]\n{command} = {name}:main\n"
    names = [*content, f"{info}/RECORD"]
    content[f"{info}/RECORD"] = "".join(f"{each},,\n" for each in names)
    with zipfile.ZipFile(path, "w") as archive:
        for each, text in content.items():
            archive.writestr(zipfile.ZipInfo(each), text)
    return _hash(path)


def sdist(
    directory: Path,
    name: str,
    version: str = "1.0",
    builds: str = "py3-none-any",
    failure: str = "",
) -> str:
    """Write a source distribution, and return its hash. `builds` is the tag of what comes of it,
    and `failure` what its build says and ends with."""
    path = directory / f"{name}-{version}.tar.gz"
    backend = _BACKEND.format(name=name, version=version, tag=builds, failure=failure)
    build = '[build-system]\nrequires = []\nbuild-backend = "backend"\nbackend-path = ["."]\n'
    content = {
        "pyproject.toml": f'{build}[project]\nname = "{name}"\nversion = "{version}"\n',
        "PKG-INFO": _metadata(name, version),
        "backend.py": textwrap.dedent(backend),
    }
    with tarfile.open(path, "w:gz") as archive:
        for each, text in content.items():
            member = tarfile.TarInfo(f"{name}-{version}/{each}")
            member.size = len(text.encode())
            archive.addfile(member, io.BytesIO(text.encode()))
    return _hash(path)


def _metadata(name: str, version: str, requires: Sequence[str] = ()) -> str:
    needed = "".join(f"Requires-Dist: {each}\n" for each in requires)
    return f"Metadata-Version: 2.2\nName: {name}\nVersion: {version}\n{needed}"


def _hash(path: Path) -> str:
    return f"sha256:{hashlib.sha256(path.read_bytes()).hexdigest()}"
