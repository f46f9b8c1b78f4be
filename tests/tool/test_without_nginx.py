"""Without Nginx on the machine Uvicorn serves alone."""

import os
import shutil
import signal
import subprocess

import httpx
import psutil
import pytest

from tests.skytier_command import PROGRAM, Skytier, free_port, processes_of

NGINX = shutil.which("nginx", path=os.environ["PATH"] + ":/usr/sbin")
# In a mount namespace of its own, where the program is covered by something that does not run.
HIDDEN = ["unshare", "--mount", "sh", "-c", f'mount --bind /dev/null {NGINX} && exec "$@"', "sh"]
MAY_HIDE = subprocess.run([*HIDDEN, "true"], capture_output=True, check=False).returncode == 0


@pytest.mark.skipif(not MAY_HIDE, reason="Nginx can be hidden by root only (mount namespaces)")
def test_uvicorn_serves_alone_says_so_heals_and_makes_room_for_nginx(fresh: Skytier) -> None:
    alone = [*HIDDEN, str(PROGRAM), "up", f"--port={free_port()}", "--workers=2"]

    said = run(fresh, alone)

    assert "Nginx is not on this machine: the application serves alone." in said
    assert httpx.get(f"{fresh.url()}/health").headers.get("Server") is None

    master = psutil.Process(fresh.pid("application"))
    workers = master.children()
    os.kill(master.pid, signal.SIGKILL)
    assert "application started" in run(fresh, alone)
    assert not [w for w in workers if w.is_running() and w.status() != psutil.STATUS_ZOMBIE]

    assert "nginx       started" in fresh.run("up"), "it was installed meanwhile"
    assert httpx.get(f"{fresh.url()}/health").headers["Server"] == "nginx"
    fresh.run("down", "--purge", "--yes")
    assert not processes_of(fresh.home)


def run(skytier: Skytier, command: list[str]) -> str:
    done = subprocess.run(
        command, env=skytier.environment, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout
