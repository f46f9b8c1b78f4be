"""Packages of the real index, where this machine reaches one."""

from pathlib import Path

import pytest

from skytier.errors import SkytierError
from skytier.release.platform import Platform
from skytier.release.requirements import pinned
from skytier.release.wheels import install

DEBIAN = Platform("3.11", "x86_64", 36)
ARM = Platform("3.13", "aarch64", 31)
AARCH64 = 183
"""The number of the architecture in the head of an ELF file."""


@pytest.fixture
def get(project: Path, tmp_path: Path) -> "Get":
    return Get(project, tmp_path / "lib")


class Get:
    """Pins what is asked for and installs it, or skips the test when there is no index."""

    def __init__(self, project: Path, directory: Path) -> None:
        self.project, self.directory = project, directory

    def __call__(self, target: Platform, *requirements: str) -> Path:
        (self.project / "requirements.txt").write_text("\n".join(requirements))
        try:
            pins = pinned(self.project, "requirements.txt", target)
            install(pins.text, target, self.directory)
        except SkytierError as error:
            if "cannot be fetched" in error.what:
                pytest.skip(f"there is no package index here: {error.what}")
            raise
        return self.directory


def test_compiled_packages_are_for_the_target_s_processor(get: Get) -> None:
    library = get(ARM, "markupsafe", "cffi")

    compiled = list(library.rglob("*.so*"))
    assert len(compiled) >= 2
    for path in compiled:
        assert path.read_bytes()[18] == AARCH64, path
    assert [path.name for path in compiled if "cpython-313-aarch64" in path.name]


def test_a_source_is_built_with_what_its_build_needs(get: Get) -> None:
    library = get(DEBIAN, "odfpy==1.4.1")

    assert (library / "odf/opendocument.py").exists()
    assert not list(library.glob("setuptools*"))


def test_a_twin_with_a_wheel_is_proposed(get: Get) -> None:
    with pytest.raises(SkytierError) as refused:
        get(DEBIAN, "psycopg2==2.9.10")

    assert "psycopg2 2.9.10 holds compiled code" in refused.value.what
    assert "psycopg2-binary==2.9.10" in str(refused.value.do)
    get(DEBIAN, "psycopg2-binary==2.9.10")
