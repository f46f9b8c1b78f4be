"""Lock files of each kind, read for machines that are not this one."""

import json
from pathlib import Path

import pytest

from skytier.errors import SkytierError
from skytier.release.platform import Platform
from skytier.release.requirements import Pins, pinned

DEBIAN = Platform("3.11", "x86_64", 36)
ARM = Platform("3.13", "aarch64", 31)
# alpha needs beta on older Pythons, gamma on ARM and delta on Windows; dev-only is of a group.
MARKERS = {
    "alpha": "",
    "beta": "python_version < '3.13'",
    "gamma": "platform_machine == 'aarch64'",
    "delta": "sys_platform == 'win32'",
}
HASH = "sha256:" + "0123456789abcdef" * 4


def url(name: str) -> str:
    return f"https://files.example.org/{name.replace('-', '_')}-1.0-py3-none-any.whl"


def uv(directory: Path) -> str:
    needed = "".join(
        f'    {{ name = "{name}", marker = "{marker}" }},\n'
        if marker
        else f'{{ name = "{name}" }},'
        for name, marker in MARKERS.items()
    )
    packages = "".join(
        f'[[package]]\nname = "{name}"\nversion = "1.0"\n'
        'source = { registry = "https://pypi.org/simple" }\n'
        f'wheels = [{{ url = "{url(name)}", hash = "{HASH}" }}]\n'
        for name in (*MARKERS, "dev-only")
    )
    (directory / "pyproject.toml").write_text(
        '[project]\nname = "shop"\nversion = "1"\nrequires-python = ">=3.11"\n'
        'dependencies = ["alpha"]\n[dependency-groups]\ndev = ["dev-only"]\n'
    )
    (directory / "uv.lock").write_text(
        f'version = 1\nrevision = 3\nrequires-python = ">=3.11"\n{packages}'
        '[[package]]\nname = "shop"\nversion = "1"\nsource = { virtual = "." }\n'
        f"dependencies = [\n{needed}]\n"
        '[package.dev-dependencies]\ndev = [{ name = "dev-only" }]\n'
    )
    return "uv.lock"


def poetry_2(directory: Path) -> str:
    packages = "".join(
        f'[[package]]\nname = "{name}"\nversion = "1.0"\noptional = false\n'
        f'python-versions = ">=3.8"\ngroups = ["{"dev" if name == "dev-only" else "main"}"]\n'
        + (f'markers = "{marker}"\n' if marker else "")
        + f'files = [{{file = "{name}.whl", hash = "{HASH}"}}]\n'
        for name, marker in {**MARKERS, "dev-only": ""}.items()
    )
    optional = (
        '[[package]]\nname = "only-extra"\nversion = "1.0"\noptional = true\n'
        'python-versions = "*"\ngroups = ["main"]\nmarkers = "extra == \'pg\'"\nfiles = []\n'
    )
    (directory / "poetry.lock").write_text(
        f'{packages}{optional}[metadata]\nlock-version = "2.1"\npython-versions = "^3.11"\n'
        'content-hash = "0"\n'
    )
    return "poetry.lock"


def poetry_1(directory: Path) -> str:
    needed = "".join(
        f'{name} = {{version = ">=0.9", markers = "{marker}"}}\n'
        for name, marker in MARKERS.items()
        if marker
    )
    packages = "".join(
        f'[[package]]\nname = "{name}"\nversion = "1.0"\noptional = false\n'
        f'python-versions = ">=3.8,<4.0"\nfiles = [{{file = "{name}.whl", hash = "{HASH}"}}]\n'
        + (f"[package.dependencies]\n{needed}" if name == "alpha" else "")
        for name in (*MARKERS, "dev-only")
    )
    (directory / "poetry.lock").write_text(
        f'{packages}[metadata]\nlock-version = "2.0"\npython-versions = "^3.11"\n'
        'content-hash = "0"\n'
    )
    (directory / "pyproject.toml").write_text(
        '[tool.poetry]\nname = "shop"\n[tool.poetry.dependencies]\npython = "^3.11"\n'
        'Alpha = "^1.0"\n[tool.poetry.group.dev.dependencies]\ndev-only = "*"\n'
    )
    return "poetry.lock"


