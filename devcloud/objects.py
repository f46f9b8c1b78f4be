"""The object store: Ceph's gateway for Swift's API and for S3, on the Ceph that keeps the volumes.

Keystone decides: a project has containers of its own, and its users have EC2 credentials as keys of
the S3 API.
"""

from devcloud import ceph, home

# The gateway would make them by itself, with more parts than one disk may have.
POOLS = (
    ".rgw.root",
    *(f"default.rgw.{name}" for name in ("log", "control", "meta", "buckets.index")),
    *(f"default.rgw.buckets.{name}" for name in ("data", "non-ec")),
)
PARTS = 4
MADE = "objects"  # in home.DONE


def are_there() -> bool:
    """Whether this cloud was ever brought up with an object store."""
    return (home.DONE / MADE).exists()


def make_pools() -> None:
    """Make what the gateway keeps its data in."""
    home.set_done(MADE, "")
    with ceph.connected() as monitor:
        # All of it is done already on a second run, and ends well.
        for pool in POOLS:
            monitor.run("osd pool create", pool=pool, pg_num=PARTS, pgp_num=PARTS)
            monitor.run("osd pool application enable", pool=pool, app="rgw")
