"""Asks RabbitMQ who reads a queue. rabbitmqctl would start a second Erlang for it."""

from devcloud.passwords import passwords
from devcloud.release import HERE


def consumers(queue: str) -> int:
    """How many read the queue; 0 when it does not exist or RabbitMQ does not answer."""
    # Comes with Debian's OpenStack: not there before the packages are.
    import amqp

    try:
        with amqp.Connection(
            f"{HERE.address}:5672",
            userid="openstack",
            password=passwords()["rabbitmq"],
            connect_timeout=5,
        ) as connection:
            found = connection.channel().queue_declare(queue, passive=True)
            return int(found.consumer_count)
    except (amqp.AMQPError, OSError):
        return 0
