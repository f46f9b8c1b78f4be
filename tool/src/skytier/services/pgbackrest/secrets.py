"""The secrets of the backups."""

from collections.abc import Sequence

from skytier.secrets.secret import AccessKey, Given, Passphrase, Secret
from skytier.services.application.service import S3_KEY
from skytier.topology import Topology

KEY = "backup_key"
"""What the backups are encrypted with."""
KEY_VARIABLE = "SKYTIER_BACKUP_KEY"
ACCESS, SECRET_ACCESS = "backup_access_key_id", "backup_secret_access_key"
"""The key of the S3 API, where the operator gives it."""
VARIABLES = {
    ACCESS: "SKYTIER_BACKUP_ACCESS_KEY_ID",
    SECRET_ACCESS: "SKYTIER_BACKUP_SECRET_ACCESS_KEY",
}
"""How it is given."""


def declared(topology: Topology) -> Sequence[Secret]:
    """The key of the backups; and that of the S3 API, which the application may have, too."""
    passphrase = Passphrase(KEY, KEY_VARIABLE, "The key of the backups")
    store = topology.backup_store
    if store is None:
        return [passphrase]
    if store.access_key_id is not None:
        return [passphrase, AccessKey(S3_KEY, store.access_key_id)]
    return [
        passphrase,
        Given(ACCESS, VARIABLES[ACCESS], "The access key of the S3 API for backups"),
        Given(
            SECRET_ACCESS,
            VARIABLES[SECRET_ACCESS],
            "The secret access key of the S3 API for backups",
        ),
    ]
