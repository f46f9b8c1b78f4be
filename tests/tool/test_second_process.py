"""The start of the second process: systemd may fail once and start it the next time."""

import subprocess
from importlib.resources import files
from pathlib import Path

import pytest

PROGRAM = """
systemctl() {{
    echo "$*" >>calls
    [[ $1 != restart ]] || (($(grep -c ^restart calls) > {failures}))
}}
await() {{ echo "await $1" >>calls; }}
{function}
start_second 1-abc 5
"""
RESTART = "restart skytier-second.socket skytier-second.service"


def start_second(directory: Path, failures: int) -> tuple[int, list[str]]:
    """The function's result, and what it asked for, where so many starts fail."""
    text = (files("skytier") / "templates/second-process.sh.j2").read_text()
    _, begin, rest = text.partition("start_second() {\n")
    body, end, _ = rest.partition("\n}\n")
    function = (begin + body + end).replace("{{ home }}", str(directory))
    program = PROGRAM.format(failures=failures, function=function)
    done = subprocess.run(["bash", "-uc", program], cwd=directory, check=False)
    return done.returncode, (directory / "calls").read_text().splitlines()


@pytest.mark.parametrize(("failures", "result", "starts"), [(0, 0, 1), (1, 0, 2), (2, 1, 2)])
def test_it_is_started_once_more_where_systemd_failed(
    tmp_path: Path, failures: int, result: int, starts: int
) -> None:
    code, calls = start_second(tmp_path, failures)

    assert code == result
    assert calls.count(RESTART) == starts
    assert ("await skytier-second" in calls) is (result == 0)
