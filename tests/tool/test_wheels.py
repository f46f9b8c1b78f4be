"""The two wheels, installed into an empty environment, without a checkout."""

import re
import subprocess
import sys
import venv
from collections.abc import Callable
from pathlib import Path

import httpx

from tests.skytier_command import Skytier, free_port

CHECKOUT = Path(__file__).parents[2]


def pip(python: Path, *arguments: str | Path) -> None:
    command = [python, "-m", "pip", "--quiet", "--disable-pip-version-check", *arguments]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


def test_two_wheels_in_an_empty_environment_bring_up_the_sample_application(
    make_skytier: Callable[..., Skytier], tmp_path: Path
) -> None:
    wheels, environment, elsewhere = (tmp_path / name for name in ("wheels", "env", "elsewhere"))
    elsewhere.mkdir()
    sources = [CHECKOUT / name for name in ("app", "tool")]
    build = ("wheel", "--no-deps", "--no-build-isolation", "--wheel-dir", wheels)
    pip(Path(sys.executable), *build, *sources)
    # The versions that are tested, without their hashes: pip asks for hashes of all or of none.
    pins = re.findall(r"^\S+==\S+(?: ; .*?)?(?= \\$)", requirements(), re.MULTILINE)
    constraints = tmp_path / "constraints.txt"
    constraints.write_text("\n".join(pins))
    venv.create(environment, with_pip=True)

    pip(
        environment / "bin/python",
        "install",
        "--no-compile",
        "--constraint",
        constraints,
        *wheels.iterdir(),
    )

    skytier = make_skytier(program=environment / "bin/skytier")
    said = skytier.run("up", "--port", str(free_port()), "--no-monitor", cwd=elsewhere)
    assert str(CHECKOUT) not in said
    page = httpx.get(skytier.url())
    assert page.status_code == 200
    assert httpx.get(f"{skytier.url()}/health").json()["status"] == "ok"
    # The page's own files are in the wheel too.
    styles = re.findall(r'href="(/static/[^"]+\.css)"', page.text)
    assert styles
    assert {httpx.get(skytier.url() + path).status_code for path in styles} == {200}
    assert not list(elsewhere.iterdir())


def requirements() -> str:
    return (CHECKOUT / "requirements.txt").read_text()
