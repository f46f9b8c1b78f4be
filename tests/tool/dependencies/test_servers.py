"""The server that a project does not bring is added, and no version of the project's changes."""

from pathlib import Path

import pytest

from skytier.errors import SkytierError
from skytier.release.platform import Platform
from skytier.release.requirements import pinned
from tests.tool.dependencies.packages import wheel

DEBIAN = Platform("3.11", "x86_64", 36)
HASH = "sha256:" + "0123456789abcdef" * 4


def pins(text: str) -> dict[str, str]:
    return dict(
        line.removesuffix(" \\").split("==") for line in text.splitlines() if line[0] != " "
    )


@pytest.mark.usefixtures("index")
@pytest.mark.parametrize("python", ["3.11", "3.13"])
def test_a_project_without_a_server_gets_one(python: str, project: Path) -> None:
    target = Platform(python, "aarch64", 31)

    found = pinned(project, None, target, ["uvicorn", "gunicorn"])

    assert not found.resolved
    assert {"click", "h11", "uvicorn", "websockets", "gunicorn"} <= pins(found.text).keys()
    assert found.text.count("--hash") > len(pins(found.text))


@pytest.mark.usefixtures("index")
def test_a_project_s_own_server_stays(project: Path) -> None:
    (project / "requirements.txt").write_text(f"Uvicorn==0.30.0 --hash={HASH}\n")

    found = pinned(project, "requirements.txt", DEBIAN, ["uvicorn"])

    assert pins(found.text) == {"uvicorn": "0.30.0"}


def test_a_server_that_suits_the_project_s_versions_is_looked_for(
    index: Path, project: Path
) -> None:
    wheel(index, "uvicorn", "0.20", requires=["click"])
    wheel(index, "uvicorn", "0.30", requires=["click>=7", "h11"])
    wheel(index, "uvicorn", "0.40", requires=["click>=8"])
    wheel(index, "h11", "0.9")
    click = wheel(index, "click", "7.0")
    (project / "requirements.txt").write_text(f"click==7.0 --hash={click}\n")

    found = pinned(project, "requirements.txt", DEBIAN, ["uvicorn"])

    assert pins(found.text) == {"uvicorn": "0.30", "click": "7.0", "h11": "0.9"}
    assert found.resolved


def test_the_tool_s_own_version_of_a_server_is_taken_where_it_suits(
    index: Path, project: Path
) -> None:
    own = pins(pinned(project, None, DEBIAN, ["uvicorn"]).text)
    for name, version in own.items():
        if name != "click":
            wheel(index, name, version, requires=["click"] if name == "uvicorn" else [])
            wheel(index, name, "999")
    (project / "requirements.txt").write_text(f"click==7.0 --hash={wheel(index, 'click', '7.0')}\n")

    found = pinned(project, "requirements.txt", DEBIAN, ["uvicorn"])

    assert pins(found.text) == {**own, "click": "7.0"}
    assert not found.resolved


def test_a_server_that_no_version_suits_is_named(index: Path, project: Path) -> None:
    wheel(index, "uvicorn", "0.40", requires=["click>=8"])
    click = wheel(index, "click", "7.0")
    (project / "requirements.txt").write_text(f"click==7.0 --hash={click}\n")

    with pytest.raises(SkytierError) as refused:
        pinned(project, "requirements.txt", DEBIAN, ["uvicorn"])

    assert "No uvicorn suits the versions that the project pins" in refused.value.what
    assert "click>=8" in refused.value.what
