"""Quotas as clouds tell them, through openstacksdk: what is not told is unknown, and no crash."""

import math
from typing import Any

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from skytier.openstack.choices import limits
from skytier.openstack.choices.quota import Limit
from tests.tool.loopback import as_json, serving, version_document, without_keystone

NOVA = {"maxTotalInstances": 10, "totalInstancesUsed": 3, "maxTotalCores": -1,
        "totalCoresUsed": 4, "maxTotalRAMSize": 51200, "totalRAMUsed": 2048}  # fmt: skip
NEUTRON = {
    name: {"limit": 10, "used": 2, "reserved": 1}
    for name in ("network", "port", "router", "subnet", "floatingip", "security_group",
                 "security_group_rule")
}  # fmt: skip
CINDER = {"maxTotalVolumes": 10, "totalVolumesUsed": 1, "maxTotalVolumeGigabytes": 1000,
          "totalGigabytesUsed": 20}  # fmt: skip


def read(
    monkeypatch: pytest.MonkeyPatch,
    nova: Any = NOVA,
    neutron: Any = NEUTRON,
    cinder: Any = CINDER,
    status: int = 200,
) -> dict[str, Limit]:
    """What is read from a cloud that answers this; with `status` Neutron answers an error."""
    monkeypatch.setattr(limits, "has_volumes", lambda _: True)

    def answer(method: str, path: str, body: bytes) -> tuple[int, dict[str, str], bytes]:
        if path.startswith("/network") and "quotas" in path:
            return as_json(status, {"quota": neutron})
        if path.endswith("/limits"):
            of = nova if path.startswith("/compute") else cinder
            return as_json(200, {"limits": {"rate": [], "absolute": of}})
        return version_document(path)

    with serving(answer) as url:
        return limits.read(without_keystone(url))


def test_all_that_is_told_is_read(monkeypatch: pytest.MonkeyPatch) -> None:
    found = read(monkeypatch)

    assert found["instances"] == Limit(10, 3)
    assert found["cores"] == Limit(None, 4)
    assert found["ports"] == found["security_group_rules"] == Limit(10, 3)
    assert found["gigabytes"] == Limit(1000, 20)
    assert len(found) == 12


UNTOLD: dict[str, Any] = {
    "no used": {"limit": 10, "reserved": 0},
    "used is null": {"limit": 10, "used": None, "reserved": 0},
    "limit is null": {"limit": None, "used": 1, "reserved": 0},
    "all of it is null": None,
    "no details, but a number": 10,
    "words": {"limit": "unlimited", "used": "-"},
    "a list": [10, 1],
}


@pytest.mark.parametrize("case", UNTOLD)
def test_a_quota_that_is_not_told_is_unknown_and_the_others_are_known(
    monkeypatch: pytest.MonkeyPatch, case: str
) -> None:
    found = read(monkeypatch, neutron=NEUTRON | {"port": UNTOLD[case]})

    assert "ports" not in found
    assert found["routers"] == Limit(10, 3)


TOLD = {
    "reserved is null": ({"limit": 10, "used": 2, "reserved": None}, Limit(10, 2)),
    "numbers as texts": ({"limit": "10", "used": "2", "reserved": "1"}, Limit(10, 3)),
    "endless, without use": ({"limit": -1, "used": None}, Limit(None, 0)),
}


@pytest.mark.parametrize("case", TOLD)
def test_what_can_be_known_is(monkeypatch: pytest.MonkeyPatch, case: str) -> None:
    detail, limit = TOLD[case]
    assert read(monkeypatch, neutron=NEUTRON | {"port": detail})["ports"] == limit


@pytest.mark.parametrize("status", [400, 403, 404, 405, 409, 500, 501])
def test_a_neutron_that_answers_with_an_error_leaves_its_quotas_unknown(
    monkeypatch: pytest.MonkeyPatch, status: int
) -> None:
    found = read(monkeypatch, status=status)

    assert "ports" not in found
    assert found["instances"] == Limit(10, 3)


@pytest.mark.parametrize("told", [None, {}, {"maxTotalInstances": None}])
def test_so_do_nova_and_cinder(monkeypatch: pytest.MonkeyPatch, told: Any) -> None:
    found = read(monkeypatch, nova=told, cinder=told)

    assert "instances" not in found
    assert "volumes" not in found
    assert "ports" in found


JSON = st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5)
DETAIL = JSON | st.dictionaries(st.sampled_from(["limit", "used", "reserved"]), JSON)


@settings(max_examples=5, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(detail=DETAIL, value=JSON)
@example(detail=math.nan, value=math.nan)
@example(detail={"limit": math.inf, "used": -math.inf}, value=math.inf)
def test_whatever_is_told_is_read(monkeypatch: pytest.MonkeyPatch, detail: Any, value: Any) -> None:
    read(
        monkeypatch,
        nova=dict.fromkeys(NOVA, value),
        neutron=dict.fromkeys(NEUTRON, detail),
        cinder=dict.fromkeys(CINDER, value),
    )


@given(JSON, JSON, JSON)
def test_any_three_values_are_a_limit_or_none(limit: Any, used: Any, reserved: Any) -> None:
    found = Limit.told(limit, used, reserved)
    assert found is None or (found.limit is None or found.limit >= 0)
