"""Virtual ports: an address that two machines share, reserved in the private network."""

from skytier.openstack.resources.port import Port


class VirtualPort(Port):
    """As a port, which no machine ever has: those that share its address have it as an address
    pair. `attributes` and `facts` are those of Port.

    Its description is the mark and words more, so it is not taken for that of a machine.
    """

    name = "virtual port"

    @property
    def description(self) -> str:
        """The mark, and what it is."""
        return self._project.of_virtual_address
