"""Who pays which part of a bill, by hand."""

from skytier.costs.charge import charges
from skytier.costs.chargeback import STACK, Share, chargeback
from skytier.costs.rates import Rates
from skytier.costs.statement import Statement, statement
from tests.tool.costs.samples import address, money

HOURS = ("03-01", "03-01 10:00")
USED = [
    address(*HOURS, "a", stack="shop", labels={"team": "red"}),
    address(*HOURS, "b", stack="blog", labels={"team": "red"}),
    address(*HOURS, "c", stack="blog", labels={"team": "blue"}),
    address(*HOURS, "d", stack="wiki", labels={"env": "test"}),
    address(*HOURS, "e"),
]
"""Each is 10 hours at 1.00."""


def bill(rate: str = "1", tax: str = "0") -> Statement:
    rates = Rates(floating_ip_hour=money(rate), tax_percent=money(tax))
    return statement(rates, charges(rates, USED))


def rows(shares: list[Share]) -> list[tuple[str, str, str]]:
    return [(share.belongs, share.value, str(share.total)) for share in shares]


def test_labels_unlabelled_and_shared_are_rows_of_their_own() -> None:
    shares = chargeback(bill(), "team")

    assert rows(shares) == [
        ("label", "blue", "10.00"),
        ("label", "red", "20.00"),
        ("unlabelled", "", "10.00"),
        ("shared", "", "10.00"),
    ]
    assert {stack: str(own) for stack, own in shares[1].stacks.items()} == {
        "blog": "10.00",
        "shop": "10.00",
    }
    assert shares[2].stacks == {"wiki": money("10.00")}


def test_stacks_pay_for_themselves() -> None:
    assert rows(chargeback(bill(), STACK)) == [
        ("label", "blog", "20.00"),
        ("label", "shop", "10.00"),
        ("label", "wiki", "10.00"),
        ("shared", "", "10.00"),
    ]


def test_what_is_shared_is_spread_in_proportion_when_that_is_asked_for() -> None:
    # 10.00 over 10, 20 and 10: 2.50, 5.00 and 2.50
    assert rows(chargeback(bill(), "team", spread_shared=True)) == [
        ("label", "blue", "12.50"),
        ("label", "red", "25.00"),
        ("unlabelled", "", "12.50"),
    ]


def test_cents_and_tax_go_by_the_largest_remainder() -> None:
    # 5 x 10 hours at 0.0333: 1.665, so 1.67; tax 0.3173, so 0.32; in all 1.99
    found = bill("0.0333", "19")
    shares = chargeback(found, "team")

    assert (str(found.net), str(found.tax), str(found.gross)) == ("1.67", "0.32", "1.99")
    assert sum(share.total for share in shares) == found.gross
    # blue 0.333, red 0.333 twice (of blog and of shop), wiki and shared 0.333 each: of five equal
    # remainders the first two go up
    assert [str(share.own) for share in shares] == ["0.34", "0.67", "0.33", "0.33"]


def test_where_nothing_belongs_to_anybody_all_stays_shared() -> None:
    rates = Rates(floating_ip_hour=money("1"))
    found = statement(rates, charges(rates, USED[-1:]))

    assert rows(chargeback(found, "team", spread_shared=True)) == [("shared", "", "10.00")]
    assert chargeback(statement(rates, []), "team") == []
