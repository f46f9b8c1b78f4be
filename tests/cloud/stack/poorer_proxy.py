"""A proxy that makes the devcloud an older and poorer cloud: fewer microversions, fewer calls."""

import json
import re
from collections.abc import Mapping
from typing import Any

from .faulty_proxy import FaultyProxy

QUEENS = {"compute": "2.60", "volume": "3.50"}
"""The newest microversions of Nova and Cinder in OpenStack Queens (2018)."""
_CAPPED = {"compute": "compute", "block-storage": "volume"}
"""A service of the proxy to its name in the header of a microversion."""
_MICROVERSION = "OpenStack-API-Version"


class PoorerProxy(FaultyProxy):
    """A cloud of that release that keeps from members what it need not show them."""

    hidden: frozenset[str] = frozenset()
    """Types of services that are not in the catalog."""
    refused = re.compile(
        # The use of servers, what is used of the quotas, and the zones.
        r"/compute/.*/os-simple-tenant-usage/|/network/.*/quotas/.*/details|/os-availability-zone"
    )

    def refuses(self, method: str, path: str, headers: Mapping[str, str]) -> int:
        service, asked = path.split("/")[1], headers.get(_MICROVERSION, "")
        if service in _CAPPED and asked:
            name = _CAPPED[service]
            version = asked.removeprefix(f"{name} ")
            if version == "latest" or _numbers(version) > _numbers(QUEENS[name]):
                return 406
        return 403 if self.refused.search(path) else 0

    def changed(self, path: str, content: bytes) -> bytes:
        service = path.split("/")[1]
        if path.endswith("/auth/tokens"):
            said = json.loads(content)
            catalog = said.get("token", {}).get("catalog", [])
            catalog[:] = [each for each in catalog if each["type"] not in self.hidden]
            return json.dumps(said).encode()
        if service in _CAPPED and b'"min_version"' in content:
            return json.dumps(_capped(json.loads(content), QUEENS[_CAPPED[service]])).encode()
        return content


def _capped(said: Any, newest: str) -> Any:
    """A document of versions whose newest is another."""
    if isinstance(said, list):
        return [_capped(each, newest) for each in said]
    if not isinstance(said, dict):
        return said
    capped = {name: _capped(value, newest) for name, value in said.items()}
    for name in ("version", "max_version"):
        if said.get("min_version") and isinstance(said.get(name), str):
            capped[name] = min(said[name], newest, key=_numbers)
    return capped


def _numbers(version: str) -> list[int]:
    return [int(each) for each in version.split(".") if each.isdecimal()]
