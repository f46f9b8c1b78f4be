"""Two at once, and one that is cut short."""

import signal

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
        assert until(record.exists, 20, every_s=0.002)
        killed.kill()

    assert "postgresql  restarted (its start was cut short)" in fresh.run("up")
    assert fresh.status()["healthy"]
    fresh.run("down", "--purge", "--yes")
    assert not processes_of(fresh.home)
