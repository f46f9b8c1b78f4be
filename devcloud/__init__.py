"""A real OpenStack on one Debian machine, to test against.

Runs with the system's own Python, since Debian's OpenStack lives there.
"""
