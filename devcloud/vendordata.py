"""What the machine hands to its guests beside user-data, by Nova's static vendor-data."""

import configparser
import json
import re
import ssl
import subprocess
from pathlib import Path

from devcloud import command, machine, network, templates

BUNDLE = Path("/etc/ssl/certs/ca-certificates.crt")
DISTRIBUTION = Path("/usr/share/ca-certificates")
APT = Path("/etc/apt")
SUITE = "bookworm"
"""The release of Debian that this machine has, and so its apt sources."""
# What pip may be told that holds on another machine too.
PIP_OPTIONS = ("index-url", "extra-index-url", "trusted-host", "proxy", "timeout")
PIP_FILES = ("/etc/pip.conf", "/root/.config/pip/pip.conf", "/root/.pip/pip.conf")
PEM = re.compile("-----BEGIN CERTIFICATE-----.+?-----END CERTIFICATE-----", re.DOTALL)


def text() -> str:
    """The JSON document that Nova serves as vendor_data.json.

    It is a boothook, not cloud-config: keys of the user's cloud-config replace the same keys of
    vendor-data, so `write_files` in user-data would take the certificates away.
    """
    hook = templates.render(
        "vendor-data.sh",
        certificates=certificates(),
        resolv_conf=resolv_conf(),
        objects=f"{network.GATEWAY} {network.OBJECTS_NAME}",
        apt_files=apt_files(),
        suite=SUITE,
        pip_conf=pip_conf(),
    )
    return json.dumps({"cloud-init": hook}) + "\n"


def certificates() -> dict[str, str]:
    """The certificates this machine trusts and Debian does not, in PEM, by OpenSSL's name hash."""
    known = {ssl.PEM_cert_to_DER_cert(path.read_text()) for path in DISTRIBUTION.rglob("*.crt")}
    found = {}
    for pem in PEM.findall(BUNDLE.read_text()) if BUNDLE.exists() else []:
        if ssl.PEM_cert_to_DER_cert(pem) not in known:
            said = command.run(["openssl", "x509", "-noout", "-subject_hash"], text=pem)
            found[said.strip()] = pem
    return found


def resolv_conf() -> str:
    """The machine's resolvers that guests can reach, as a resolv.conf."""
    return "".join(f"nameserver {address}\n" for address in machine.resolvers())


def apt_files(suite: str = SUITE) -> dict[str, str]:
    """The machine's apt sources, for a release, and the settings of how it fetches, by path."""
    lists = [APT / "sources.list", *sorted((APT / "sources.list.d").glob("*"))]
    files = {
        str(path): re.sub(rf"\b{SUITE}\b", suite, path.read_text())
        for path in lists
        if path.suffix in {".list", ".sources"} and path.exists() and path.read_text().strip()
    }
    fetching = subprocess.run(
        ["apt-config", "dump", "--no-empty"],
        env=command.environment(),
        capture_output=True,
        text=True,
        check=True,
    ).stdout.splitlines()
    wanted = re.compile(r"Acquire::(Check-|Languages|Retries|https?::|GzipIndexes)")
    settings = [line for line in fetching if wanted.match(line)]
    files["/etc/apt/apt.conf.d/90machine"] = "\n".join(settings) + "\n"
    return files


def pip_conf() -> str:
    """The machine's pip settings without those that name files of this machine."""
    found = configparser.ConfigParser(interpolation=None)
    found.read(PIP_FILES)
    lines = ["[global]", f"cert = {BUNDLE}"]
    for name in PIP_OPTIONS:
        value = found.get("global", name, fallback="")
        words = [word for word in value.split() if not word.startswith(("file:", "/"))]
        if words:
            lines.append(f"{name} = {' '.join(words)}")
    return "\n".join(lines) + "\n"
