"""The operator's package index is used, however it is said: to uv or to pip."""

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from skytier.errors import SkytierError
from skytier.release.indexes import indexes
from skytier.release.platform import Platform
from skytier.release.wheels import install
from tests.tool.dependencies.packages import wheel
from tests.tool.loopback import serving

DEBIAN = Platform("3.11", "x86_64", 36)


@pytest.fixture
def simple(index: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """An index over HTTP that has alpha."""
    monkeypatch.delenv("PIP_NO_INDEX")
    monkeypatch.delenv("PIP_FIND_LINKS")
    wheel(index, "alpha")
    name = "alpha-1.0-py3-none-any.whl"

    def answer(_: str, path: str, __: bytes) -> tuple[int, dict[str, str], bytes]:
        if path == "/simple/alpha/":
            link = f'<a href="/{name}" data-requires-python="&gt;=3.11">{name}</a>'
            page = f"<!DOCTYPE html><html><body>{link}</body></html>"
            return 200, {"Content-Type": "text/html"}, page.encode()
        if path == f"/{name}":
            return 200, {}, (index / name).read_bytes()
        return 404, {}, b""

    with serving(answer) as url:
        yield f"{url}/simple"


@pytest.mark.parametrize("variable", ["UV_DEFAULT_INDEX", "UV_INDEX_URL", "PIP_INDEX_URL"])
def test_a_variable_names_the_index(
    variable: str, simple: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(variable, simple)

    install("alpha==1.0\n", DEBIAN, tmp_path / "lib")

    assert (tmp_path / "lib/alpha.py").exists()


def test_a_package_for_a_newer_python_is_named(
    simple: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("UV_DEFAULT_INDEX", simple)

    with pytest.raises(SkytierError, match=r"alpha==1\.0 needs Python>=3\.11"):
        install("alpha==1.0\n", Platform("3.10", "x86_64", 36), tmp_path / "lib")


@pytest.mark.parametrize("section", ["global", "install"])
def test_pip_s_own_file_names_the_index(
    section: str, simple: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = tmp_path / "pip.conf"
    file.write_text(f"[{section}]\nindex-url = {simple}\n")
    monkeypatch.setenv("PIP_CONFIG_FILE", str(file))

    install("alpha==1.0\n", DEBIAN, tmp_path / "lib")

    assert (tmp_path / "lib/alpha.py").exists()


@pytest.mark.usefixtures("index")
def test_pip_s_settings_become_uv_s(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    file = tmp_path / "pip.conf"
    file.write_text(
        "[global]\nindex-url = https://ada:p%40ss@one.example.org/simple\n"
        "extra-index-url =\n    https://two.example.org/simple\n    https://three.example.org/simple\n"
        "timeout = 7\ntrusted-host = one.example.org\n"
        "[install]\ntimeout = 9\n"
    )
    monkeypatch.setenv("PIP_CONFIG_FILE", str(file))
    monkeypatch.delenv("PIP_NO_INDEX")
    monkeypatch.setenv("PIP_FIND_LINKS", "/srv/one /srv/two")
    for name in ("PIP_CERT", "PIP_TIMEOUT", "PIP_DEFAULT_TIMEOUT"):
        monkeypatch.delenv(name, raising=False)

    found = indexes()

    assert dict(found.variables) == {
        "UV_DEFAULT_INDEX": "https://ada:p%40ss@one.example.org/simple",
        "UV_INDEX": "https://two.example.org/simple https://three.example.org/simple",
        "UV_FIND_LINKS": "/srv/one,/srv/two",
        "UV_HTTP_TIMEOUT": "9",
        "UV_INSECURE_HOST": "one.example.org",
        "UV_INDEX_STRATEGY": "unsafe-best-match",
    }
    assert found.options == ()


@pytest.mark.usefixtures("index")
def test_uv_s_own_settings_come_before_pip_s(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("UV_INDEX", "https://uv.example.org/simple")
    monkeypatch.setenv("PIP_INDEX_URL", "https://pip.example.org/simple")

    found = indexes()

    assert not [name for name in found.variables if "INDEX" in name or "LINKS" in name]
    assert found.options == ()


@pytest.mark.usefixtures("index")
def test_no_index_is_pip_s_too() -> None:
    assert indexes().options == ("--no-index",)
    assert os.environ["PIP_FIND_LINKS"] == indexes().variables["UV_FIND_LINKS"]
