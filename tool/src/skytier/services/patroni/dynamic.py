"""What all members of the database agree on. Patroni keeps it in etcd."""

import json

from skytier.services.postgresql.tuning import tuning
from skytier.services.service import Placement

TTL_S, LOOP_WAIT_S, RETRY_TIMEOUT_S = 20, 2, 3
"""The first and the last are the smallest that Patroni takes. A primary whose machine is gone has
another one in its place after 21 to 27 s."""
START_TIMEOUT_S = 60
"""How long a primary that crashed may take to start before another member takes over."""
REPLICAS_LAG = "16MB"
"""A replica that is further behind gets no questions."""


def dynamic(at: Placement) -> str:
    """The configuration as JSON. See https://patroni.readthedocs.io/en/latest/dynamic_configuration.html"""
    configuration = {
        "ttl": TTL_S,
        "loop_wait": LOOP_WAIT_S,
        "retry_timeout": RETRY_TIMEOUT_S,
        "primary_start_timeout": START_TIMEOUT_S,
        # Without synchronous_mode so many bytes may be lost, and what is written within `ttl`.
        "maximum_lag_on_failover": 1048576,
        "synchronous_mode": at.stack.database.synchronous,
        # While etcd has no majority, the primary goes on as long as all other members answer it.
        "failsafe_mode": True,
        "postgresql": {
            "use_pg_rewind": True,
            "use_slots": True,
            "parameters": {
                "max_connections": tuning(at.machine.memory_mib, at.topology).max_connections,
                "max_wal_senders": 10,
                "max_replication_slots": 10,
                "wal_level": "replica",
                "hot_standby": "on",
                "wal_log_hints": "on",
                "wal_keep_size": "128MB",
                # What a member that is away keeps others from deleting has a limit: beyond it the
                # next `up` clones the member.
                "max_slot_wal_keep_size": "4GB",
            },
        },
    }
    return json.dumps(configuration, indent=1) + "\n"
