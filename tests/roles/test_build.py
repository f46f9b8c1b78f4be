"""A release as it is built: served by this machine's Python, the same each time, for others too."""

import json
import os
import subprocess
import sys
import tarfile
import tempfile
from collections.abc import Iterator
from dataclasses import replace
from importlib.util import find_spec
from pathlib import Path

import httpx
import pytest

from skytier import release
from skytier.errors import SkytierError
from skytier.poll import until
from skytier.release import sample
from skytier.release.platform import Platform
from skytier.stackfile import StackFile
from tests import releases
from tests.postgres_cluster import PostgresCluster

HERE = Platform.here()
SAMPLE = release.of(StackFile())


@pytest.fixture(scope="module")
def cache(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A cache that has nothing but the packages for this machine's Python.

    They are those that the tests with machines take: the same code got and compiled them.
    """
    cache = tmp_path_factory.mktemp("cache")
    if os.geteuid() == 0:
        packages = releases.built(SAMPLE, HERE).libraries.archive
        (cache / "libraries").mkdir()
        (cache / "libraries" / packages.name).symlink_to(packages)
    return cache


@pytest.fixture(scope="module")
def built(cache: Path) -> release.Release:
    return release.build(SAMPLE, HERE, cache=cache)


@pytest.fixture
def tree(built: release.Release, tmp_path: Path) -> Path:
    for place, each in (("libraries", built.libraries), ("releases", built.application)):
        directory = tmp_path / place / each.name
        directory.mkdir(parents=True)
        # As the machine does it.
        unpack = ["tar", "--extract", "--gzip", f"--directory={directory}"]
        subprocess.run([*unpack, f"--file={each.archive}"], check=True)
    return directory


@pytest.fixture
def database() -> Iterator[PostgresCluster]:
    with tempfile.TemporaryDirectory(prefix="rel") as home:
        Path(home).chmod(0o755)
        cluster = PostgresCluster(Path(home, "c"))
        yield cluster
        cluster.stop()


def test_a_release_serves_from_its_own_tree(tree: Path, database: PostgresCluster) -> None:
    with tempfile.TemporaryDirectory(prefix="rel") as home:
        environment = {
            "PATH": os.defpath,
            "SKYTIER_PYTHON": sys.executable,
            "SKYTIER_DATABASE_URL": database.url("postgres"),
            "SKYTIER_UDS": f"{home}/socket",
            "SKYTIER_WORKERS": "1",
        }
        command = str(tree / "skytier-app")
        migrated = subprocess.run(
            [command, "migrate"], env=environment, check=True, capture_output=True, text=True
        )
        with subprocess.Popen([command, "serve"], env=environment) as server:
            # There is a socket a moment before somebody listens to it.
            transport = httpx.HTTPTransport(uds=f"{home}/socket", retries=8)
            try:
                assert until(Path(home, "socket").exists, 300)
                with httpx.Client(transport=transport, base_url="http://release") as client:
                    health = client.get("/health", timeout=60).json()
                # The maps say what it really runs: nothing of the environment of these tests.
                maps = Path(f"/proc/{server.pid}/maps").read_text()
            finally:
                server.terminate()

    assert health["status"] == "ok"
    assert health["database"]["schema_revision"] == migrated.stdout.strip()
    assert f"{(tree / 'libraries').resolve()}/lib/" in maps
    own = Path(find_spec("pydantic_core").origin or "").parents[1]  # type: ignore[union-attr]
    assert str(own) not in maps


def test_its_static_files_lie_as_the_pages_name_them(tree: Path) -> None:
    own = [path for path in (tree / "static" / "static").iterdir() if path.name != "vendor"]

    assert [(path / "page.css").exists() for path in own] == [True]


def test_it_is_compiled_for_the_python_that_built_it(tree: Path) -> None:
    sources = {path for path in tree.rglob("*.py") if "tests" not in path.parts}
    tag = sys.implementation.cache_tag
    compiled = {
        path.parent.parent / path.name.replace(f".{tag}.pyc", ".py")
        for path in tree.rglob(f"*.{tag}.pyc")
    }

    assert not [p for p in sources - compiled if "skytier_app" in p.parts]
    for each in (tree, tree / "libraries"):
        assert (each / "compiled").read_text().strip() == HERE.python
    magic = next(tree.rglob("settings.*.pyc")).read_bytes()[4:8]
    assert magic == b"\x01\x00\x00\x00", "hash-based, and not looked up again"


def test_the_second_build_comes_from_the_cache_and_another_cache_gives_the_same(
    built: release.Release, cache: Path, tmp_path: Path
) -> None:
    told: list[str] = []
    assert release.build(SAMPLE, HERE, cache=cache, progress=told.append) == built
    assert told == []

    (tmp_path / "libraries").symlink_to(cache / "libraries")
    again = release.build(SAMPLE, HERE, cache=tmp_path, progress=told.append)

    assert told == [f"building {built.id}"]
    assert (again.id, again.application.sha256) == (built.id, built.application.sha256)
    assert again.libraries.sha256 == built.libraries.sha256


def test_what_changes_with_each_release_is_a_small_part_of_it(built: release.Release) -> None:
    sizes = [tree.archive.stat().st_size for tree in (built.application, built.libraries)]

    assert sizes[0] * 10 < sizes[1]


@pytest.mark.parametrize("part", ["application", "libraries"])
def test_every_member_of_an_archive_is_root_s_and_open_to_all(
    built: release.Release, part: str
) -> None:
    with tarfile.open(getattr(built, part).archive) as archive:
        members = archive.getmembers()

    assert {(m.uid, m.gid, m.mtime) for m in members} == {(0, 0, 0)}
    assert {m.mode for m in members} == {0o644, 0o755}
    links = [m.linkname for m in members if m.type not in (tarfile.REGTYPE, tarfile.DIRTYPE)]
    to_libraries = f"../../libraries/{built.libraries.name}"
    own = sorted([to_libraries, "../static/static"]) if part == "application" else []
    assert sorted(links) == own
    assert not [m.name for m in members if m.name.startswith(("/", ".."))]


def test_a_release_for_another_machine_has_that_one_s_packages(cache: Path) -> None:
    other = Platform("3.12", "aarch64", 39)

    with tarfile.open(release.build(SAMPLE, other, cache=cache).libraries.archive) as archive:
        names = archive.getnames()

    compiled = [name for name in names if name.endswith(".so")]
    assert any(".cpython-312-aarch64-linux-gnu.so" in name for name in compiled)
    assert not [name for name in compiled if "x86_64" in name]
    assert "compiled" not in names, "the machine compiles it, since this one cannot"


def test_the_conditions_of_packages_are_decided_for_the_oldest_python_not_for_this_one() -> None:
    lines = (sample.source() / "requirements.txt").read_text().splitlines()
    pins = [line.removesuffix(" \\") for line in lines if line and not line.startswith((" ", "#"))]

    assert [pin for pin in pins if ";" in pin] == []
    assert any(pin.startswith("async-timeout==") for pin in pins), "3.11.0 to 3.11.2 need it"


@pytest.mark.parametrize(
    ("said", "error"),
    [
        ("3.10 x86_64 2.35", "older than 3.11"),
        ("bash: python3: No such file", "does not say which Python"),
        ("", "does not say which Python"),
    ],
)
def test_a_machine_without_a_fit_python_is_refused(said: str, error: str) -> None:
    with pytest.raises(SkytierError, match=error):
        Platform.parse(said)


def test_an_application_that_is_not_there_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sample, "SAMPLE_PACKAGE", "no_such_application")

    with pytest.raises(SkytierError, match="not installed beside this tool"):
        sample.source()


def test_a_package_that_cannot_be_had_is_named(cache: Path, tmp_path: Path) -> None:
    pin = f"skytier-no-such-package==1.0 --hash=sha256:{'0' * 64}\n"
    (tmp_path / "requirements.txt").write_text(pin)
    lacking = replace(SAMPLE, source=tmp_path, files=(), dependencies="requirements.txt")

    with pytest.raises(SkytierError) as refused:
        release.build(lacking, HERE, cache=cache)

    assert "skytier-no-such-package is in no package index" in refused.value.what
    assert not json.dumps(str(list((cache / "libraries").iterdir()))).count("new-")


def test_an_architecture_without_packages_is_named(cache: Path) -> None:
    with pytest.raises(SkytierError, match="for the architecture no-such-machine"):
        release.build(SAMPLE, Platform("3.11", "no-such-machine", 36), cache=cache)
