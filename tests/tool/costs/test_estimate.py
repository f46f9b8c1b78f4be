"""`skytier cost estimate`, without a cloud, and for one that lacks something."""

import json
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from click.testing import Result
from typer.testing import CliRunner

from skytier.cli import app, chosen
from skytier.cli.cost import estimate as cost_estimate
from skytier.costs import rates
from skytier.costs.price_list import PriceList
from skytier.costs.rates import Rates
from skytier.errors import SkytierError
from skytier.openstack.choices.flavor import Flavor
from skytier.stackfile.read import parse_as
from tests.skytier_command import Skytier

EUROS = """\
currency = "EUR"
vcpu_hour = 0.02
ram_gib_hour = 0.005
disk_gb_month = 0.04
floating_ip_hour = 0.003
tax_percent = 19

[free]
floating_ip_hour = 730
"""


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "euros.toml").write_text(EUROS)
    return tmp_path


def estimate(skytier: Skytier, *arguments: str) -> dict[str, Any]:
    answer: dict[str, Any] = json.loads(skytier.run("cost", "estimate", "--json", *arguments))
    return answer


def test_each_part_of_each_resource_is_shown_with_unit_and_period(
    fresh: Skytier, here: Path
) -> None:
    rows = [" ".join(line.split()) for line in fresh.run("cost", "estimate").splitlines()]

    assert "server skytier-web-1 1 m1.small 0.182740 133.40" in rows
    assert "vCPU 2 vCPU 0.05/hour 0.100000 73.00" in rows
    assert "RAM 4 GiB 0.02/hour 0.080000 58.40" in rows
    assert "disk 20 GB 0.10/month 0.002740 2.00" in rows
    assert "floating IP skytier-web-1 1 address 0.01/hour 0.010000 7.30" in rows
    assert "total 0.375480 274.10" in rows
    assert "274.10 USD a month, by example rates, not those of your cloud." in rows
    assert "No cloud was asked: m1.small is assumed to have 2 vCPU, 4096 MiB and 20 GB." in rows


def test_tiers_allowances_tax_and_budget_are_in_it(fresh: Skytier, here: Path) -> None:
    Path("skytier.toml").write_text("[cost]\nrates = 'euros.toml'\nbudget = 100\n")

    found = estimate(fresh)

    # an m1.small is 2 x 0.02 + 4 x 0.005 an hour and 20 x 0.04 a month: 43.80 + 0.80 = 44.60
    # 2 x 44.60 + 2.19 for the address, which is free: 89.20, and 19 % are 16.95
    assert [found[key] for key in ("reduction", "tax", "per_month")] == ["2.19", "16.95", "106.15"]
    assert (found["currency"], found["example_rates"], found["over_budget"]) == ("EUR", False, True)
    assert "This would cost 106.15 EUR a month, and the budget is 100 EUR" in fresh.run(
        "cost", "estimate"
    )


def test_two_stack_files_are_compared(fresh: Skytier, here: Path) -> None:
    Path("large.toml").write_text("web.count = 3\n[database]\nflavor = 'm1.large'\n")

    found = estimate(fresh, "--compare", "large.toml")

    # Two more and a balancer, of 133.40 each; the database is 270.80 instead of 133.40.
    assert found["difference"] == "537.60"
    assert found["changes"] == [
        "1 → 3 web servers",
        "database server m1.small → m1.large",
        "0 → 1 balancer server",
    ]
    said = fresh.run("cost", "estimate", "--compare", "large.toml")
    assert "+537.60 USD/month: 1 → 3 web servers" in said


def test_two_rates_files_are_compared_and_currencies_never_subtracted(
    fresh: Skytier, here: Path
) -> None:
    Path("own.toml").write_text("currency = 'EUR'\n[flavor_hour]\n'm1.small' = 0.05\n")
    Path("yen.toml").write_text("currency = 'JPY'\n[flavor_hour]\n'm1.small' = 5\n")

    euros = estimate(fresh, "--compare-rates", "euros.toml", "own.toml")
    yen = estimate(fresh, "--compare-rates", "euros.toml", "yen.toml")

    # 2 x 36.50 - 106.15; the second file does not know what an address costs
    assert (euros["difference"], euros["after"]["unknown_prices"]) == ("-33.15", 1)
    assert yen["after"]["per_month"] == "7300"
    assert "difference" not in yen


