"""The two wheels, installed into an empty environment, without a checkout."""

import re
import subprocess
import sys
import venv
from collections.abc import Callable, Iterator
from importlib.metadata import Distribution, distribution
from pathlib import Path

import httpx
from packaging.requirements import Requirement

from tests.skytier_command import Skytier, free_port

CHECKOUT = Path(__file__).parents[2]


def pip(*arguments: str | Path) -> None:
    command = [sys.executable, "-m", "pip", "--quiet", "--disable-pip-version-check", *arguments]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr


def test_two_wheels_in_an_empty_environment_bring_up_the_sample_application(
    make_skytier: Callable[..., Skytier], tmp_path: Path
) -> None:
    wheels, environment, elsewhere = (tmp_path / name for name in ("wheels", "env", "elsewhere"))
    elsewhere.mkdir()
    sources = [CHECKOUT / name for name in ("app", "tool")]
    build = ("wheel", "--no-deps", "--no-build-isolation", "--wheel-dir", wheels)
    pip(*build, *sources)
    venv.create(environment)
    python = environment / "bin/python"
    pip("--python", python, "install", "--no-compile", "--no-deps", *wheels.iterdir())
    (packages,) = environment.glob("lib/*/site-packages")
    for each in needed(packages):
        link(each, packages)
    pip("--python", python, "check")

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


def needed(packages: Path) -> Iterator[Distribution]:
    """What the two wheels say that they need, with all that it needs: as pip would install it.

    It is what the tests run with, in the versions that are pinned, and nothing else.
    """
    installed = Distribution.discover(path=[str(packages)])
    ways = [(each.name, "") for each in installed]
    seen = set(ways)
    named: set[str] = set()
    for name, extra in ways:
        own = name in ("skytier", "skytier-app")
        found = next(iter(Distribution.discover(name=name, path=[str(packages)]))) if own else None
        found = found or distribution(name)
        if not own and name not in named:
            named.add(name)
            yield found
        for text in found.requires or ():
            requirement = Requirement(text)
            if requirement.marker and not requirement.marker.evaluate({"extra": extra}):
                continue
            new = {(requirement.name, each) for each in ("", *requirement.extras)} - seen
            seen |= new
            ways += sorted(new)


def link(found: Distribution, packages: Path) -> None:
    """Install a distribution by links to its files."""
    for top in {file.parts[0] for file in found.files or ()} - {"..", "__pycache__"}:
        if not (packages / top).exists():
            (packages / top).symlink_to(Path(str(found.locate_file(top))))
