"""One text with what another machine needs to change a stack."""

import base64
import stat
from pathlib import Path

import pytest
import yaml

from skytier.errors import SkytierError
from skytier.openstack.commands import portable
from skytier.openstack.machines import operator

ENTRY = {
    "auth_type": "v3applicationcredential",
    "auth": {
        "auth_url": "https://cloud.example/identity",
        "application_credential_id": "1f2e",
        "application_credential_secret": "geheim: ü\n'\"",
    },
    "region_name": "Stad",
    "regions": ["Stad", "Two"],
}


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A machine with a cloud and a stack's key."""
    (tmp_path / "ca.crt").write_text("-----BEGIN CERTIFICATE-----\n")
    entry = {**ENTRY, "cacert": str(tmp_path / "ca.crt")}
    (tmp_path / "clouds.yaml").write_text(yaml.safe_dump({"clouds": {"stad": entry}}))
    monkeypatch.setenv("OS_CLIENT_CONFIG_FILE", str(tmp_path / "clouds.yaml"))
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "config"))
    monkeypatch.setenv("OS_REGION_NAME", "")  # another machine gets it
    operator.of("stad", "shop").public_key()
    return tmp_path


def test_another_machine_has_the_same_cloud_and_the_same_key(here: Path) -> None:
    key, text = operator.of("stad", "shop").public_key(), portable.pack("stad", "shop")
    there = here / "there"
    there.mkdir()
    (here / "clouds.yaml").unlink()

    portable.unpack(text, there)

    assert operator.of("stad", "shop").path.is_relative_to(there)
    assert operator.of("stad", "shop").has_key(key)
    entry = yaml.safe_load((there / "clouds.yaml").read_text())["clouds"]["stad"]
    assert entry["auth"] == ENTRY["auth"]
    assert Path(entry["cacert"]).read_text().startswith("-----BEGIN")
    for path in (path for path in there.rglob("*") if path.is_file()):
        assert stat.S_IMODE(path.stat().st_mode) == 0o600


def test_a_stack_of_another_region_has_a_key_of_its_own(here: Path) -> None:
    one, other = operator.of("stad", "shop"), operator.of("stad", "shop", region="Two")
    assert one.public_key() != other.public_key()
    text = portable.pack("stad", "shop", "Two")
    key = other.public_key()
    (here / "there").mkdir()

    portable.unpack(text, here / "there")

    assert operator.of("stad", "shop", region="Two").has_key(key)
    assert not operator.of("stad", "shop").key.exists()


def test_without_the_stack_s_key_it_is_said(here: Path) -> None:
    with pytest.raises(SkytierError, match="SSH key of the stack blog is not on this machine"):
        portable.pack("stad", "blog")


@pytest.mark.parametrize(
    "text", ["x", "geheim!", base64.b64encode(b"{}").decode(), base64.b64encode(b"[1]").decode()]
)
def test_a_text_that_is_none_is_refused_without_being_shown(here: Path, text: str) -> None:
    with pytest.raises(SkytierError) as refused:
        portable.unpack(text, here)
    assert "does not hold what skytier access printed" in str(refused.value)
    assert "geheim" not in str(refused.value)
