"""What another machine needs to change a stack, as one text: for CI, or for another operator.

It has the cloud's entry of clouds.yaml and the stack's SSH key, so it is a secret.
"""

import base64
import binascii
import json
import os
from pathlib import Path
from typing import Any

import yaml

from skytier import files
from skytier.errors import SkytierError
from skytier.openstack.login import clouds
from skytier.openstack.machines import operator

VARIABLE = "SKYTIER_ACCESS"
_CA = "ca.pem"


def pack(cloud: str, stack: str, region: str | None = None) -> str:
    """The text for a stack on a cloud, in the region that its stack file or OS_REGION_NAME names.

    Raises SkytierError without an entry or a key here.
    """
    from openstack.config import OpenStackConfig

    clouds.region(cloud, region_name=region)  # what is wrong with the entry is said in words
    entry = dict(OpenStackConfig().cloud_config["clouds"][cloud])
    key = operator.of(cloud, stack, region=region).key
    if not key.exists():
        raise SkytierError(
            f"The SSH key of the stack {stack} is not on this machine: {key}",
            "Run this on the machine that brought the stack up.",
        )
    packed: dict[str, Any] = {
        "cloud": cloud,
        "stack": stack,
        "region": region,
        "entry": entry,
        "key": key.read_text(),
    }
    if (ca := entry.get("cacert")) and Path(ca).exists():
        packed["ca"] = Path(ca).read_text()
    return base64.b64encode(json.dumps(packed).encode()).decode()


def unpack(text: str, directory: Path) -> None:
    """Have this process use it: files in a directory, and where they are in its environment.

    Raises SkytierError for a text that `pack` did not make.
    """
    try:
        packed = json.loads(base64.b64decode(text, validate=True))
        cloud, entry = packed["cloud"], dict(packed["entry"])
        if "ca" in packed:
            entry["cacert"] = str(directory / _CA)
            files.write(directory / _CA, packed["ca"], 0o600)
        file = directory / "clouds.yaml"
        files.write(file, yaml.safe_dump({"clouds": {cloud: entry}}), 0o600)
        os.environ |= {"OS_CLIENT_CONFIG_FILE": str(file), "XDG_CONFIG_HOME": str(directory)}
        if region := packed.get("region"):  # it may have come from there
            os.environ["OS_REGION_NAME"] = region
        if cloud == os.environ.get("OS_CLOUD_NAME", "envvars"):
            # openstacksdk has this name for the cloud of OS_* variables, and for no other.
            os.environ["OS_CLOUD_NAME"] = f"not-{cloud}"
        kept = operator.of(cloud, packed["stack"], region=packed.get("region"))
        kept.create()
        files.write(kept.key, packed["key"], 0o600)
    except (binascii.Error, ValueError, KeyError, TypeError):
        raise SkytierError(
            f"The variable {VARIABLE} does not hold what skytier access printed.",
            "Print it again with skytier access, and pipe it into the program that stores it.",
        ) from None
