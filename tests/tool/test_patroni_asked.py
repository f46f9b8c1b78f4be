"""What asks Patroni's API on a member, whatever proxy the environment names."""

import json
import os
import ssl
import subprocess
import sys
from collections.abc import Iterator
from email.message import Message
from io import BytesIO
from math import inf
from pathlib import Path
from typing import Any
from urllib.error import HTTPError

import pytest

from skytier.render import render
from skytier.secrets.certificate import self_signed
from skytier.services.patroni import pause
from skytier.services.patroni.on_member import switchover
from skytier.services.patroni.on_member.switchover import Api, RefusedError, switch_over

from .loopback import as_json, serving

NO_PROXY_THERE = "http://127.0.0.1:1"
CLUSTER: dict[str, Any] = {"members": [{"name": "shop-database-1"}]}


@pytest.fixture
def patroni(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[dict[str, Any]]:
    """What its API answers, on a machine whose environment names a proxy that is not there."""
    key, certificate = self_signed(["127.0.0.1"])
    trusted = tmp_path / "api-ca.crt"
    trusted.write_text(certificate)
    (tmp_path / "api.pem").write_text(key + certificate)
    tls = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    tls.load_cert_chain(tmp_path / "api.pem")
    for name in ("https_proxy", "HTTPS_PROXY"):
        monkeypatch.setenv(name, NO_PROXY_THERE)
    said = dict(CLUSTER)
    with serving(lambda method, path, body: as_json(200, said), tls) as url:
        address = url.removeprefix("https://")
        about = {"connect_address": address, "cafile": str(trusted)}
        (tmp_path / "patroni.yml").write_text(json.dumps({"restapi": about}))
        yield said


def test_a_switchover_asks_directly(patroni: dict[str, Any], tmp_path: Path) -> None:
    assert json.loads(Api(str(tmp_path / "patroni.yml")).ask("/cluster")) == CLUSTER


WANTED = {"leader": "shop-database-2", "candidate": "shop-database-1"}
UNKNOWN = "Switchover status unknown"


class Answers(Api):
    """Patroni's API, as far as a switchover asks it."""

    def __init__(self, *answers: tuple[int, str], is_primary_after: float = inf) -> None:
        """`answers` are those to the wish for a switchover, the last one again and again; the
        question for the primary is answered with yes after so many times."""
        self._answers, self._is_primary_after = list(answers), is_primary_after
        self.asked: list[tuple[str, Any]] = []

    def ask(self, path: str, at: str = "", body: object = None, timeout_s: float = 2) -> bytes:
        if path == "/cluster":
            successor = {"name": WANTED["candidate"], "api_url": "https://192.0.2.1:8008/patroni"}
            return json.dumps({"members": [successor]}).encode()
        self.asked.append((path, body))
        times = [each for each, _ in self.asked].count(path)
        if path == "/primary":
            assert at == "https://192.0.2.1:8008"
            status, said = (200 if times > self._is_primary_after else 503), ""
        else:
            status, said = self._answers[min(times, len(self._answers)) - 1]
        if status != 200:
            raise HTTPError(path, status, said, Message(), BytesIO(said.encode()))
        return said.encode()


@pytest.mark.parametrize(
    ("answers", "settles_s", "ends", "asks"),
    [
        ([(412, "no"), (412, "no"), (200, "done")], 60, "", 3),
        ([(503, UNKNOWN)], 60, UNKNOWN, 1),
        ([(412, "no candidate")], 0, RefusedError("no candidate"), 1),
        ([(503, "Switchover failed")], 60, RefusedError("Switchover failed"), 1),
        ([(500, UNKNOWN)], 60, RefusedError(UNKNOWN), 1),
    ],
    ids=["a refusal that ends", "no answer in time", "a refusal", "a failure", "another error"],
)
def test_what_is_refused_for_a_moment_is_asked_for_again(
    answers: list[tuple[int, str]], settles_s: float, ends: str | RefusedError, asks: int
) -> None:
    api = Answers(*answers)
    if isinstance(ends, RefusedError):
        with pytest.raises(RefusedError, match=f"^{ends}$"):
            switch_over(api, WANTED, settles_s)
    else:
        assert switch_over(api, WANTED, settles_s) == ends
    assert api.asked == [("/switchover", WANTED)] * asks


@pytest.mark.parametrize(
    ("answer", "is_primary_after", "says"),
    [
        ((200, "done"), 2, None),
        # The machine was too busy for the ten seconds that Patroni waits.
        ((503, UNKNOWN), 2, None),
        ((503, UNKNOWN), inf, f"It said: {UNKNOWN}"),
        ((503, "Switchover failed"), inf, "It said: Switchover failed"),
    ],
    ids=["in time", "late", "never", "a failure"],
)
def test_a_switchover_that_takes_longer_than_patroni_waits_has_succeeded(
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    answer: tuple[int, str],
    is_primary_after: float,
    says: str | None,
) -> None:
    def write(times: dict[str, float]) -> None:
        times["took"] = 7.0

    api = Answers(answer, is_primary_after=is_primary_after)
    monkeypatch.setattr(switchover, "Api", lambda path: api)
    monkeypatch.setattr(switchover, "write", write)
    monkeypatch.setattr(switchover, "LONGEST_S", 1)
    monkeypatch.setattr(switchover, "SETTLES_S", 0)
    monkeypatch.setattr(sys, "argv", ["switchover.py", "patroni.yml", *WANTED.values()])
    if says:
        with pytest.raises(SystemExit, match=f"^{says}$"):
            switchover.main()
        return
    switchover.main()
    said = json.loads(capsys.readouterr().out)
    assert said["took"] == 7.0
    assert said["takes"] > 7.0


@pytest.mark.parametrize("paused", [True, False, None])
def test_a_pause_is_told(patroni: dict[str, Any], tmp_path: Path, paused: bool | None) -> None:
    if paused is not None:
        patroni["pause"] = paused
    assert pause.read(asked(tmp_path)) == (paused is True)


def test_a_machine_without_patroni_and_one_that_does_not_answer_tell_no_pause(
    tmp_path: Path,
) -> None:
    assert not pause.read(asked(tmp_path, program=False))
    gone = {"restapi": {"connect_address": "127.0.0.1:1"}}
    (tmp_path / "patroni.yml").write_text(json.dumps(gone))
    assert not pause.read(asked(tmp_path))


def asked(place: Path, *, program: bool = True) -> str:
    """What the question says here, after another one."""
    programs = {"runuser": 'shift 3; exec "$@"'}
    if program:
        programs["bin/python"] = f'exec {sys.executable} "$@"'
    for name, script in programs.items():
        path = place / name
        path.parent.mkdir(exist_ok=True)
        path.write_text(f"#!/bin/sh\n{script}\n")
        path.chmod(0o700)
    values = {"config": place / "patroni.yml", "etc": place, "home": place}
    text = render("skytier.services.patroni", "pause.sh", word=pause._WORD, **values)
    return subprocess.run(
        ["bash", "-c", f"echo clock 0\n{text}"],
        check=True,
        stdout=subprocess.PIPE,
        text=True,
        env={**os.environ, "PATH": f"{place}:{os.environ['PATH']}"},
    ).stdout
