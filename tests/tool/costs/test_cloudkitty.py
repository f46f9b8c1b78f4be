"""CloudKitty's rates and its bill, by hand: shapes and amounts of its API reference.

`tests/cloud/stack/test_rating.py` has a real one.
"""

import json
from datetime import UTC, date, datetime
from decimal import Decimal
from fractions import Fraction
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from skytier.costs.charge import charges
from skytier.costs.cloudkitty.hashmap import HashMap, adapted
from skytier.costs.cloudkitty.metrics import price
from skytier.costs.cloudkitty.quotes import card, questions
from skytier.costs.cloudkitty.rated import charges as from_rated
from skytier.costs.cloudkitty.rated import rated, rated_v1, side_by_side
from skytier.costs.rates import EXAMPLE, RatesBy
from skytier.costs.statement import statement
from skytier.costs.usage import ResourceKind
from tests.tool.costs.samples import address, server

TINY, PROJECT = "93195dd4-bbf3-4b13-929d-8293ae72e056", "fe9c35372db6420089883805b37a34af"
SUMMARY = json.loads(
    """{
    "columns": ["begin", "end", "qty", "rate", "project_id", "type"],
    "results": [
        ["2019-06-01T00:00:00Z", "2019-07-01T00:00:00Z", 2590.421676635742, 1295.210838317871,
         "fe9c35372db6420089883805b37a34af", "image.size"],
        ["2019-06-01T00:00:00Z", "2019-07-01T00:00:00Z", 1354, 3625,
         "fe9c35372db6420089883805b37a34af", "instance"],
        ["2019-06-01T00:00:00Z", "2019-07-01T00:00:00Z", 502, 502,
         "fe9c35372db6420089883805b37a34af", "ip.floating"],
        ["2019-06-01T00:00:00Z", "2019-07-01T00:00:00Z", 175.9, 351.8,
         "fe9c35372db6420089883805b37a34af", "volume.size"]
    ],
    "total": 4
}""",
    parse_float=Decimal,
)


def service(name: str, **more: Any) -> dict[str, Any]:
    return {"service_id": name, "name": name, **more}


def mapping(cost: str, **more: Any) -> dict[str, Any]:
    """As the API lists it: every key is there, and null where it does not apply."""
    keys = ("service_id", "field_id", "value", "group_id", "tenant_id")
    return dict.fromkeys(keys) | {"mapping_id": "m", "type": "flat", "cost": cost} | more


def test_flavors_are_priced_by_the_hour_whatever_the_period() -> None:
    rules = HashMap(
        [service("instance")],
        [{"field_id": "f", "service_id": "instance", "name": "flavor_id"}],
        [mapping("0.01000000", field_id="f", value=TINY, group_id="uptime")],
    )

    assert adapted(rules, "EUR", {TINY: "m1.tiny"}).rates.flavor_hour == {
        "m1.tiny": Decimal("0.01")
    }
    every_ten_minutes = adapted(rules, "EUR", {TINY: "m1.tiny"}, period_s=600)
    assert every_ten_minutes.rates.flavor_hour == {"m1.tiny": Decimal("0.06")}
    assert (every_ten_minutes.rates.currency, every_ten_minutes.left_out) == ("EUR", [])


def test_each_metric_comes_in_the_unit_of_our_key() -> None:
    names = ("volume.size", "image.size", "ip.floating", "network.outgoing.bytes")
    rules = HashMap(
        [service(name) for name in names],
        [],
        [mapping("0.001", service_id=name) for name in names],
    )

    rates = adapted(rules, "EUR", {}).rates

    assert rates.volume_gb_month == Decimal("0.73"), "0.001 a GiB and hour, for 730 hours"
    assert rates.image_gb_month == Decimal("747.52"), "a MiB, of which a GiB has 1024"
    assert rates.floating_ip_hour == Decimal("0.001")
    assert rates.traffic_gb == Decimal("1.073741824"), "a MB, of which a GiB has 1073.741824"
    in_gib = adapted(rules, "EUR", {}, units={"image.size": "GiB"}).rates
    assert in_gib.image_gb_month == Decimal("0.73")


