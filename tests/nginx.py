"""An Nginx of a test's own."""

import os
import shutil
import subprocess
import time
from pathlib import Path

import httpx

NGINX = shutil.which("nginx", path="/usr/sbin:/usr/bin:/usr/local/sbin:/usr/local/bin")
USER = "root" if os.geteuid() == 0 else None
"""Workers of another user may not enter the directories of the tests."""


class Nginx:
    """It runs `nginx.conf` of a directory for the time of a block, and answers at a port."""

    def __init__(self, home: Path, port: int) -> None:
        self._command = [str(NGINX), "-c", f"{home}/nginx.conf", "-e", f"{home}/first.log"]
        self._client = httpx.Client(base_url=f"http://127.0.0.1:{port}", trust_env=False)

    def __enter__(self) -> httpx.Client:
        self._process = subprocess.Popen(self._command)
        deadline = time.monotonic() + 120
        while True:
            try:
                self._client.get("/none")
            except httpx.TransportError:
                if self._process.poll() is None and time.monotonic() < deadline:
                    time.sleep(0.05)
                    continue
                # Whoever did not get in does not leave it either.
                self.__exit__()
                raise
            else:
                return self._client

    def __exit__(self, *_: object) -> None:
        self._client.close()
        self._process.terminate()
        self._process.wait(30)
