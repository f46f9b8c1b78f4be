"""Where browsers get the static files from: the site, or a CDN."""

import os
import subprocess
import sys

import pytest

from skytier.errors import SkytierError
from skytier.release.application import of
from skytier.stackfile import parse

CDN = 'static.url = "https://cdn.example.org"\n'
SHOP = 'cloud = "c"\napplication = {serve = "shop:app", static = {"/assets/" = "build"}}\n'


@pytest.mark.parametrize(
    ("text", "url"),
    [
        (f'cloud = "c"\n{CDN}', "https://cdn.example.org/static/"),
        (f"{SHOP}{CDN}", "https://cdn.example.org/assets/"),
        (CDN, None),  # this machine, which no CDN reaches
        (SHOP, None),
    ],
)
def test_the_address_is_that_of_the_first_path(text: str, url: str | None) -> None:
    stack = parse(text)

    assert stack.static_url == url


def test_the_application_gets_the_address_and_may_have_another_one() -> None:
    sample = of(parse(f'cloud = "c"\n{CDN}'))
    assert sample.description()["env"]["STATIC_URL"] == "https://cdn.example.org/static/"
    assert "STATIC_URL" not in of(parse('cloud = "c"')).description()["env"]


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ('static.url = "http://cdn.example.org"', "is not an address that begins with https://"),
        ('static.url = "https://cdn.example.org/x"', "is not an address that begins with https://"),
        ('static.url = "https://a.org; x"', "is not an address that begins with https://"),
        (f'application.serve = "shop:app"\n{CDN}', "static.url needs static files"),
    ],
)
def test_what_is_no_cdn_is_refused(text: str, said: str) -> None:
    with pytest.raises(SkytierError) as refused:
        parse(text)

    assert said in refused.value.what


@pytest.mark.parametrize(
    ("url", "address", "origins"),
    [
        (None, "/static/", "'self'"),
        ("https://cdn.example.org/static/", "https://cdn.example.org/static/", ""),
    ],
)
def test_the_pages_of_the_sample_application_name_it(
    url: str | None, address: str, origins: str
) -> None:
    ask = (
        "from skytier_app.pages.assets import asset, VERSION; from skytier_app.pages import render;"
        "print(asset('page.css').replace(VERSION, ''), asset('vendor/uplot-1.6.32/uPlot.min.css'))"
        "; print(render._CSP)"
    )
    known = {name: value for name, value in os.environ.items() if name != "STATIC_URL"}
    done = subprocess.run(
        [sys.executable, "-c", ask],
        env={**known, **({"STATIC_URL": url} if url else {})},
        check=True,
        capture_output=True,
        text=True,
    )

    files, policy = done.stdout.splitlines()
    assert files == f"{address}/page.css {address}vendor/uplot-1.6.32/uPlot.min.css"
    allowed = origins or "'self' https://cdn.example.org"
    assert f"script-src {allowed}; style-src {allowed}; img-src {allowed};" in policy