def test_a_group_takes_its_dearest_flat_mapping_times_its_rates_and_groups_add_up() -> None:
    rules = HashMap(
        [service("volume.size")],
        [{"field_id": "type", "service_id": "volume.size", "name": "volume_type"}],
        [
            mapping("0.001", service_id="volume.size", group_id="size"),
            mapping("0.003", field_id="type", value="ssd", group_id="size"),
            mapping("0.5", field_id="type", value="old", group_id="size", type="rate"),
            mapping("0.002", field_id="type", value="ssd", group_id="speed"),
        ],
    )

    rates = adapted(rules, "EUR", {}).rates

    assert rates.volume_gb_month == Decimal("0.73")
    assert rates.volume_type_gb_month == {
        "ssd": Decimal("3.65"),  # (0.003 + 0.002) x 730
        "old": Decimal("0.365"),  # 0.001 x 0.5 x 730
    }


def test_a_mapping_of_another_project_is_not_ours() -> None:
    rules = HashMap(
        [service("ip.floating")],
        [],
        [
            mapping("0.5", service_id="ip.floating"),
            mapping("0.7", service_id="ip.floating", tenant_id=PROJECT),
        ],
    )

    assert adapted(rules, "EUR", {}).rates.floating_ip_hour == Decimal("0.5")
    assert adapted(rules, "EUR", {}, PROJECT).rates.floating_ip_hour == Decimal("0.7")


OF_YEARS = [
    mapping(
        "0.10", service_id="ip.floating", start="2020-01-01T00:00:00", end="2026-01-01T00:00:00"
    ),
    mapping(
        "0.05", service_id="ip.floating", start="2026-01-01T00:00:00", end="2030-01-01T00:00:00"
    ),
    mapping("0.50", service_id="ip.floating", start="2030-01-01T00:00:00", end=None),
]


@pytest.mark.parametrize(
    ("at", "price"),
    [
        ("2019-12-31T23:59:59", None),
        ("2020-01-01T00:00:00", "0.10"),
        ("2025-12-31T23:59:59", "0.10"),
        ("2026-01-01T00:00:00", "0.05"),
        ("2029-12-31T23:59:59", "0.05"),
        ("2030-01-01T00:00:00", "0.50"),
        ("2099-01-01T00:00:00", "0.50"),
    ],
)
def test_only_the_rules_of_the_moment_count(at: str, price: str | None) -> None:
    rules = HashMap([service("ip.floating")], [], OF_YEARS)
    now = datetime.fromisoformat(at).replace(tzinfo=UTC)

    card = adapted(rules, "EUR", {}, now=now).rates

    assert card.floating_ip_hour == (None if price is None else Decimal(price))


@pytest.mark.parametrize(
    ("more", "counts"),
    [
        ({}, True),
        ({"start": None, "end": None, "deleted": None}, True),
        ({"start": "2026-06-01 00:00:00"}, True),
        ({"start": "2026-06-01T02:00:00+02:00"}, True),
        ({"start": "2026-06-01T00:00:00.5Z"}, False),
        ({"end": "2026-06-01T00:00:00"}, False),
        ({"deleted": "2026-05-01T00:00:00"}, False),
    ],
)
def test_a_rule_counts_from_its_start_to_its_end_unless_it_was_deleted(
    more: dict[str, Any], counts: bool
) -> None:
    now = datetime(2026, 6, 1, tzinfo=UTC)
    rules = HashMap(
        [service("ip.floating")],
        [],
        [mapping("1", service_id="ip.floating", **more)],
        [{"threshold_id": "t", **more}],
    )

    found = adapted(rules, "EUR", {}, now=now)

    assert found.rates.floating_ip_hour == (Decimal(1) if counts else None)
    assert list(found.left_out) == (["thresholds (1)"] if counts else [])


def test_what_is_in_no_rate_card_is_listed_and_its_price_is_unknown() -> None:
    rules = HashMap(
        [service("instance"), service("gpu.hours")],
        [{"field_id": "az", "service_id": "instance", "name": "availability_zone"}],
        [mapping("2", field_id="az", value="north"), mapping("1", service_id="gpu.hours")],
        [{"threshold_id": "t", "service_id": "instance", "level": "50", "cost": "0.98"}],
    )

    found = adapted(rules, "EUR", {})

    assert found.left_out == [
        "prices by availability_zone of the metric instance",
        "the metric gpu.hours",
        "thresholds (1)",
    ]
    assert found.rates.flavor_hour == {}
    assert found.rates.vcpu_hour is None


def test_the_summary_is_read_with_the_digits_that_a_float_keeps() -> None:
    found = {each.type: each for each in rated(SUMMARY)}

    assert str(found["image.size"].amount) == "1295.21083831787"
    assert found["volume.size"].quantity == Decimal("175.9")
    assert f"{found['instance'].begin:%Y-%m-%d %Z}" == "2019-06-01 UTC"
    assert {each.kind for each in found.values()} == {
        ResourceKind.IMAGE,
        ResourceKind.SERVER,
        ResourceKind.FLOATING_IP,
        ResourceKind.VOLUME,
    }


