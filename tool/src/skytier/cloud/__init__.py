"""The stack on an OpenStack cloud: its connection, its lock, and what the commands do with it."""
