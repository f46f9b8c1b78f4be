"""clouds.yaml: the entries `devcloud` and `devcloud-admin`, beside whatever else is in it."""

import io
from pathlib import Path
from typing import Any

from devcloud import configuration, home
from devcloud.passwords import passwords
from devcloud.stage import Stage

PATH = Path("/etc/openstack/clouds.yaml")
ENTRIES = {"devcloud": "demo", "devcloud-admin": "admin"}


def up(stage: Stage) -> None:
    """Write our entries. Other people's stay, with their comments and their order."""
    yaml, document = _read()
    clouds = document.setdefault("clouds", {})
    for name, account in ENTRIES.items():
        clouds[name] = {
            "auth": {
                "auth_url": configuration.KEYSTONE,
                "username": account,
                "password": passwords()[account],
                "project_name": account,
                "user_domain_name": "Default",
                "project_domain_name": "Default",
            },
            "region_name": "RegionOne",
        }
    if _write(yaml, document):
        stage.done(f"devcloud and devcloud-admin are in {PATH}")


def purge() -> None:
    """Take our entries out; a file that was ours alone goes too."""
    if not PATH.exists():
        return
    yaml, document = _read()
    clouds = document.get("clouds") or {}
    for name in ENTRIES:
        clouds.pop(name, None)
    if clouds or set(document) - {"clouds"}:
        _write(yaml, document)
        return
    PATH.unlink()
    if not list(PATH.parent.iterdir()):
        PATH.parent.rmdir()


def _read() -> tuple[Any, Any]:
    # Comes with the packages; it keeps comments, which PyYAML drops.
    from ruamel.yaml import YAML

    yaml = YAML()
    document = yaml.load(PATH.read_text()) if PATH.exists() else None
    return yaml, document if document is not None else {}


def _write(yaml: Any, document: Any) -> bool:
    PATH.parent.mkdir(exist_ok=True)
    text = io.StringIO()
    yaml.dump(document, text)
    # Passwords are in it. A file that was there keeps its mode.
    mode = PATH.stat().st_mode & 0o777 if PATH.exists() else 0o600
    return home.write(PATH, text.getvalue(), mode)
