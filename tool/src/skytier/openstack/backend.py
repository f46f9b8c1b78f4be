"""A stack on a cloud, as the commands ask for it."""

from skytier.openstack import beside
from skytier.openstack.application import attend_application, follow_application, run_application
from skytier.openstack.logs import logs
from skytier.openstack.psql import attend_psql
from skytier.openstack.release import release
from skytier.openstack.rollback import releases, rollback
from skytier.openstack.stack import CloudStack
from skytier.openstack.status import measure
from skytier.openstack.watching.view import prometheus, view
from skytier.openstack.watching.watched import watched


class CloudBackend(CloudStack):
    """See `skytier.backend.Backend`."""

    status = measure
    view = view
    source = prometheus
    watched = watched
    logs = logs
    release = release
    releases = releases
    rollback = rollback
    processes_now = beside.processes
    jobs = beside.jobs
    run_job = beside.run_job
    run_application = run_application
    attend_application = attend_application
    follow_application = follow_application
    attend_psql = attend_psql
