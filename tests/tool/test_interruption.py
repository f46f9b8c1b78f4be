"""Two at once, and one that is cut short."""

import signal
from collections.abc import Callable
from pathlib import Path

import pytest

from skytier.__main__ import INTERRUPTED
from skytier.poll import until
from tests.skytier_command import Skytier, free_port, processes_of


def test_two_at_once_are_one_and_an_interrupted_up_is_continued(fresh: Skytier) -> None:
    port = f"--port={free_port()}"
    with fresh.start("up", port, "--workers=1", env={"PYTHONUNBUFFERED": "1"}) as first:
        assert first.stdout is not None
        assert "postgresql  created" in first.stdout.readline()
        first.send_signal(signal.SIGSTOP)  # the others take as long as they like

        for other in (["up"], ["down"], ["down", "--purge", "--yes"]):
            said = fresh.ends_with(1, *other)
            assert f"Another skytier is changing this stack (process {first.pid})" in said

        first.send_signal(signal.SIGINT)
        first.send_signal(signal.SIGCONT)
        said = first.stdout.read()
    assert first.returncode == 1
    assert "Interrupted half way" in said
    assert "skytier up" in said

    said = fresh.run("up")
    assert "postgresql  runs already" in said
    assert fresh.status()["healthy"]
    assert fresh.url().endswith(port.removeprefix("--port="))

    fresh.run("down", "--purge", "--yes")
    assert not fresh.home.exists()
    assert not processes_of(fresh.home)


def test_an_up_that_was_killed_leaves_no_lock_and_no_half_made_database(fresh: Skytier) -> None:
    record = fresh.home / "run" / "postgresql.json"
    with fresh.start("up", f"--port={free_port()}", "--workers=1") as killed:
        # The server runs as soon as its record is there, but role and database are not made.
        assert until(record.exists, 300, every_s=0.002)
        killed.kill()

    assert "postgresql  restarted (its start was interrupted)" in fresh.run("up")
    assert fresh.status()["healthy"]
    fresh.run("down", "--purge", "--yes")
    assert not processes_of(fresh.home)


CTRL_C = """
import os, signal, sys

FILE, FUNCTION = os.environ["MOMENT"].split(":")
waiting = True

def interrupt():
    global waiting
    waiting = False
    os.kill(os.getpid(), signal.SIGINT)

def look(frame, event, _):
    code = frame.f_code
    if event == "call" and code.co_name == FUNCTION and code.co_filename.endswith(FILE):
        sys.setprofile(None)
        interrupt()

def load(event, arguments):
    # A function is called after its file is loaded. To look at every call before would take twice
    # the time of the command.
    if waiting and event == "exec" and arguments[0].co_filename.endswith(FILE):
        interrupt() if FUNCTION == "<module>" else sys.setprofile(look)

sys.addaudithook(load)
"""


@pytest.fixture
def interrupted(fresh: Skytier, tmp_path: Path) -> Callable[..., tuple[int, str]]:
    """Runs a command that gets Ctrl-C when it calls a function: its exit code, what it said.

    The moment is `path/of/file.py:function`; `<module>` is when the file is imported.
    """
    (tmp_path / "sitecustomize.py").write_text(CTRL_C)

    def run(moment: str, *arguments: str) -> tuple[int, str]:
        environment = {"PYTHONPATH": str(tmp_path), "MOMENT": moment}
        with fresh.start(*arguments, env=environment) as popen:
            said, _ = popen.communicate(timeout=300)
        return popen.returncode, said

    return run


@pytest.mark.parametrize(
    "moment",
    [
        *("typer/__init__.py:<module>", "pydantic/main.py:<module>"),
        "skytier/cli/up.py:<module>",
    ],
)
def test_a_command_that_is_interrupted_while_it_is_loaded_ends_without_a_word(
    interrupted: Callable[..., tuple[int, str]], moment: str
) -> None:
    assert interrupted(moment, "up") == (INTERRUPTED, "")


BEGINNINGS = {
    ("dashboard", "--no-open"): "skytier/dashboard/server.py:<module>",
    ("report",): "skytier/report/facts.py:<module>",
    ("status",): "skytier/local/status.py:<module>",
    ("top",): "skytier/local/monitor/view.py:<module>",
    ("metrics", "cloud", "--cloud", "none"): "skytier/openstack/login/connection.py:<module>",
    ("plan", "--cloud", "none"): "skytier/openstack/login/connection.py:<module>",
    ("up", "--cloud", "none"): "skytier/cli/on_cloud/up.py:<module>",
}


@pytest.mark.parametrize("command", BEGINNINGS, ids=" ".join)
def test_a_command_that_is_interrupted_when_it_begins_says_no_error(
    interrupted: Callable[..., tuple[int, str]], command: tuple[str, ...]
) -> None:
    assert interrupted(BEGINNINGS[command], *command) == (INTERRUPTED, "")


@pytest.mark.parametrize(
    "moment",
    [
        *("uvicorn/config.py:load", "uvicorn/server.py:run", "asyncio/runners.py:run"),
        *("uvicorn/server.py:capture_signals", "uvicorn/server.py:startup"),
    ],
)
def test_ctrl_c_is_a_good_end_of_the_dashboard_also_while_its_server_starts(
    interrupted: Callable[..., tuple[int, str]], moment: str
) -> None:
    code, said = interrupted(moment, "dashboard", "--no-open")

    assert code == 0, said
    assert [line.split()[0] for line in said.splitlines()] == ["local", "Ctrl-C"]


def test_a_command_that_may_not_hear_ctrl_c_goes_on(
    interrupted: Callable[..., tuple[int, str]],
) -> None:
    before = signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        code, said = interrupted("skytier/cli/__init__.py:<module>", "--version")
    finally:
        signal.signal(signal.SIGINT, before)

    assert (code, said.split()[0]) == (0, "skytier")
