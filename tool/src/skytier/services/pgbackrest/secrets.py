"""The secrets of the backups."""

from collections.abc import Sequence

from skytier.secrets.secret import AccessKey, Given, Passphrase, Secret
from skytier.services.application.service import S3_KEY
from skytier.stackfile.backup import FIRST, SECOND, PlaceSection
from skytier.topology import Topology

KEY = "backup_key"
"""What the backups are encrypted with."""
KEY_VARIABLE = "SKYTIER_BACKUP_KEY"
GIVEN = {
    FIRST: ("backup_access_key_id", "backup_secret_access_key"),
    SECOND: ("backup_second_access_key_id", "backup_second_secret_access_key"),
}
"""The key of the S3 API of each place, where the operator gives it: its public and its secret
part."""
SSH_KEYS = {FIRST: "backup_ssh_key", SECOND: "backup_second_ssh_key"}
"""The private key for the host of each place that is reached by SSH."""
VARIABLES = {
    name: f"SKYTIER_{name.upper()}"
    for names in (*GIVEN.values(), SSH_KEYS.values())
    for name in names
}
"""How they are given: `SKYTIER_BACKUP_ACCESS_KEY_ID`."""


def given(section: PlaceSection, place: str) -> Sequence[str]:
    """What the operator gives for a place of the backups, by the names of the secrets."""
    if section.on_host:
        return (SSH_KEYS[place],)
    return GIVEN[place] if section.takes_key else ()


def declared(topology: Topology) -> Sequence[Secret]:
    """The key of the backups; and that of each S3 API, which the application may have, too, or of
    each host."""
    found: list[Secret] = [Passphrase(KEY, KEY_VARIABLE, "The key of the backups")]
    for name, store in topology.backup_stores.items():
        where = "" if name == FIRST else f" in the {name} place"
        if store.access_key_id is not None:
            found.append(AccessKey(S3_KEY, store.access_key_id))
            continue
        for secret, what in zip(GIVEN[name], ("access key", "secret access key"), strict=True):
            what = f"The {what} of the S3 API for backups{where}"
            found.append(Given(secret, VARIABLES[secret], what))
    for name, section in topology.stack.backup.places.items():
        if section.on_host:
            secret = SSH_KEYS[name]
            what = f"The private SSH key for backups on {section.host}"
            found.append(Given(secret, VARIABLES[secret], what))
    return list(dict.fromkeys(found))
