"""MariaDB's data, the services' databases in it, and their schemas."""

import shutil
from concurrent.futures import ThreadPoolExecutor
from functools import partial

from devcloud import command, configuration, home, packages, wait
from devcloud.extras import Extras
from devcloud.passwords import passwords
from devcloud.services import SOCKET
from devcloud.stage import Stage

DIRECTORY = home.DATA / "mariadb"
CNF = home.ETC / "mariadb" / "mariadb.cnf"


def make_data() -> bool:
    """Make MariaDB's data directory. Returns whether it was not there.

    It gets its name when it is complete: one that a killed run left is made anew.
    """
    if DIRECTORY.exists():
        return False
    new = DIRECTORY.with_name("mariadb.new")
    shutil.rmtree(new, ignore_errors=True)
    command.run(
        [
            "mariadb-install-db",
            f"--defaults-file={CNF}",
            f"--datadir={new}",
            "--user=mysql",
            # root comes in by being root on this machine, and has no password.
            "--auth-root-authentication-method=socket",
            "--skip-test-db",
        ],
        log=home.LOGS / "mariadb-install.log",
    )
    new.rename(DIRECTORY)
    return True


def wait_for_server() -> None:
    """Wait until MariaDB answers."""
    ping = ["mariadb-admin", f"--socket={SOCKET}", "--user=root", "ping"]
    do = "Look at devcloud/logs mariadb."
    wait.until(lambda: command.try_run(ping), "MariaDB does not answer", 60, do)


def make_databases() -> None:
    """Make the databases and the accounts that own them."""
    secret = passwords()
    statements = []
    for name, account in configuration.DATABASES.items():
        statements += [
            f"CREATE DATABASE IF NOT EXISTS {name};",
            f"CREATE OR REPLACE USER {account}@localhost IDENTIFIED BY '{secret[account]}';",
        ]
    for name, account in configuration.DATABASES.items():
        statements.append(f"GRANT ALL ON {name}.* TO {account}@localhost;")
    # Through the standard input: a command line is for everyone to see.
    command.run(["mariadb", f"--socket={SOCKET}", "--user=root"], text="\n".join(statements))


def up(stage: Stage, extras: Extras) -> None:
    """Bring all schemas to what the packages expect. Raises DevcloudError when one fails."""
    mark = packages.versions(extras)
    if home.is_done("schemas", mark):
        return
    stage.doing("making databases and their schemas, all services at once")
    make_databases()
    work = [_keystone, _glance, _placement, _nova, _neutron]
    work += [_cinder] if extras.volumes else []
    work += [_octavia] if extras.load_balancers else []
    with ThreadPoolExecutor(len(work)) as pool:
        for future in [pool.submit(function) for function in work]:
            future.result()
    home.set_done("schemas", mark)
    stage.done(f"{len(configuration.DATABASES)} databases are at the packages' versions")


def _manage(account: str, *words: str, **env: str) -> None:
    """Run one of the services' own tools as its account, with its log in a file."""
    name = words[0].rpartition("/")[2]
    command.run(words, user=account, env=env, log=home.LOGS / f"{name}.log")


def _keystone() -> None:
    manage = partial(
        _manage, "keystone", "keystone-manage", f"--config-file={home.ETC}/keystone/keystone.conf"
    )
    manage("db_sync")
    for what in ("fernet_setup", "credential_setup"):
        manage(what, "--keystone-user", "keystone", "--keystone-group", "keystone")
    url = configuration.KEYSTONE
    places = [f"--bootstrap-{kind}-url={url}" for kind in ("admin", "internal", "public")]
    manage(
        "bootstrap",
        *places,
        "--bootstrap-region-id=RegionOne",
        OS_BOOTSTRAP_PASSWORD=passwords()["admin"],
    )


def _glance() -> None:
    _manage("glance", "glance-manage", *_config("glance/glance-api.conf"), "db_sync")


def _placement() -> None:
    _manage("placement", "placement-manage", *_config("placement/placement.conf"), "db", "sync")


def _nova() -> None:
    manage = partial(_manage, "nova", "nova-manage", *_config("nova/nova.conf"))
    manage("api_db", "sync")
    # Both take the addresses from the configuration, where the passwords are not to be seen.
    manage("cell_v2", "map_cell0")
    cells = command.run(
        ["nova-manage", *_config("nova/nova.conf"), "cell_v2", "list_cells"], user="nova"
    )
    if " cell1 " not in cells:
        manage("cell_v2", "create_cell", "--name=cell1")
    manage("db", "sync")


def _neutron() -> None:
    files = _config("neutron/neutron.conf", "neutron/ml2_conf.ini")
    _manage("neutron", "neutron-db-manage", *files, "upgrade", "head")


def _cinder() -> None:
    _manage("cinder", "cinder-manage", *_config("cinder/cinder.conf"), "db", "sync")


def _octavia() -> None:
    _manage("octavia", "octavia-db-manage", *_config("octavia/octavia.conf"), "upgrade", "head")


def _config(*names: str) -> list[str]:
    return [f"--config-file={home.ETC}/{name}" for name in names]
