"""Versions that no file pins are chosen once, and written beside the stack file."""

import os
import shutil
import tomllib
from pathlib import Path

import pytest
from packaging.pylock import Pylock, is_valid_pylock_path

from skytier.errors import SkytierError
from skytier.release import Application, chosen, of
from skytier.release.platform import Platform
from skytier.stackfile import load
from tests.tool.dependencies.packages import sdist, wheel

DEBIAN = Platform("3.11", "x86_64", 36)
ARM = Platform("3.13", "aarch64", 31)
STACK = '[application]\nserve = "shop:app"\ninterface = "wsgi"\n'


def pyproject(*needs: str, more: str = "") -> str:
    listed = ", ".join(f"'{each}'" for each in needs)
    return f'[project]\nname = "shop"\nversion = "1"\ndependencies = [{listed}]\n{more}'


def application(project: Path, stack: str = STACK) -> Application:
    """As the stack file in the project says it now."""
    file = project / "skytier.toml"
    file.write_text(stack)
    (project / "shop.py").touch()
    return of(load(file))


def versions(project: Path, target: Platform = DEBIAN) -> dict[str, str]:
    found = chosen.kept(application(project), target)
    assert found
    return {pin.name: pin.version for pin in found.pins}


@pytest.fixture
def shop(index: Path, project: Path) -> Path:
    """A project of two packages, one for another machine."""
    wheel(index, "alpha", requires=["beta>=1"])
    wheel(index, "beta", "1.0")
    wheel(index, "gamma")
    (project / "pyproject.toml").write_text(
        pyproject("alpha", 'gamma ; platform_machine == "aarch64"')
    )
    return project


def test_they_are_a_lock_file_of_the_standard_for_all_platforms(shop: Path) -> None:
    lock = shop / "pylock.skytier.toml"
    before = application(shop)
    assert chosen.kept(before, DEBIAN) is None
    assert not lock.exists(), "whoever only asks writes nothing"

    said = chosen.choose(before, DEBIAN)

    assert said == (
        f"Versions were chosen for all packages: see {lock}. Keep the file with the source."
    )
    assert is_valid_pylock_path(lock)
    Pylock.from_dict(tomllib.loads(lock.read_text())).validate()
    assert versions(shop) == {"alpha": "1.0", "beta": "1.0"}
    assert versions(shop, ARM) == {"alpha": "1.0", "beta": "1.0", "gamma": "1.0"}
    found = chosen.kept(application(shop), DEBIAN)
    assert found
    assert found.hashed


def test_the_next_run_and_the_next_operator_get_the_same(index: Path, shop: Path) -> None:
    chosen.choose(application(shop), DEBIAN)
    release = application(shop).release
    wheel(index, "beta", "2.0")
    assert chosen.choose(application(shop), ARM) == ""
    assert versions(shop)["beta"] == "1.0"
    # What the requirements do not say changes nothing.
    text = (shop / "pyproject.toml").read_text()
    (shop / "pyproject.toml").write_text(text + '[tool.ruff]\nselect = ["E"]\n')
    assert chosen.choose(application(shop), DEBIAN) == ""
    (shop / "pyproject.toml").write_text(text)
    assert application(shop).release == release


def test_changed_requirements_change_what_they_must_and_an_upgrade_all(
    index: Path, shop: Path
) -> None:
    chosen.choose(application(shop), DEBIAN)
    wheel(index, "beta", "2.0")
    wheel(index, "delta")
    (shop / "pyproject.toml").write_text(pyproject("alpha", "delta"))
    release = application(shop).release

    assert chosen.kept(application(shop), DEBIAN) is None, "it is of other requirements"
    assert "again, because requirements changed" in chosen.choose(application(shop), DEBIAN)

    assert versions(shop) == {"alpha": "1.0", "beta": "1.0", "delta": "1.0"}
    assert application(shop).release != release
    release = application(shop).release
    assert "for all packages" in chosen.choose(application(shop), DEBIAN, upgrade=True)
    assert versions(shop)["beta"] == "2.0"
    assert application(shop).release != release, "a plan sees other versions"


def test_a_version_with_a_wheel_for_the_target_comes_before_a_newer_one(
    index: Path, project: Path
) -> None:
    wheel(index, "alpha", "1.0", "cp311-cp311-manylinux_2_31_x86_64")
    wheel(index, "alpha", "2.0", "cp311-cp311-win_amd64")
    sdist(index, "alpha", "2.0")
    (project / "pyproject.toml").write_text(pyproject("alpha"))
    chosen.choose(application(project), DEBIAN)
    assert versions(project) == {"alpha": "1.0"}


def test_requirements_without_hashes_are_chosen_too(index: Path, project: Path) -> None:
    alpha = wheel(index, "alpha", "1.0")
    wheel(index, "alpha", "2.0")
    wheel(index, "beta", "1.0")
    (project / "pyproject.toml").write_text(pyproject("alpha"))
    (project / "requirements.txt").write_text("-r base.txt\n-c limits.txt\n-e .\n")
    (project / "base.txt").write_text("beta\n")
    (project / "limits.txt").write_text("alpha<2\n")
    chosen.choose(application(project), DEBIAN)
    assert versions(project) == {"alpha": "1.0", "beta": "1.0"}
    (project / "limits.txt").write_text("alpha>1\n")
    assert chosen.choose(application(project), DEBIAN)
    assert versions(project)["alpha"] == "2.0"

    (project / "requirements.txt").write_text(f"alpha==1.0 --hash={alpha}\n")
    assert "requirements.txt pins the versions. Delete it." in chosen.choose(
        application(project), DEBIAN
    )