def pylock(directory: Path) -> str:
    packages = "".join(
        f'[[packages]]\nname = "{name}"\nversion = "1.0"\n'
        + (f'marker = "{marker}"\n' if marker else "")
        + f'wheels = [{{ url = "{url(name)}", '
        f'hashes = {{ sha256 = "{HASH.removeprefix("sha256:")}" }} }}]\n'
        for name, marker in {**MARKERS, "dev-only": "'dev' in dependency_groups"}.items()
    )
    (directory / "pylock.toml").write_text(
        'lock-version = "1.0"\ncreated-by = "test"\nrequires-python = ">=3.11"\n'
        f'dependency-groups = ["dev"]\n{packages}'
    )
    return "pylock.toml"


def pipfile(directory: Path) -> str:
    default = {
        name: {"version": "==1.0", "hashes": [HASH], **({"markers": marker} if marker else {})}
        for name, marker in MARKERS.items()
    }
    content = {
        "_meta": {"sources": [{"name": "pypi", "url": "https://pypi.org/simple"}]},
        "default": default,
        "develop": {"dev-only": {"version": "==1.0", "hashes": [HASH]}},
    }
    (directory / "Pipfile.lock").write_text(json.dumps(content))
    return "Pipfile.lock"


def requirements(directory: Path) -> str:
    lines = [
        f"{name}==1.0{f' ; {marker}' if marker else ''} \\\n    --hash={HASH}\n    # via shop\n"
        for name, marker in MARKERS.items()
    ]
    (directory / "requirements.txt").write_text("# Pinned.\n" + "".join(lines))
    return "requirements.txt"


KINDS = [uv, poetry_2, poetry_1, pylock, pipfile, requirements]


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.__name__)
@pytest.mark.parametrize(
    ("target", "expected"), [(DEBIAN, ["alpha", "beta"]), (ARM, ["alpha", "gamma"])]
)
@pytest.mark.usefixtures("index")
def test_a_lock_file_is_read_for_the_target(
    kind: object, target: Platform, expected: list[str], project: Path
) -> None:
    name = kind(project)  # type: ignore[operator]

    text = "".join(f"{each}==1.0 \\\n    --hash={HASH}\n" for each in expected)
    assert pinned(project, name, target) == Pins(text, resolved=False)


@pytest.mark.parametrize("kind", [uv, poetry_2, pylock], ids=lambda kind: kind.__name__)
@pytest.mark.usefixtures("index")
def test_a_lock_file_for_a_newer_python_is_refused(kind: object, project: Path) -> None:
    path = project / kind(project)  # type: ignore[operator]
    text = path.read_text()
    path.write_text(text.replace(">=3.11", ">=3.12").replace("^3.11", "^3.12"))

    with pytest.raises(SkytierError, match=r"is for Python .*3\.12, and the machine has 3\.11"):
        pinned(project, path.name, DEBIAN)


# Each was made by that version of Poetry from the same dependencies: uvicorn[standard], sqlalchemy
# with two extras, tomli and two versions of numpy by the Python, an optional psycopg2, a group.
@pytest.mark.parametrize("version", [1, 2])
@pytest.mark.parametrize(("python", "numpy"), [("3.11", "1.26.4"), ("3.13", "2.5.5")])
def test_lock_files_of_poetry_itself_are_read(
    version: int, python: str, numpy: str, project: Path
) -> None:
    lock = Path(__file__).with_name(f"poetry-{version}.lock")
    (project / "poetry.lock").write_bytes(lock.read_bytes())
    (project / "pyproject.toml").write_text(
        '[tool.poetry]\nname = "shop"\n[tool.poetry.dependencies]\npython = "^3.11"\n'
        'uvicorn = {version = "^0.30", extras = ["standard"]}\n'
        'sqlalchemy = {version = "^2.0", extras = ["asyncio", "postgresql-asyncpg"]}\n'
        'tomli = {version = "*", python = "<3.11"}\n'
        'numpy = [{version = "<2", python = "<3.12"}, {version = ">=2", python = ">=3.12"}]\n'
        'psycopg2 = {version = "*", optional = true}\n'
    )

    text = pinned(project, "poetry.lock", Platform(python, "x86_64", 36)).text

    pins = [line.removesuffix(" \\") for line in text.splitlines() if line[0] != " "]
    assert pins == [
        *("anyio==4.16.0", "asyncpg==0.32.0", "click==8.5.1", "greenlet==3.5.6", "h11==0.16.0"),
        *("httptools==0.9.0", "idna==3.20", f"numpy=={numpy}", "python-dotenv==1.2.4"),
        *("pyyaml==6.0.4", "sqlalchemy==2.1.9", "typing-extensions==4.16.0", "uvicorn==0.30.6"),
        *("uvloop==0.23.0", "watchfiles==1.3.0", "websockets==17.4"),
    ]
    assert text.count("--hash") == len(pins)


