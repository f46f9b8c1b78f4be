"""The command `skytier`, also as `python -m skytier`. Ctrl-C ends it in good order at any time."""

import gc
import os
import signal

INTERRUPTED = 130
"""The exit code of what Ctrl-C ended, as shells have it."""


def main() -> None:
    """Load the commands and run the one that is asked for."""
    # A shell's background jobs ignore Ctrl-C, and so do we then.
    heard = signal.getsignal(signal.SIGINT) is signal.default_int_handler
    if heard:
        # Loading takes about a second. Nothing has begun, so nothing is to be cleaned up.
        signal.signal(signal.SIGINT, lambda *_: os._exit(INTERRUPTED))
    # What is loaded stays. Looks for garbage in it were a third of the time of a short command.
    gc.disable()
    from skytier.cli import main as run

    gc.freeze()
    gc.enable()
    if heard:
        signal.signal(signal.SIGINT, signal.default_int_handler)
    run()


if __name__ == "__main__":
    main()
