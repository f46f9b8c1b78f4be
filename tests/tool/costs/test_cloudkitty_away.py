"""A CloudKitty that does not tell its prices: they are unknown, and nothing changes for that."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from decimal import Decimal
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import SimpleNamespace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from keystoneauth1.noauth import NoAuth
from keystoneauth1.session import Session

from skytier.costs.bill import Bill, of_file
from skytier.costs.budget import per_month
from skytier.costs.cloudkitty.metrics import UntoldRates
from skytier.costs.price_list import PriceList
from skytier.costs.rates import EXAMPLE, Rates, RatesBy
from skytier.deploy.kind import Found, Key, Known
from skytier.openstack import catalog
from skytier.openstack.spending.prices import prices
from skytier.roles import ROLES
from skytier.stackfile import StackFile, parse
from tests.background_server import running
from tests.tool.costs.test_planned import flavors, resolved


@contextmanager
def answering(status: int, body: str) -> Iterator[Any]:
    """A connection whose CloudKitty answers everything with this."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.rfile.read(int(self.headers.get("Content-Length") or 0))
            self.send_response(status)
            self.send_header("Content-Length", str(len(body.encode())))
            self.end_headers()
            self.wfile.write(body.encode())

        do_POST = do_GET  # noqa: N815

        def log_message(self, *_: object) -> None:
            pass

    with running(ThreadingHTTPServer(("127.0.0.1", 0), Handler)) as server:
        yield connection(f"http://127.0.0.1:{server.server_address[1]}")


def connection(url: str) -> Any:
    config = SimpleNamespace(get_region_name=lambda _=None: None, get_interface=lambda _=None: None)
    return SimpleNamespace(
        session=Session(auth=NoAuth(endpoint=url)),
        config=config,
        current_project_id="p",
        compute=SimpleNamespace(flavors=lambda details: []),
    )


@pytest.fixture(autouse=True)
def _in_the_catalog(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(catalog, "services", lambda _: frozenset({"rating"}))


ANSWERS = {
    "it is broken": (500, "oops"),
    "it is away behind a proxy": (503, "<html>Service Unavailable</html>"),
    "it refuses": (403, json.dumps({"error": "Policy doesn't allow rating:quote"})),
    "another server is there": (200, "<html>It works!</html>"),
    "it answers nothing": (200, ""),
    "another API is there": (200, json.dumps({"versions": []})),
    "a list": (200, "[]"),
    "null": (200, "null"),
    "metrics that are none": (200, json.dumps({"metrics": [None], "dataframes": None})),
    "metrics with other keys": (200, json.dumps({"metrics": [{"id": 1}], "services": [{}]})),
    "a price that is none": (
        200,
        json.dumps({"metrics": [{"metric_id": "instance", "unit": "x"}], "dataframes": []}),
    ),
}


@pytest.mark.parametrize("case", ANSWERS)
def test_prices_that_are_not_told_are_unknown_and_no_examples(case: str) -> None:
    with answering(*ANSWERS[case]) as conn:
        found = prices(conn, parse('cost.currency = "EUR"'), ["m1.small"])

    assert (found.rates.by, found.rates.currency) == (RatesBy.NOBODY, "EUR")
    assert not found.rates.is_example
    assert "CloudKitty does not tell its rates" in found.notes[0]
    assert "cost.rates" in found.notes[-1]


def test_so_are_those_of_one_that_nobody_listens_for() -> None:
    with answering(200, "") as conn:
        pass
    assert prices(conn, StackFile(), ["m1.small"]).rates.by is RatesBy.NOBODY


def test_what_is_not_known_is_said_and_is_never_nothing() -> None:
    stack = parse("cost.budget = 100")
    rates = UntoldRates(currency="EUR")
    bill = Bill(rates, of_file(stack, ROLES, flavors(stack)))

    assert bill.sentence() == "What it costs is not known: CloudKitty does not tell its rates."
    assert bill.total.unknown == len(bill.resources)
    assert per_month(rates, stack, ROLES, flavors(stack)).per_month is None
    topology = replace(resolved(stack), prices=PriceList(rates)).topology(Known())
    assert topology.stack.monitor.enabled
    assert topology.spending.per_month is None, "no series, so no alert"


WEB = ("web", 1)
STACK = parse("cost.budget = 100")
KNOWN = Known(
    {
        key: Found(key, "x", {}, {"address": "10.0.0.1"})
        for key in (Key("port", "skytier-web-1"), Key("floating IP", "skytier-web-1"))
    }
)
RATE = st.none() | st.decimals(0, 1000, places=4)
RATES = st.builds(
    Rates,
    vcpu_hour=RATE,
    ram_gib_hour=RATE,
    floating_ip_hour=RATE,
    tax_percent=st.none() | st.decimals(0, 30, places=1),
    currency=st.sampled_from(["EUR", "USD", "XXX"]),
) | st.just(UntoldRates(currency="EUR"))


@given(RATES)
def test_no_price_is_part_of_a_machines_configuration(rates: Rates) -> None:
    now = replace(resolved(STACK), prices=PriceList(rates))
    assert now.fingerprint(*WEB, KNOWN) == resolved(STACK).fingerprint(*WEB, KNOWN)


@pytest.mark.parametrize(
    "other",
    ["cost.budget = 101", "cost.budget = 100\nweb.count = 2", "", "web.flavor = 'm1.large'"],
)
def test_what_there_is_to_pay_for_and_the_budget_are_part_of_it(other: str) -> None:
    stack = parse(other)
    assert resolved(stack).fingerprint(*WEB, KNOWN) != resolved(STACK).fingerprint(*WEB, KNOWN)


def test_the_machine_is_told_the_price_of_the_moment() -> None:
    dear = EXAMPLE.model_copy(update={"vcpu_hour": Decimal(1)})
    first, second = (
        replace(resolved(STACK), prices=PriceList(rates)).setup(*WEB, KNOWN)
        for rates in (EXAMPLE, dear)
    )
    differ = {a.path for a, b in zip(first.files, second.files, strict=True) if a != b}
    assert differ == {"/etc/skytier/monitor/rules/stack.yml"}
