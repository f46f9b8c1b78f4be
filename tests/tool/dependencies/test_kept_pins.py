"""Pins that are kept from one release to the next change with all that decides them."""

from pathlib import Path

import pytest

from skytier.release import of
from skytier.release.build import _pins
from skytier.release.platform import Platform
from skytier.stackfile import load
from tests.tool.dependencies.packages import wheel

DEBIAN = Platform("3.11", "x86_64", 36)


@pytest.fixture
def shop(index: Path, project: Path) -> Path:
    """An application that brings what serves it."""
    (project / "skytier.toml").write_text('[application]\nrun = "python shop.py"\n')
    (project / "shop.py").touch()
    (project / "more").mkdir()
    return project


def pins(project: Path) -> str:
    """Those of a release. Versions that Skytier chose are in no file."""
    (project / "pylock.skytier.toml").unlink(missing_ok=True)
    return _pins(of(load(project / "skytier.toml")), DEBIAN, project.parent / "cache").split(" ")[0]


def test_a_file_that_is_included_twice_over(index: Path, shop: Path) -> None:
    hashes = {version: wheel(index, "alpha", version) for version in ("1.0", "1.1")}
    (shop / "requirements.txt").write_text("-r more/base.txt\n")
    (shop / "more" / "base.txt").write_text("--requirement pinned.txt\n")
    for version, of_it in hashes.items():
        pinned = f"alpha=={version} --hash={of_it}\n"
        (shop / "more" / "pinned.txt").write_text(pinned)
        assert pins(shop) == f"alpha=={version}"


def test_a_file_that_limits_versions(index: Path, shop: Path) -> None:
    for version in ("1.0", "2.0"):
        wheel(index, "alpha", version)
    (shop / "requirements.txt").write_text("-c more/limits.txt\nalpha\n")
    for limit, version in (("alpha<2", "1.0"), ("alpha>=2", "2.0")):
        (shop / "more" / "limits.txt").write_text(f"{limit}\n")
        assert pins(shop).startswith(f"alpha=={version}")


def test_nothing_else_changes_them(index: Path, shop: Path) -> None:
    wheel(index, "alpha")
    (shop / "requirements.txt").write_text("alpha\n")
    before = pins(shop)
    wheel(index, "alpha", "2.0")
    (shop / "more" / "unrelated.txt").write_text("alpha>=2\n")
    assert pins(shop) == before
