"""What no file pins gets versions from the index, for machines that are not this one."""

from pathlib import Path

import pytest

from skytier.errors import SkytierError
from skytier.release.platform import Platform
from skytier.release.requirements import Pins, pinned
from tests.tool.dependencies.packages import sdist, wheel

DEBIAN = Platform("3.11", "x86_64", 36)
ARM = Platform("3.13", "aarch64", 31)
WINDOWS = "win_amd64"


def test_requirements_without_hashes_get_them_and_what_they_need(
    index: Path, project: Path
) -> None:
    alpha = wheel(index, "alpha", requires=["beta>=1"])
    beta = wheel(index, "beta", "1.5")
    wheel(index, "beta", "2.0")
    (project / "base.txt").write_text("alpha\n")
    (project / "limits.txt").write_text("beta<2\n")
    (project / "requirements.txt").write_text("-r base.txt\n-c limits.txt\n")

    assert pinned(project, "requirements.txt", DEBIAN) == Pins(
        f"alpha==1.0 \\\n    --hash={alpha}\nbeta==1.5 \\\n    --hash={beta}\n", resolved=True
    )


def test_pyproject_alone_is_resolved_for_the_target(index: Path, project: Path) -> None:
    wheel(index, "alpha")
    wheel(index, "gamma")
    (project / "pyproject.toml").write_text(
        '[project]\nname = "shop"\nversion = "1"\nrequires-python = ">=3.11"\n'
        'dependencies = ["alpha", "gamma ; platform_machine == \'aarch64\'"]\n'
    )

    assert "gamma" not in pinned(project, "pyproject.toml", DEBIAN).text
    assert "gamma==1.0" in pinned(project, "pyproject.toml", ARM).text


def test_the_project_itself_is_not_among_its_requirements(index: Path, project: Path) -> None:
    alpha = wheel(index, "alpha")
    (project / "pyproject.toml").write_text(
        '[project]\nname = "shop"\nversion = "1"\ndependencies = ["alpha"]\n'
    )
    (project / "requirements.txt").write_text("-e .\n")

    text = pinned(project, "requirements.txt", DEBIAN).text

    assert text == f"alpha==1.0 \\\n    --hash={alpha}\n"


def test_a_version_with_a_wheel_for_the_target_comes_before_a_newer_one(
    index: Path, project: Path
) -> None:
    wheel(index, "alpha", "1.0", "cp311-cp311-manylinux_2_31_x86_64")
    wheel(index, "alpha", "2.0", "cp311-cp311-manylinux_2_36_x86_64")
    wheel(index, "alpha", "3.0", "cp311-cp311-win_amd64")
    sdist(index, "alpha", "3.0")
    (project / "requirements.txt").write_text("alpha\n")

    def version(glibc: int) -> str:
        target = Platform("3.11", "x86_64", glibc)
        return pinned(project, "requirements.txt", target).text.split()[0]

    assert [version(glibc) for glibc in (31, 35, 36, 41)] == [
        "alpha==1.0",
        "alpha==1.0",
        "alpha==2.0",
        "alpha==2.0",
    ]


def test_a_package_that_has_no_wheel_at_all_is_pinned_by_its_source(
    index: Path, project: Path
) -> None:
    alpha = sdist(index, "alpha")
    (project / "requirements.txt").write_text("alpha\n")

    text = pinned(project, "requirements.txt", DEBIAN).text

    assert text == f"alpha==1.0 \\\n    --hash={alpha}\n"


@pytest.mark.usefixtures("index")
def test_a_package_that_does_not_exist_is_named(project: Path) -> None:
    (project / "requirements.txt").write_text("no-such-package\n")

    with pytest.raises(SkytierError) as refused:
        pinned(project, "requirements.txt", DEBIAN)

    assert refused.value.what.splitlines()[1:] == ["no-such-package is in no package index."]


def test_versions_that_exclude_each_other_are_named(index: Path, project: Path) -> None:
    wheel(index, "alpha", requires=["beta<2"])
    wheel(index, "beta", "1.0")
    wheel(index, "beta", "2.0")
    (project / "requirements.txt").write_text("alpha\nbeta>=2\n")

    with pytest.raises(SkytierError, match="beta>=2"):
        pinned(project, "requirements.txt", DEBIAN)


@pytest.mark.parametrize("line", ["./lib", "shared @ git+https://git.example.org/shared"])
def test_a_package_that_is_in_no_index_is_refused(line: str, index: Path, project: Path) -> None:
    (project / "lib").mkdir()
    (project / "lib/pyproject.toml").write_text('[project]\nname = "lib"\nversion = "1"\n')
    (project / "requirements.txt").write_text(f"{line}\n")

    with pytest.raises(SkytierError) as refused:
        pinned(project, "requirements.txt", DEBIAN)

    assert line.split()[0] in refused.value.what


def test_a_dependency_file_that_is_not_there_is_named(project: Path) -> None:
    with pytest.raises(SkytierError, match=r"requirements\.txt does not exist"):
        pinned(project, "requirements.txt", DEBIAN)