def test_a_flavor_of_another_size_is_in_the_rates_file(fresh: Skytier, here: Path) -> None:
    Path("sizes.toml").write_text(
        "vcpu_hour = 1\nram_gib_hour = 0\ndisk_gb_month = 0\nfloating_ip_hour = 0\n"
        "[flavors.'c2.tall']\nvcpus = 2\n"
    )
    Path("skytier.toml").write_text("flavor = 'c2.tall'")

    assert estimate(fresh, "--rates", "sizes.toml")["per_month"] == "2920.00"
    said = fresh.ends_with(1, "cost", "estimate")
    assert "The size of the flavor 'c2.tall' is not known without a cloud." in said
    assert '[flavors."c2.tall"]' in said


def test_wrong_options_are_one_clear_line(fresh: Skytier, here: Path) -> None:
    both = ("--compare", "a.toml", "--compare-rates", "b.toml", "c.toml")
    assert "do not go together" in fresh.ends_with(64, "cost", "estimate", *both)
    assert "There is no file no.toml." in fresh.ends_with(
        1, "cost", "estimate", "--rates", "no.toml"
    )


LACKS = SkytierError("The cloud has no image debian-12.", "Name another.")


def on_cloud(monkeypatch: pytest.MonkeyPatch, flavors: Any) -> Result:
    """The estimate for a cloud that lacks something, and has these flavors: role to each."""

    def plan() -> None:
        raise LACKS

    monkeypatch.setattr(chosen, "cloud_stack", lambda stack: SimpleNamespace(plan=plan))
    file_alone = cost_estimate._flavors
    monkeypatch.setattr(
        cost_estimate, "_prices", lambda stack, named: PriceList(rates.for_stack(stack))
    )
    monkeypatch.setattr(
        cost_estimate,
        "_flavors",
        lambda stack, card: flavors() if stack.cloud else file_alone(stack, card),
    )
    command = ["cost", "estimate", "--cloud", "mycloud"]
    return CliRunner().invoke(app, command, env={"COLUMNS": "200"})


def test_what_a_cloud_cannot_make_is_priced_by_its_flavors(
    here: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    larger = dict.fromkeys(("web", "database"), Flavor("1", "m1.small", 4, 4096, 20))
    done = on_cloud(monkeypatch, lambda: larger)
    # 73.00 more for each server than with the 2 vCPU that are assumed without a cloud.
    assert "420.10 USD a month" in done.output
    assert "mycloud cannot make this stack. The cloud has no image debian-12." in done.output
    assert "No cloud was asked" not in done.output


def test_machines_of_a_flavor_without_a_disk_have_root_volumes_in_it(
    here: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    without = dict.fromkeys(("web", "database"), Flavor("0", "m1.small", 2, 4096, 0))
    # Two volumes of 20 GB for 2.00 each in the place of two disks; or one of 40.
    for text, cost in (("", "274.10"), ("web.root_gib = 40", "276.10")):
        Path("skytier.toml").write_text(text)
        done = on_cloud(monkeypatch, lambda: without)
        assert f"{cost} USD a month" in done.output


def test_without_flavors_of_the_cloud_it_is_priced_by_the_file(
    here: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    missing = SkytierError("The cloud has no flavor tall.", "Name another flavor.")

    def flavors() -> None:
        raise missing

    done = on_cloud(monkeypatch, flavors)
    assert "274.10 USD a month" in done.output
    assert "mycloud cannot make this stack. The cloud has no image debian-12." in done.output
    assert "m1.small is assumed to have 2 vCPU" in done.output

    Path("skytier.toml").write_text("flavor = 'tall'")
    error = on_cloud(monkeypatch, flavors).exception
    assert isinstance(error, SkytierError)
    for said in ("no image debian-12", "no flavor tall", "is not known without a cloud"):
        assert said in error.what


def test_the_rates_file_of_the_documentation_is_a_right_one() -> None:
    page = (Path(__file__).parents[3] / "docs" / "reference" / "rates-file.md").read_text()
    text = page.partition("```toml\n")[2].partition("```")[0]

    assert parse_as(Rates, text, "docs/reference/rates-file.md").valid_from
