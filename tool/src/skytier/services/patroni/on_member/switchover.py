"""A planned switchover, on the primary's machine: CONFIG PRIMARY SUCCESSOR.

Prints as JSON, in seconds of this machine's clock, when the primary took its last write, and when
the successor began to take writes; null where that was not seen. Run as the user of PostgreSQL.
"""

import base64
import json
import ssl
import sys
import threading
import time
import urllib.request
from pathlib import Path
from typing import Any
from urllib.error import HTTPError

LONGEST_S = 60
SETTLES_S = 20
"""For so long what Patroni refuses is asked for again: right after a member restarted it may not
know yet which replica is the synchronous one."""
_REFUSED, _UNKNOWN = 412, (503, "unknown")
_PAUSE_S = 0.02


class RefusedError(Exception):
    """Patroni did not do it; its words."""


class Api:
    """Patroni's API on all members, as this one's configuration has it."""

    def __init__(self, path: str) -> None:
        import yaml

        self._own = yaml.safe_load(Path(path).read_text())["restapi"]
        trusted = ssl.create_default_context(cafile=self._own["cafile"])
        # The members are beside this one, whatever proxy the environment names.
        self._opener = urllib.request.build_opener(
            urllib.request.ProxyHandler({}), urllib.request.HTTPSHandler(context=trusted)
        )

    def ask(self, path: str, at: str = "", body: object = None, timeout_s: float = 2) -> bytes:
        """The answer. Raises OSError, also for another status than 200."""
        url = (at or f"https://{self._own['connect_address']}") + path
        request = urllib.request.Request(url)  # noqa: S310  # https
        if body is not None:
            given = self._own["authentication"]
            account = f"{given['username']}:{given['password']}".encode()
            request.add_header("Authorization", f"Basic {base64.b64encode(account).decode()}")
            request.data = json.dumps(body).encode()
        with self._opener.open(request, timeout=timeout_s) as answer:
            said: bytes = answer.read()
        return said


def write(times: dict[str, float]) -> None:
    """Note each time at which a write would be taken here, until none is."""
    import psycopg2  # type: ignore[import-untyped]  # of the machine

    connection = psycopg2.connect(dbname="postgres")
    connection.autocommit = True
    with connection.cursor() as cursor:
        while True:
            try:
                # What each write needs. It stores nothing.
                cursor.execute("SELECT pg_current_xact_id()")
            except psycopg2.Error:
                return
            times["took"] = time.time()
            time.sleep(_PAUSE_S)


def watch(api: Api, place: str, times: dict[str, float]) -> None:
    """Note when the successor is the primary."""
    until = time.monotonic() + SETTLES_S + LONGEST_S
    while time.monotonic() < until:
        try:
            api.ask("/primary", at=place)
        except OSError:  # 503 too: it is not the primary yet
            time.sleep(_PAUSE_S)
        else:
            times["takes"] = time.time()
            return


def switch_over(api: Api, wanted: dict[str, str], settles_s: float = SETTLES_S) -> str:
    """Have Patroni do it. Returns its words where it does not know how it ended: it waits for ten
    seconds, and goes on. Raises RefusedError."""
    until = time.monotonic() + settles_s
    while True:
        try:
            api.ask("/switchover", body=wanted, timeout_s=LONGEST_S)
        except HTTPError as error:
            said = error.read().decode()
            code, word = _UNKNOWN
            if error.code == code and word in said:
                return said
            if error.code != _REFUSED or time.monotonic() > until:
                raise RefusedError(said) from error
            time.sleep(1)
        else:
            return ""


def main() -> None:
    """Do it. The exit code is 1, with Patroni's words, where it was not done."""
    path, primary, successor = sys.argv[1:]
    api, times = Api(path), dict[str, float]()
    members: list[Any] = json.loads(api.ask("/cluster"))["members"]
    urls = [each["api_url"] for each in members if each["name"] == successor]
    place = urls[0].removesuffix("/patroni")
    writing = threading.Thread(target=write, args=[times], daemon=True)
    watching = threading.Thread(target=watch, args=[api, place, times], daemon=True)
    writing.start()
    while "took" not in times and writing.is_alive():
        time.sleep(_PAUSE_S)
    watching.start()
    try:
        unknown = switch_over(api, {"leader": primary, "candidate": successor})
    except RefusedError as error:
        sys.exit(f"It said: {error}")
    watching.join()
    if unknown and "takes" not in times:
        sys.exit(f"It said: {unknown}")
    sys.stdout.write(json.dumps({"took": times.get("took"), "takes": times.get("takes")}))


if __name__ == "__main__":
    main()