def test_files_that_a_pinned_one_includes_are_taken_as_they_are(project: Path) -> None:
    (project / "requirements").mkdir()
    (project / "requirements/base.txt").write_text(f"alpha==1.0 --hash={HASH}\n-r more.txt\n")
    (project / "requirements/more.txt").write_text(f"beta==1.0 --hash={HASH}\n-r base.txt\n")
    (project / "requirements.txt").write_text("\ufeff-r requirements/base.txt\n-f wheels\n")

    assert pinned(project, "requirements.txt", DEBIAN) == Pins(
        f"--find-links {project / 'wheels'}\n"
        f"alpha==1.0 \\\n    --hash={HASH}\nbeta==1.0 \\\n    --hash={HASH}\n",
        resolved=False,
    )


@pytest.mark.usefixtures("index")
def test_a_package_of_the_workspace_is_refused(project: Path) -> None:
    name = uv(project)
    lock = project / name
    local = '[[package]]\nname = "beta"\nversion = "1.0"\nsource = { editable = "packages/beta" }\n'
    before, _, after = lock.read_text().partition('[[package]]\nname = "beta"')
    lock.write_text(f"{before}{local}[[package]]{after.partition('[[package]]')[2]}")

    with pytest.raises(SkytierError, match="does not come from a package index") as refused:
        pinned(project, name, DEBIAN)

    assert "packages/beta" in refused.value.what


@pytest.mark.parametrize(
    ("name", "source"),
    [
        (
            "Pipfile.lock",
            '{"_meta": {}, "default": {"beta": {"git": "https://git.example.org/b"}}}',
        ),
        (
            "poetry.lock",
            '[[package]]\nname = "beta"\nversion = "1"\ngroups = ["main"]\n[package.source]\n'
            'type = "git"\nurl = "https://git.example.org/b"\n[metadata]\n',
        ),
        (
            "pylock.toml",
            'lock-version = "1.0"\ncreated-by = "test"\n[[packages]]\nname = "beta"\n'
            '[packages.vcs]\ntype = "git"\nurl = "https://git.example.org/b"\n'
            'commit-id = "0123456789abcdef0123456789abcdef01234567"\n',
        ),
    ],
)
def test_a_package_of_a_repository_is_refused(name: str, source: str, project: Path) -> None:
    (project / name).write_text(source)

    with pytest.raises(SkytierError, match="does not come from a package index: beta"):
        pinned(project, name, DEBIAN)


@pytest.mark.parametrize("name", ["uv.lock", "poetry.lock", "pylock.toml", "Pipfile.lock"])
def test_a_lock_file_that_is_none_is_named(name: str, project: Path) -> None:
    (project / name).write_text("<<<<<<< ours\n")

    with pytest.raises(SkytierError, match=f"{name} cannot be read"):
        pinned(project, name, DEBIAN)


def test_the_index_that_a_lock_file_names_is_asked_too(project: Path) -> None:
    (project / "Pipfile.lock").write_text(
        '{"_meta": {"sources": [{"url": "https://${USER}:${TOKEN}@own.example.org/simple"}]}, '
        '"default": {"beta": {"version": "==1.0"}}}'
    )

    assert pinned(project, "Pipfile.lock", DEBIAN).text == (
        "--extra-index-url https://${USER}:${TOKEN}@own.example.org/simple\nbeta==1.0\n"
    )
