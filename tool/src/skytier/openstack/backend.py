"""A stack on a cloud, as the commands ask for it."""

from skytier.backend import Outcome
from skytier.deploy.apply import Events
from skytier.deploy.interruption import interrupted
from skytier.openstack.commands import backups as of_database
from skytier.openstack.commands import beside, minor_upgrade
from skytier.openstack.commands import copy as of_copy
from skytier.openstack.commands.application import (
    attend_application,
    follow_application,
    run_application,
)
from skytier.openstack.commands.bake import bake, plan_bake
from skytier.openstack.commands.database import candidate, database, failover, fence, fence_intended
from skytier.openstack.commands.drain import drain, undrain
from skytier.openstack.commands.logs import logs
from skytier.openstack.commands.psql import attend_psql, database_client
from skytier.openstack.commands.rehearsal import rehearse
from skytier.openstack.commands.release import release
from skytier.openstack.commands.rollback import releases, rollback
from skytier.openstack.commands.rotation import rotate
from skytier.openstack.commands.secret import CloudVariables
from skytier.openstack.commands.ssh_target import ssh_target
from skytier.openstack.commands.static import intend_static, push_static
from skytier.openstack.commands.status import measure
from skytier.openstack.plan.planned import Plan
from skytier.openstack.stack import CloudStack
from skytier.openstack.watching.view import prometheus, view
from skytier.openstack.watching.watched import watched
from skytier.release import chosen


class CloudBackend(CloudStack):
    """See `skytier.backend.Backend`."""

    release = release
    host = ssh_target
    status = measure
    view = view
    source = prometheus
    watched = watched
    logs = logs
    releases = releases
    rollback = rollback
    rotate_database_password = rotate
    processes_now = beside.processes
    jobs = beside.jobs
    run_job = beside.run_job
    run_application = run_application
    attend_application = attend_application
    follow_application = follow_application
    attend_psql = attend_psql
    database_client = database_client
    database = database
    candidate = candidate
    failover = failover
    minor_upgrade_intended = minor_upgrade.intend
    upgrade_minor = minor_upgrade.upgrade
    fence_intended = fence_intended
    fence = fence
    drain = drain
    undrain = undrain
    intend_static = intend_static
    push_static = push_static
    plan_bake = plan_bake
    bake = bake
    backups = of_database.listing
    newest_backup = of_database.newest
    back_up = of_database.back_up
    verify_backups = of_database.verify
    backup_key = of_database.key
    restore_intended = of_database.restore_intended
    restore_to = of_database.restore_to
    copy_intended = of_copy.intend
    copy_is_there = of_copy.is_there
    copy_exists = of_copy.exists
    copy_is_unfinished = of_copy.is_unfinished
    restore_copy = of_copy.restore_copy
    rehearse = rehearse

    def choose_versions(self, plan: Plan, *, upgrade: bool = False) -> str:
        """For what the web servers will probably be. A release that stays has its own."""
        plan.check_application()
        if plan.resolved.pinned:
            return ""
        return chosen.choose(plan.resolved.application, plan.platform, upgrade=upgrade)

    def up(self, approved: Plan, events: Events) -> Outcome:
        """The same, with what Ctrl-C leaves."""
        with interrupted(
            "Interrupted half way. What was made carries the stack's mark.",
            "Run skytier up again: it continues where it stopped.",
        ):
            return super().up(approved, events)

    def down(self, events: Events, *, purge: bool = False) -> bool:
        """The same, with what Ctrl-C leaves."""
        with interrupted(
            "Interrupted half way: some of the stack is deleted, and some is not.",
            "Run it again: it continues where it stopped.",
        ):
            return super().down(events, purge=purge)

    def variables(self) -> CloudVariables:
        """On the machine that stores the stack's secrets."""
        return CloudVariables(self)
