"""Where visitors come in, and what is waited for when their name does not lead there yet."""

import socket
from typing import Any

import pytest

from skytier import health
from skytier.deploy.kind import Found, Key
from skytier.errors import SkytierError
from skytier.health import Answer
from skytier.openstack.entry_point import EntryPoint
from skytier.stackfile import parse

ADDRESS, NAME = "203.0.113.7", "shop.example.org"
KEY = Key("floating IP", "skytier-web-1")
ACME = f'tls = "acme"\ndomain = "{NAME}"\nemail = "ops@example.org"'
WELL, SILENT = Answer(200, "{}"), Answer(None, "no answer")
WAITING = f"waiting for DNS: point {NAME} to {ADDRESS}"


def entry(text: str) -> EntryPoint:
    return EntryPoint(parse(text), {KEY: Found(KEY, "id", {}, {"address": ADDRESS})})


@pytest.fixture
def asked(monkeypatch: pytest.MonkeyPatch) -> dict[str, Answer]:
    """URL to answer, for all that is asked; what is not there does not answer."""
    answers: dict[str, Answer] = {}

    def ask(url: str, *_: Any, **__: Any) -> Answer:
        return answers.get(url, SILENT)

    monkeypatch.setattr(health, "ask", ask)
    monkeypatch.setattr(health, "wait", ask)
    return answers


@pytest.mark.parametrize(
    ("leads_to", "by_name", "waits_for"),
    [
        ([], SILENT, WAITING),
        (["192.0.2.1"], SILENT, WAITING),
        ([ADDRESS], SILENT, f"waiting for the certificate of {NAME}: see skytier status"),
        ([ADDRESS], WELL, ""),
        (["192.0.2.1"], WELL, ""),
    ],
    ids=["no name", "elsewhere", "no certificate", "done", "by way of a proxy"],
)
def test_the_first_run_ends_well_and_says_what_is_waited_for(
    asked: dict[str, Answer],
    monkeypatch: pytest.MonkeyPatch,
    leads_to: list[str],
    by_name: Answer,
    waits_for: str,
) -> None:
    def resolve(name: str, *_: Any) -> list[Any]:
        if name != NAME or not leads_to:
            raise socket.gaierror
        return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", (each, 443)) for each in leads_to]

    monkeypatch.setattr(socket, "getaddrinfo", resolve)
    asked[f"https://{ADDRESS}/health"] = WELL
    asked[f"https://{NAME}/health"] = by_name

    entry(ACME).wait()

    assert entry(ACME).waits_for() == waits_for


def test_machines_that_do_not_answer_are_no_matter_of_dns(asked: dict[str, Answer]) -> None:
    with pytest.raises(SkytierError, match=f"https://{ADDRESS}/health does not answer"):
        entry(ACME).wait()


@pytest.mark.parametrize("tls", ["off", "self-signed"])
def test_without_an_authority_nothing_is_waited_for(asked: dict[str, Answer], tls: str) -> None:
    plain = entry(f'tls = "{tls}"')
    asked[f"{plain.url}/health"] = WELL

    plain.wait()

    assert plain.waits_for() == ""
