"""The secrets of the members of the database among each other."""

from skytier.secrets.secret import Authority, Password

REPLICATION = Password("patroni_replication_password")
REWIND = Password("patroni_rewind_password")
REST = Password("patroni_rest_password")
"""For what changes something by Patroni's API."""
AUTHORITY = Authority("patroni_ca")
"""Signs the certificate of each member's API."""
ALL = (REPLICATION, REWIND, REST, AUTHORITY)
NAMES = tuple(name for secret in ALL for name in secret.names)
