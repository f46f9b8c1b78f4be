"""The cloud's passwords: made once, readable by root alone."""

import json
import secrets

from devcloud import home

# What the database's and the message queue's accounts, the services' users and the people use.
NAMES = [
    "admin",
    "cinder",
    "demo",
    "glance",
    "keystone",
    "metadata",
    "neutron",
    "nova",
    "octavia",
    "octavia_certificates",
    "octavia_heartbeats",
    "placement",
    "rabbitmq",
    "swift",
]


def passwords() -> dict[str, str]:
    """All passwords by name. Those that are missing are made and written down."""
    known: dict[str, str] = {}
    if home.PASSWORDS.exists():
        known = json.loads(home.PASSWORDS.read_text())
    # Letters and digits only: they stand in URLs and in configuration files of many kinds.
    wanted = {name: known.get(name) or secrets.token_hex(16) for name in NAMES}
    home.write(home.PASSWORDS, json.dumps(wanted, indent=2) + "\n", 0o600)
    return wanted