def test_a_lock_of_the_project_s_own_wins_and_is_never_counted_with_it(shop: Path) -> None:
    chosen.choose(application(shop), DEBIAN)
    (shop / "uv.lock").write_text("version = 1\n")
    locked = application(shop)
    assert locked.dependencies == "uv.lock"
    assert chosen.choose(locked, DEBIAN) == (
        "pylock.skytier.toml is not used: uv.lock pins the versions. Delete it."
    )
    assert chosen.kept(locked, DEBIAN) is None
    with pytest.raises(SkytierError, match=r"uv\.lock pins the versions"):
        chosen.choose(locked, DEBIAN, upgrade=True)
    (shop / "pylock.skytier.toml").unlink()
    assert chosen.choose(application(shop), DEBIAN) == ""


def test_it_lies_beside_the_stack_file_wherever_the_source_is(shop: Path, tmp_path: Path) -> None:
    for place, source in ((tmp_path / "deploy", "../shop"), (shop / "deploy", "..")):
        place.mkdir()
        made = application(place, f"{STACK}source = '{source}'\n")
        (place / "shop.py").unlink()
        (shop / "shop.py").touch()
        made = of(load(place / "skytier.toml"))
        chosen.choose(made, DEBIAN)
        assert (place / "pylock.skytier.toml").exists()
        assert not (shop / "pylock.skytier.toml").exists()
        again = of(load(place / "skytier.toml"))
        assert chosen.kept(again, DEBIAN)
        assert not [path for path in again.files if path.name == "pylock.skytier.toml"]


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write everywhere")
def test_a_directory_that_cannot_be_written_is_told(shop: Path) -> None:
    made = application(shop)
    shop.chmod(0o500)
    try:
        said = chosen.choose(made, DEBIAN)
    finally:
        shop.chmod(0o700)
    assert "kept on this machine only" in said
    assert "Permission denied" in said


def test_a_file_that_cannot_be_replaced_is_told(shop: Path) -> None:
    made = application(shop)
    (shop / "pylock.skytier.toml").mkdir()
    assert "kept on this machine only" in chosen.choose(made, DEBIAN)


def test_a_broken_file_is_told_with_what_to_do(shop: Path) -> None:
    chosen.choose(application(shop), DEBIAN)
    lock = shop / "pylock.skytier.toml"
    lock.write_text(f"<<<<<<< main\n{lock.read_text()}")
    with pytest.raises(SkytierError, match=r"pylock\.skytier\.toml cannot be read") as refused:
        chosen.kept(application(shop), DEBIAN)
    assert "skytier release --upgrade" in refused.value.do
    assert chosen.choose(application(shop), DEBIAN, upgrade=True)
    assert versions(shop)


def test_what_is_in_no_index_is_told_and_nothing_is_written(index: Path, project: Path) -> None:
    (project / "pyproject.toml").write_text(pyproject("nowhere"))
    with pytest.raises(SkytierError, match=r"nowhere is in no package index"):
        chosen.choose(application(project), DEBIAN)
    assert not (project / "pylock.skytier.toml").exists()


def test_versions_for_some_platforms_only_are_kept_on_this_machine(
    index: Path, project: Path
) -> None:
    wheel(index, "alpha")
    needs = ("alpha", 'nowhere ; sys_platform == "win32"')
    (project / "pyproject.toml").write_text(pyproject(*needs))
    said = chosen.choose(application(project), DEBIAN)
    assert "kept on this machine only" in said
    assert "nowhere" in said
    assert not (project / "pylock.skytier.toml").exists()


def test_a_password_of_the_index_and_its_address_stay_here(shop: Path) -> None:
    text = (
        'a = 1\n\n[[packages]]\nname = "alpha"\nindex = "https://me:secret@example.org/simple"\n'
        'wheels = [{ url = "https://me:secret@example.org/alpha.whl", hashes = {} }]\n'
    )
    kept = chosen.tidied(text, shop, shop)
    assert "secret" not in kept
    assert "index" not in kept
    assert 'url = "https://example.org/alpha.whl"' in kept


def test_it_holds_wherever_the_project_is(index: Path, project: Path, tmp_path: Path) -> None:
    (project / "wheels").mkdir()
    wheel(project / "wheels", "alpha")
    (project / "requirements.txt").write_text("--find-links wheels\nalpha\n")
    chosen.choose(application(project), DEBIAN)
    moved = tmp_path / "elsewhere" / "shop"
    shutil.copytree(project, moved)
    assert chosen.holds(application(moved))
    (moved / "requirements.txt").write_text("--find-links wheels\nalpha<2\n")
    assert not chosen.holds(application(moved))


@pytest.mark.parametrize("named", ['"more/base.txt"', '["more/none.txt", "more/base.txt"]'])
def test_a_file_that_pyproject_takes_the_requirements_from_decides_too(
    project: Path, named: str
) -> None:
    (project / "pyproject.toml").write_text(
        '[project]\nname = "shop"\nversion = "1"\ndynamic = ["dependencies"]\n'
        f"[tool.setuptools.dynamic]\ndependencies = {{file = {named}}}\n"
    )
    (project / "more").mkdir()
    (project / "more" / "base.txt").write_text("alpha\n")
    stack = STACK.replace("[application]\n", '[application]\ndependencies = "pyproject.toml"\n')
    before = chosen._fingerprint(application(project, stack))
    assert chosen._fingerprint(application(project, stack)) == before
    (project / "more" / "base.txt").write_text("alpha\nbeta\n")
    assert chosen._fingerprint(application(project, stack)) != before
