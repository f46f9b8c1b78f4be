"""`python3 -m devcloud COMMAND`, which the scripts beside this file run."""

import sys

from devcloud.cli import main

sys.exit(main(sys.argv[1:]))
