"""What `skytier doctor` says of the object store, where the catalog tells little."""

from types import SimpleNamespace
from typing import Any, cast

import pytest
import requests

from skytier.doctor import object_store
from skytier.doctor.check import Finding, ok
from skytier.doctor.cloud import Subject
from skytier.stackfile import StackFile, parse

from .test_object_store import WITH

SECOND_ONLY = parse(
    'name = "shop"\n[backup]\nkind = "path"\npath = "/a"\n[backup.second]\n'
    'kind = "object-store"\nbucket = "two"\n'
)


@pytest.mark.parametrize(
    ("stack", "of_backups", "asked"),
    [
        (WITH, {}, ""),
        (SECOND_ONLY, {}, ""),
        (SECOND_ONLY, {"second": "https://s3.example.org"}, "https://s3.example.org"),
    ],
)
def test_an_address_that_the_catalog_does_not_tell_is_no_fault_of_the_doctor(
    monkeypatch: pytest.MonkeyPatch, stack: StackFile, of_backups: dict[str, str], asked: str
) -> None:
    store = object_store.object_store
    monkeypatch.setattr(store, "is_there", lambda conn: True)
    monkeypatch.setattr(store, "check", lambda *of: None)
    monkeypatch.setattr(store, "s3_endpoint", lambda conn, stack: "")
    monkeypatch.setattr(store, "backup_endpoints", lambda conn, stack: of_backups)
    monkeypatch.setattr(object_store, "find_all", lambda kinds: [])
    seen: list[str] = []

    def answers(subject: Subject, address: Any) -> Finding:
        seen.append(address.endpoint)
        return ok("it answers")

    monkeypatch.setattr(object_store, "_no_s3", answers)
    subject = SimpleNamespace(conn=None, stack=stack)
    assert object_store.container(cast(Any, subject)) == ok("it answers")
    assert seen == [asked]


def test_each_address_is_asked_and_its_own_key_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    stack = parse(
        'name = "shop"\nstorage.bucket = "uploads"\n'
        '[application]\nsource = "."\nserve = "shop:app"\noutgoing = "any"\n'
        '[backup]\nkind = "object-store"\nbucket = "one"\n'
        '[backup.second]\nkind = "object-store"\nbucket = "two"\n'
    )
    store = object_store.object_store
    here, away = "https://s3.example.org", "https://s3.example.net"
    monkeypatch.setattr(store, "is_there", lambda conn: True)
    monkeypatch.setattr(store, "check", lambda *of: None)
    monkeypatch.setattr(store, "s3_endpoint", lambda conn, stack: here)
    monkeypatch.setattr(
        store, "backup_endpoints", lambda conn, stack: {"first": here, "second": away}
    )
    monkeypatch.setattr(object_store, "find_all", lambda kinds: [])
    asked: list[str] = []

    def get(url: str, **of: object) -> object:
        asked.append(url)
        if url.startswith(away):
            raise requests.ConnectionError("no such name")
        return SimpleNamespace(text="<Error>AccessDenied</Error>", status_code=403)

    monkeypatch.setattr(requests, "get", get)
    config = SimpleNamespace(get_requests_verify_args=lambda: (True, None))
    subject = SimpleNamespace(conn=None, stack=stack, config=config)

    finding = object_store.container(cast(Any, subject))

    assert sorted(asked) == [f"{away}/", f"{here}/"]
    assert finding.state == "warning"
    assert "The database servers have to reach it. Set backup.second.endpoint" in finding.do