def test_both_bills_are_side_by_side_and_neither_hides_what_the_other_lacks() -> None:
    hours = ("06-01", "06-01 10:00")
    used = [server(*hours), address(*hours)]
    ours = statement(EXAMPLE, charges(EXAMPLE, used))

    rows = side_by_side(ours, rated(SUMMARY))

    assert [(row.what, str(row.ours), str(row.theirs), str(row.difference)) for row in rows] == [
        ("floating IP", "0.10", "502.00", "501.90"),
        ("image", "None", "1295.21", "1295.21"),
        ("server", "0.93", "3625.00", "3624.07"),
        ("volume", "None", "351.80", "351.80"),
    ]


def test_a_rate_card_is_made_of_quotes_in_the_units_of_its_keys() -> None:
    units = {"instance": "instance", "ip.floating": "ip", "image.size": "MiB", "gpu": "gpu"}
    asked = questions(units, [{"flavor_name": "m1.tiny"}, {"flavor_name": "m1.small"}])
    told = {"m1.tiny": "0.03", "m1.small": "0.12", "ip.floating": "0.005", "image.size": "0.000001"}
    quotes = {q: q.quantity * Decimal(told[q.name or q.metric]) for q in asked}

    hourly, notes = card(quotes, units, "EUR", 3600)
    every_half_hour, _ = card(quotes, units, "EUR", 1800)

    assert hourly.flavor_hour == {"m1.tiny": Decimal("0.03"), "m1.small": Decimal("0.12")}
    assert hourly.floating_ip_hour == Decimal("0.005")
    # A millionth for each MiB and hour: 1024 of them in a GiB, 730 hours in a month.
    assert hourly.image_gb_month == Decimal("0.74752")
    assert (hourly.volume_gb_month, hourly.load_balancer_hour) == (None, None)
    assert (hourly.by, notes) == (RatesBy.CLOUDKITTY, [])
    assert every_half_hour.floating_ip_hour == Decimal("0.01")


def test_quotes_that_go_by_the_size_or_are_all_nothing_are_told() -> None:
    one, hundred = questions({"volume.size": "GiB"}, [])

    _, by_size = card({one: Decimal(1), hundred: Decimal(70)}, {"volume.size": "GiB"}, "EUR", 3600)
    _, nothing = card({one: Decimal(0), hundred: Decimal(0)}, {"volume.size": "GiB"}, "EUR", 3600)

    assert by_size == ["CloudKitty's price of volume.size goes by the size; one unit's is taken."]
    assert nothing == ["All prices are 0: perhaps no rating module of CloudKitty is enabled."]


def test_a_price_is_without_the_noise_of_floats() -> None:
    told = ["0.0299999999999999988897769754", "4.999999999999999773741E-7", "0.44999999999999996"]

    assert [str(price(each)) for each in told] == ["0.03", "5E-7", "0.45"]


def test_rated_rows_are_a_bill_of_their_own_by_the_month_of_a_zone() -> None:
    row = ["2026-03-31T22:00:00+00:00", "2026-04-01T00:00:00+00:00", 2, 0.1, "instance", "a"]
    rows = rated({"columns": ["begin", "end", "qty", "rate", "type", "id"], "results": [row]})
    known = {"a": server("03-31", "04-02", id="a", name="web-1", stack="shop")}
    berlin = ZoneInfo("Europe/Berlin")

    (charge,) = from_rated(rows, known, {"instance": "instance"}, berlin)

    assert (charge.resource, charge.usage.stack) == ("server web-1", "shop")
    assert (charge.month, charge.amount) == (date(2026, 4, 1), Fraction(1, 10))
    assert (charge.quantity, charge.meter.counted_in) == (2, "instance-hours")
    assert charge.rate == Decimal("0.05")


def test_version_one_tells_sums_alone() -> None:
    told = {"begin": "2026-11-01T00:00:00", "end": "2026-11-02T00:00:00", "rate": "0.45"}

    (row,) = rated_v1({"summary": [{**told, "res_type": "instance", "tenant_id": "ALL"}]})
    (charge,) = from_rated([row], {}, {})

    assert (row.kind, row.amount, row.quantity, row.id) == (
        ResourceKind.SERVER,
        Decimal("0.45"),
        None,
        "",
    )
    assert charge.resource == "server all of instance"
    assert f"{row.begin:%d %Z}" == "01 UTC"
