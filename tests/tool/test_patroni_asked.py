"""What asks Patroni's API on a member, whatever proxy the environment names."""

import json
import os
import ssl
import subprocess
import sys
from collections.abc import Iterator
from email.message import Message
from pathlib import Path
from typing import Any
from urllib.error import HTTPError

import pytest

from skytier.render import render
from skytier.secrets.certificate import self_signed
from skytier.services.patroni import pause
from skytier.services.patroni.on_member.switchover import Api, switch_over

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


@pytest.mark.parametrize(
    ("statuses", "settles_s", "ends"),
    [([412, 412, 200], 60, None), ([412, 412], 0, 412), ([503], 60, 503)],
    ids=["a refusal that ends", "one that does not", "another error"],
)
def test_what_is_refused_for_a_moment_is_asked_for_again(
    statuses: list[int], settles_s: float, ends: int | None
) -> None:
    asked: list[tuple[str, Any]] = []

    class Refuses(Api):
        def __init__(self) -> None:
            """It asks nobody."""

        def ask(self, path: str, at: str = "", body: object = None, timeout_s: float = 2) -> bytes:
            asked.append((path, body))
            if (status := statuses[len(asked) - 1]) != 200:
                raise HTTPError(path, status, "refused", Message(), None)
            return b""

    wanted = {"leader": "shop-database-2", "candidate": "shop-database-1"}
    if ends is None:
        switch_over(Refuses(), wanted, settles_s)
        assert len(asked) == len(statuses)
    else:
        with pytest.raises(HTTPError) as error:
            switch_over(Refuses(), wanted, settles_s)
        assert error.value.code == ends
        assert len(asked) == 1
    assert asked[0] == ("/switchover", wanted)


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
