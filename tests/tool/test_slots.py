"""Places for the application's process on this machine."""

import socket
from pathlib import Path

from skytier.local.home import Home
from skytier.local.slots import Slots


def test_nobody_answers_at_the_socket_of_the_next_process(tmp_path: Path) -> None:
    """A process that is not known any more still listens where one was started before."""
    home = Home(tmp_path)
    home.run.mkdir()
    slots = Slots(home)
    lost = slots.free().socket
    with socket.socket(socket.AF_UNIX) as listening:
        listening.bind(str(lost))
        listening.listen()

        slot = slots.free()

        assert slot.socket == lost
        assert not slot.socket.exists()
