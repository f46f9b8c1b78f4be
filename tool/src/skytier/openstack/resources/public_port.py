"""Public ports: a machine's second place, on a network of others with public addresses."""

from skytier.openstack.resources.port import Port


class PublicPort(Port):
    """As a port, of which the stack has the address and others have the network.

    Its description is the mark and a word more, so it is not taken for the machine's private one;
    both have the machine's name. It outlives its server, and the address with it.
    """

    name = "public port"

    @property
    def description(self) -> str:
        """The mark, and what it is."""
        return self._project.on_public_network
