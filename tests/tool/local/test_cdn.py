"""Static files through the edge of a CDN: an Nginx that keeps answers, before the site's own."""

from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from skytier.services.nginx import static
from skytier.services.nginx.config import NginxConfig, nginx_conf
from tests.nginx import NGINX, USER, Nginx
from tests.skytier_command import free_port

pytestmark = pytest.mark.skipif(NGINX is None, reason="needs Nginx")

EDGE = """
daemon off;
{user}
pid {home}/nginx.pid;
error_log {home}/nginx.log;
events {{}}
http {{
    access_log off;
    proxy_cache_path {home}/cache keys_zone=cdn:1m;
    proxy_temp_path {home}/proxy;
    client_body_temp_path {home}/body;
    fastcgi_temp_path {home}/fastcgi;
    uwsgi_temp_path {home}/uwsgi;
    scgi_temp_path {home}/scgi;
    server {{
        listen 127.0.0.1:{port};
        location / {{
            proxy_pass http://127.0.0.1:{origin};
            proxy_http_version 1.1;
            proxy_cache cdn;
            add_header X-Edge $upstream_cache_status always;
        }}
    }}
}}
"""
IMMUTABLE, CHANGING = "/static/0123456789ab/page.css", "/static/robots.txt"
OTHERS = {
    "/static/vendor/uplot-1.6.32/uPlot.js": "1",
    "/static/app.0123456789abcdef.JS": "1",
    "/static/index.html": "<p>",
    "/static/icon.svg": "<svg/>",
    "/static/site.webmanifest": "{}",
    "/static/fonts/a.woff2": "a font",
    "/static/LICENSE": "free",
    "/static/0123456/short.css": "",
    "/static/decade-2020/page.css": "",
}


@pytest.fixture(scope="module")
def origin(tmp_path_factory: pytest.TempPathFactory) -> Iterator[httpx.Client]:
    """The site's Nginx, with a file of each kind."""
    home = tmp_path_factory.mktemp("origin")
    (home / "nginx").mkdir()
    files = {IMMUTABLE: "a {}\n" * 400, CHANGING: "User-agent: *\n", **OTHERS}
    for path, text in files.items():
        (home / path[1:]).parent.mkdir(parents=True, exist_ok=True)
        (home / path[1:]).write_text(text)
    port = free_port()
    config = NginxConfig(
        [f"127.0.0.1:{port}"], ["unix:/none"], home, home, home, USER, cdn_tag="shop"
    )
    (home / "nginx.conf").write_text(f"daemon off;\n{nginx_conf(config)}")
    with Nginx(home, port) as client:
        yield client


@pytest.fixture
def edge(origin: httpx.Client, tmp_path: Path) -> Iterator[httpx.Client]:
    """An edge that has kept nothing yet."""
    port = free_port()
    user = f"user {USER};" if USER else ""
    conf = EDGE.format(user=user, home=tmp_path, port=port, origin=origin.base_url.port)
    (tmp_path / "nginx.conf").write_text(conf)
    with Nginx(tmp_path, port) as client:
        yield client


@pytest.mark.parametrize("path", [IMMUTABLE, CHANGING])
def test_the_edge_asks_the_origin_once(edge: httpx.Client, path: str) -> None:
    first, second = edge.get(path), edge.get(path)

    assert (first.headers["X-Edge"], second.headers["X-Edge"]) == ("MISS", "HIT")
    assert second.text == first.text
    assert second.headers["Access-Control-Allow-Origin"] == "*"


def test_each_encoding_is_kept_on_its_own(edge: httpx.Client) -> None:
    plain = [edge.get(IMMUTABLE, headers={"Accept-Encoding": "identity"}) for _ in range(2)]
    packed = [edge.get(IMMUTABLE, headers={"Accept-Encoding": "gzip"}) for _ in range(2)]

    assert [each.headers["X-Edge"] for each in (*plain, *packed)] == ["MISS", "HIT", "MISS", "HIT"]
    assert "Content-Encoding" not in plain[1].headers
    assert packed[1].headers["Content-Encoding"] == "gzip"
    assert packed[1].text == plain[1].text


@pytest.mark.parametrize(
    ("path", "kept"),
    [
        (IMMUTABLE, "public, max-age=31536000, immutable"),
        (CHANGING, "public, max-age=0, s-maxage=60, stale-while-revalidate=60"),
    ],
)
def test_a_browser_keeps_for_long_only_what_never_changes(
    edge: httpx.Client, path: str, kept: str
) -> None:
    answer = edge.get(path)

    assert answer.headers["Cache-Control"] == kept
    # What a CDN forgets them by.
    assert (answer.headers["Cache-Tag"], answer.headers["Surrogate-Key"]) == ("shop", "shop")


def test_what_is_not_there_is_not_kept_for_long(edge: httpx.Client) -> None:
    answers = [edge.get("/static/0123456789ab/none.css") for _ in range(2)]

    assert [each.status_code for each in answers] == [404, 404]
    assert [each.headers["X-Edge"] for each in answers] == ["MISS", "MISS"]
    assert all(each.headers["Cache-Control"] == "no-store" for each in answers)


@pytest.mark.parametrize("path", [IMMUTABLE, CHANGING, *OTHERS])
def test_a_container_sends_a_file_with_the_headers_that_the_site_sends(
    origin: httpx.Client, path: str
) -> None:
    answer = origin.get(path)

    assert answer.status_code == 200
    assert answer.headers["Content-Type"] == static.content_type(path)
    assert answer.headers["Cache-Control"] == static.cache_control(path)
