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
    assert {"click", "h11", "uvicorn", "websockets", "gunicorn", "packaging"} <= pins(
        found.text
    ).keys()
    assert found.text.count("--hash") > len(pins(found.text))


@pytest.mark.usefixtures("index")
def test_a_project_s_own_server_stays(project: Path) -> None:
    (project / "requirements.txt").write_text(f"Uvicorn==0.30.0 --hash={HASH}\n")

    found = pinned(project, "requirements.txt", DEBIAN, ["uvicorn"])

    assert pins(found.text) == {"uvicorn": "0.30.0"}


def test_a_server_that_suits_the_project_s_versions_is_looked_for(
    index: Path, project: Path
) -> None:
    wheel(index, "gunicorn", "20.0", requires=["packaging"])
    wheel(index, "gunicorn", "21.0", requires=["packaging>=2"])
    (project / "requirements.txt").write_text(f"packaging==1.0 --hash={wheel(index, 'packaging')}")

    found = pinned(project, "requirements.txt", DEBIAN, ["gunicorn"])

    assert pins(found.text) == {"gunicorn": "20.0", "packaging": "1.0"}
    assert found.resolved


def test_a_server_that_no_version_suits_is_named(index: Path, project: Path) -> None:
    wheel(index, "gunicorn", "21.0", requires=["packaging>=2"])
    (project / "requirements.txt").write_text(f"packaging==1.0 --hash={wheel(index, 'packaging')}")

    with pytest.raises(SkytierError) as refused:
        pinned(project, "requirements.txt", DEBIAN, ["gunicorn"])

    assert "No gunicorn suits the versions that the project pins" in refused.value.what
    assert "packaging>=2" in refused.value.what
