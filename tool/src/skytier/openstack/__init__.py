"""The stack on an OpenStack cloud: its connection, its lock, and what the commands do with it."""

import logging

# What keystoneauth has to warn of is told by our own errors, and better.
logging.getLogger("keystoneauth").addHandler(logging.NullHandler())
