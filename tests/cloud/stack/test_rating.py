"""A cloud that has CloudKitty: a real one, with rules and rated data of known amounts."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest

from ..cloudkitty import REGION, CloudKitty, running
from ..project import poll
from .account import Account, Operator, write_clouds

STACK = 'name = "{}"\nimage = "debian-12"\nflavor = "m1.tiny"\n'
NO_QUOTES = {"rating__quote": "role:admin"}


@pytest.fixture(scope="module")
def kitty(tmp_path_factory: pytest.TempPathFactory) -> Iterator[CloudKitty]:
    """An hour of an m1.tiny costs 0.03, of an m1.small 0.12, of a floating IP 0.05."""
    with running(tmp_path_factory.mktemp("cloudkitty")) as kitty:
        kitty.enable_hashmap()
        kitty.price("instance", field="flavor_name", **{"m1.tiny": "0.03", "m1.small": "0.12"})
        kitty.price("ip.floating", "0.05")
        yield kitty


@pytest.fixture(scope="module")
def operator(
    kitty: CloudKitty, account: Account, name: str, tmp_path_factory: pytest.TempPathFactory
) -> Operator:
    """An ordinary member of the project, where the region has CloudKitty."""
    clouds = write_clouds(
        tmp_path_factory.mktemp("rated") / "clouds", {**account.entry, "region_name": REGION}
    )
    operator = Operator(tmp_path_factory.mktemp("operator"), clouds)
    operator.write(STACK.format(name))
    return operator


@pytest.fixture
def policy(kitty: CloudKitty) -> Iterator[CloudKitty]:
    yield kitty
    kitty.allow()


def amounts(bill: dict[str, Any]) -> dict[str, str]:
    return {each["name"]: each["per_month"] for each in bill["resources"]}


def by_cloudkitty(name: str) -> dict[str, str]:
    """730 hours of two m1.tiny and a floating IP: 21.90, 21.90 and 36.50."""
    return {f"{name}-web-1": "36.50", f"{name}-database-1": "21.90"}


def test_what_would_be_is_priced_by_cloudkittys_quotes(operator: Operator, name: str) -> None:
    estimate = operator.json("cost", "estimate")
    plan = operator.json("plan")
    told = operator.run("plan")

    for bill in (estimate, plan["cost"]):
        assert (bill["rates_by"], bill["currency"]) == ("cloudkitty", "XXX")
        assert bill["per_month"] == "80.30"
        assert amounts(bill) == by_cloudkitty(name)
        assert [note for note in bill["notes"] if "does not say its currency" in note]
    assert "80.30 XXX a month (+80.30), by CloudKitty's rates." in told


def test_the_currency_is_the_stack_files_and_a_named_rates_file_goes_first(
    operator: Operator, name: str
) -> None:
    operator.write(STACK.format(name) + '[cost]\ncurrency = "EUR"\n')
    rates = operator.directory / "rates.toml"
    rates.write_text("vcpu_hour = 1\nram_gib_hour = 0\ndisk_gb_month = 0\nfloating_ip_hour = 1\n")

    of_kitty = operator.json("cost", "estimate")
    of_file = operator.json("cost", "estimate", "--rates", str(rates))
    operator.write(STACK.format(name) + f'[cost]\nrates = "{rates}"\n')
    of_stack_file = operator.json("cost", "estimate")
    operator.write(STACK.format(name))

    assert (of_kitty["per_month"], of_kitty["currency"]) == ("80.30", "EUR")
    assert of_kitty["notes"] == []
    for bill in (of_file, of_stack_file):
        assert (bill["rates_by"], bill["per_month"]) == ("file", "2190.00")


def test_rules_are_read_where_quotes_are_refused_and_without_both_no_price_is_known(
    operator: Operator, policy: CloudKitty, name: str
) -> None:
    policy.allow(**NO_QUOTES, rating__module_config="")
    by_rules = operator.json("cost", "estimate")
    policy.allow(**NO_QUOTES)
    refused = operator.json("cost", "estimate")

    assert by_rules["rates_by"] == "cloudkitty"
    assert amounts(by_rules) == by_cloudkitty(name)
    assert (refused["rates_by"], refused["example_rates"]) == ("unknown", False)
    assert [note for note in refused["notes"] if "CloudKitty does not tell its rates" in note]


@pytest.fixture(scope="module")
def address(account: Account, name: str) -> Iterator[str]:
    """The id of a floating IP with the mark of the stack."""
    network = account.connection.network
    public = network.find_network("public", ignore_missing=False)
    mark = f"skytier:stack={name} {name}-web-1"
    ip = network.create_ip(floating_network_id=public.id, description=mark)
    # A bill goes by whole seconds: it has to have been there for some to be known of.
    since = datetime.fromisoformat(ip.created_at).replace(tzinfo=UTC)
    poll(lambda: datetime.now(UTC) - since > timedelta(seconds=3), "it is there for a while", 60)
    yield ip.id
    network.delete_ip(ip)


@pytest.fixture(scope="module")
def rated(kitty: CloudKitty, account: Account, address: str) -> None:
    """Three hours of that floating IP, and of a server that is gone."""
    begin = datetime.now(UTC).replace(microsecond=0) - timedelta(hours=3, minutes=30)
    points = {"ip.floating": [(address, 0.05)], "instance": [("a-server-that-is-gone", 0.12)]}
    kitty.rate(account.project_id, begin, 3, points)


@pytest.mark.usefixtures("rated")
def test_the_bill_is_what_cloudkitty_has_rated_with_what_was_used_beside_it(
    operator: Operator, address: str, name: str
) -> None:
    period = ("--from", "-4h")
    bill = operator.json("cost", "report", "--all", *period)
    of_stack = operator.json("cost", "report", *period)
    days = operator.json("cost", "report", "--all", "--by", "day", *period)
    split = operator.json("cost", "chargeback", "--by", "stack", *period)
    told = operator.run("cost", "report", "--all", *period)

    # Three hours of 0.05 and of 0.12.
    assert (bill["gross"], bill["rated"], bill["currency"]) == ("0.51", True, "XXX")
    rows = {row["id"]: row for row in bill["rows"]}
    assert (rows[address]["amount"], rows[address]["stack"]) == ("0.15", name)
    assert (rows[address]["quantity"], rows[address]["unit"]) == ("3.000000", "ip-hours")
    assert (rows[address]["rate"], rows[address]["name"]) == ("0.05", f"{name}-web-1")
    assert rows["a-server-that-is-gone"]["amount"] == "0.36"
    assert sum(Decimal(row["amount"]) for row in days["rows"]) == Decimal("0.51")
    beside = {row["kind"]: row for row in bill["cloudkitty"]}
    assert beside["server"]["theirs"] == "0.36"
    assert beside["floating IP"]["theirs"] == "0.15"
    # It is there for seconds or minutes, and an hour of it costs 0.05.
    assert Decimal(beside["floating IP"]["ours"]) < Decimal("0.15")

    assert (of_stack["gross"], of_stack["rated"]) == ("0.15", True)
    assert split["gross"] == "0.51"
    own = {row["stack"]: row["own"] for row in split["rows"]}
    assert own == {name: "0.15", "": "0.36"}
    assert "0.51 XXX, as CloudKitty has rated it." in told
    assert "What CloudKitty charged" in told


@pytest.mark.usefixtures("rated")
def test_what_was_used_is_the_bill_where_a_rates_file_is_named_or_cloudkitty_tells_nothing(
    operator: Operator, policy: CloudKitty
) -> None:
    rates = operator.directory / "dear.toml"
    rates.write_text('currency = "EUR"\nfloating_ip_hour = 3600\n')
    by_file = operator.json("cost", "report", "--from", "-4h", "--rates", str(rates))
    policy.allow(summary__get_summary="role:admin")
    refused = operator.json("cost", "report", "--from", "-4h")
    ahead = operator.json("cost", "forecast")

    assert (by_file["rated"], by_file["currency"]) == (False, "EUR")
    assert Decimal(by_file["gross"]) >= 1
    assert {row["kind"]: row["theirs"] for row in by_file["cloudkitty"]} == {"floating IP": "0.15"}
    assert (refused["rated"], refused["rates_by"]) == (False, "cloudkitty")
    assert [note for note in refused["notes"] if "does not tell what it charged" in note]
    assert (ahead["rates_by"], ahead["per_hour"]) == ("cloudkitty", "0.050000")
