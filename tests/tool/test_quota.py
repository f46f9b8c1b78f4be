"""The quota check as data, and what a stack takes of each quota."""

import pytest

from skytier.deploy.kind import Found, Key, Wanted
from skytier.deploy.plan import Rules, plan
from skytier.errors import SkytierError
from skytier.openstack.choices.flavor import Flavor
from skytier.openstack.choices.quota import Amounts, Limit, Row, Verdict, check, refuse_short
from skytier.openstack.plan.needs import of_steps, whole_plan
from skytier.roles import ROLES
from skytier.stackfile import StackFile, parse

# limit and used as OpenStack gives them, needed -> remaining, short by, verdict
ROWS = {
    "much room": (100, 10, 5, 90, 0, Verdict.FITS),
    "a fifth remains": (10, 0, 8, 10, 0, Verdict.FITS),
    "less than a fifth remains": (10, 0, 9, 10, 0, Verdict.LOW),
    "exactly full": (10, 7, 3, 3, 0, Verdict.LOW),
    "one too many": (10, 8, 3, 2, 1, Verdict.SHORT),
    "nothing allowed": (0, 0, 2, 0, 2, Verdict.SHORT),
    "full already": (10, 10, 1, 0, 1, Verdict.SHORT),
    "lowered below what is used": (5, 9, 1, 0, 1, Verdict.SHORT),
    "endless": (-1, 1000, 1000, None, 0, Verdict.FITS),
    "endless by Nova's other number": (-2, 0, 1, None, 0, Verdict.FITS),
}


@pytest.mark.parametrize(
    ("limit", "used", "needed", "remaining", "short_by", "verdict"), ROWS.values(), ids=ROWS.keys()
)
def test_a_row_tells_what_remains_and_what_is_short(
    limit: int, used: int, needed: int, remaining: int | None, short_by: int, verdict: Verdict
) -> None:
    [row] = check(Amounts(ports=needed), {"ports": Limit.of(limit, used)})

    shown = None if limit < 0 else limit
    assert row == Row("ports", needed, shown, used, remaining, short_by, verdict)


def test_what_the_cloud_does_not_tell_is_unknown_not_good() -> None:
    [row] = check(Amounts(routers=1), {})

    assert row.verdict is Verdict.UNKNOWN
    assert (row.limit, row.used, row.remaining) == (None, None, None)


def test_only_what_is_needed_has_a_row_in_a_steady_order() -> None:
    limits = {name: Limit(10, 0) for name in ("subnets", "volumes", "cores")}

    assert [row.name for row in check(Amounts(subnets=1, cores=1), limits)] == ["cores", "subnets"]


def test_what_is_there_already_is_not_needed_again() -> None:
    assert Amounts(cores=4, ports=2) - Amounts(cores=1, ports=3, routers=1) == Amounts(cores=3)


SMALL, LARGE = Flavor("1", "m1.small", 1, 2048, 20), Flavor("4", "m1.large", 4, 8192, 80)
FLAVORS = {**dict.fromkeys(ROLES, SMALL), "database": LARGE}


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        (
            "",
            Amounts(
                instances=2, cores=5, ram_mib=10240, ports=4, floating_ips=1, security_groups=3,
                security_group_rules=16, networks=1, subnets=1, routers=1,
            ),
        ),
        (
            "floating_ip = '203.0.113.7'\nweb.count = 3",
            Amounts(
                instances=5, cores=8, ram_mib=16384, ports=7, floating_ips=0, security_groups=4,
                security_group_rules=25, networks=1, subnets=1, routers=1,
            ),
        ),
        (
            "monitor.enabled = false",
            Amounts(
                instances=2, cores=5, ram_mib=10240, ports=4, floating_ips=1, security_groups=3,
                security_group_rules=11, networks=1, subnets=1, routers=1,
            ),
        ),
        (
            "monitor.dedicated = true",
            Amounts(
                instances=3, cores=6, ram_mib=12288, ports=5, floating_ips=1, security_groups=4,
                security_group_rules=19, networks=1, subnets=1, routers=1,
            ),
        ),
    ],
    ids=[
        "the defaults", "three web servers and an address of one's own", "nobody watches",
        "a monitor of its own",
    ],
)  # fmt: skip
def test_the_whole_plan_counts_every_quota(text: str, wanted: Amounts) -> None:
    stack: StackFile = parse(text)

    assert whole_plan(stack, FLAVORS) == wanted


def test_a_plan_takes_what_it_makes_and_nothing_for_what_is_there_or_replaced() -> None:
    server = {"role": "web", "number": 1}
    wanted = [
        Wanted(Key("network", "shop-network"), {}),
        Wanted(Key("security group", "shop-web"), {"rules": [[80, "0.0.0.0/0"], [22, "::/0"]]}),
        Wanted(Key("port", "shop-web-1"), {}),
        Wanted(Key("server", "shop-web-1"), {}, server),
        Wanted(Key("server", "shop-web-2"), {}, server),
    ]
    rules = {kind: Rules() for kind in ("network", "security group", "port", "server")}
    small = {"web": Flavor("1", "m1.small", vcpus=2, ram_mib=4096, disk_gib=20)}
    broken = Found(Key("server", "shop-web-2"), "id", {}, fault="it is in ERROR")

    everything = of_steps(plan(wanted, [broken], rules), small)

    assert everything == Amounts(
        instances=1,
        cores=2,
        ram_mib=4096,
        ports=3,  # with the router's and DHCP's
        security_groups=2,  # with the lock's
        security_group_rules=6,
        networks=1,
    )
    there = [Found(each.key, "id", each.attributes) for each in wanted]
    assert of_steps(plan(wanted, there, rules), small) == Amounts()


def test_a_resize_takes_what_the_flavor_is_larger_by() -> None:
    key = Key("server", "shop-web-1")
    wanted = Wanted(key, {"flavor": "m1.small"}, {"role": "web", "number": 1})
    found = Found(key, "id", {"flavor": "m1.tiny"}, {"vcpus": 1, "ram_mib": 768})
    small = {"web": Flavor("1", "m1.small", vcpus=2, ram_mib=4096, disk_gib=20)}

    more = of_steps(plan([wanted], [found], {"server": Rules()}), small)

    assert more == Amounts(cores=1, ram_mib=3328)


def test_a_plan_that_does_not_fit_is_refused_in_the_words_of_operators() -> None:
    limits = {"ports": Limit(10, 8), "cores": Limit(20, 0)}

    with pytest.raises(SkytierError) as refused:
        refuse_short(check(Amounts(ports=4, cores=2), limits))

    assert "ports: limit 10, used 8, remaining 2, needed 4, short by 2" in refused.value.what
    assert "cores" not in refused.value.what
    assert "web.count" in (refused.value.do or "")
    refuse_short(check(Amounts(ports=2), limits))
