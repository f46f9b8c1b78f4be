"""What a stack leaves open to everybody, with the line of the stack file to change."""

from ipaddress import IPv4Address, IPv6Address, summarize_address_range
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from skytier.stackfile import load
from skytier.stackfile.exposure import everybody, exposures

CLOSED = 'tls = "self-signed"\nssh_from = ["203.0.113.0/24"]\n'
OPEN = {
    "the defaults": ("", {"tls": "has no line for it", "ssh_from": "has no line for it"}),
    "in so many words": (
        '# the shop\ntls = "off"\n\nssh_from = [\n  "0.0.0.0/0",\n]\n',
        {"tls": "line 2, has", "ssh_from": "line 4, has"},
    ),
    "closed": (CLOSED, {}),
    "by ACME": (
        'tls = "acme"\ndomain = "a.example.org"\nemail = "a@example.org"\n' + CLOSED[20:],
        {},
    ),
    "the application's own port": (
        CLOSED + 'api_from = ["10.0.0.0/8", "0.0.0.0/0"]\n',
        {"api_from": "line 3, has"},
    ),
    "the world in two halves": (
        'tls = "self-signed"\nssh_from = ["128.0.0.0/1", "0.0.0.0/1"]\n',
        {"ssh_from": "line 2, has"},
    ),
    "by IPv6 alone": (
        'tls = "self-signed"\nssh_from = ["203.0.113.0/24", "::/0"]\nipv6 = true\n',
        {"ssh_from": "line 2, has"},
    ),
    "IPv6 in two halves": (
        CLOSED + 'ipv6 = true\napi_from = ["8000::/1", "10.0.0.0/8", "::/1"]\n',
        {"api_from": "line 4, has"},
    ),
    "half of IPv6 and half of IPv4": (
        'tls = "self-signed"\nssh_from = ["0.0.0.0/1", "8000::/1"]\nipv6 = true\n',
        {},
    ),
}


@pytest.mark.parametrize("case", OPEN)
def test_what_is_open_is_told_with_its_line_and_what_to_write(case: str, tmp_path: Path) -> None:
    text, expected = OPEN[case]
    path = tmp_path / "shop.toml"
    path.write_text(text)

    found = {each.key: str(each) for each in exposures(load(path), path)}

    assert found.keys() == expected.keys()
    for key, place in expected.items():
        assert f"{path}{', ' if place.startswith('line') else ' '}{place}" in found[key]
        assert f"{key} = " in found[key].partition(place)[2]


def test_without_a_stack_file_it_says_where_the_line_would_be(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    said = [str(each) for each in exposures(load())]
    assert len(said) == 2
    assert all("skytier.toml has no line for it" in each for each in said)


def cut(address: type[IPv4Address | IPv6Address], last: int, cuts: list[int]) -> list[str]:
    """All addresses up to `last` as networks, which begin anew at each cut."""
    edges = sorted({0, *cuts})
    ends = [*(edge - 1 for edge in edges[1:]), last]
    return [
        str(network)
        for first, end in zip(edges, ends, strict=True)
        for network in summarize_address_range(address(first), address(end))
    ]


@given(
    st.lists(st.integers(0, 2**32 - 1), max_size=5),
    st.lists(st.integers(0, 2**128 - 1), max_size=5),
    st.data(),
)
def test_networks_are_everybody_only_when_no_address_is_left_out(
    cuts: list[int], cuts_of_ipv6: list[int], data: st.DataObject
) -> None:
    of_ipv4 = cut(IPv4Address, 2**32 - 1, cuts)
    of_ipv6 = cut(IPv6Address, 2**128 - 1, cuts_of_ipv6)
    left_out = [data.draw(st.sampled_from(networks)) for networks in (of_ipv4, of_ipv6)]
    some = [each for each in of_ipv4 if each not in left_out]
    some_of_ipv6 = [each for each in of_ipv6 if each not in left_out]
    assert everybody(of_ipv4)
    assert everybody(of_ipv6)
    assert everybody(data.draw(st.permutations([*of_ipv4, *some_of_ipv6])))
    assert everybody(data.draw(st.permutations([*some, *of_ipv6])))
    assert not everybody([*some, *some_of_ipv6])
