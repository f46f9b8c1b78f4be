"""The secrets of a stack: made, given, and kept before anything uses them."""

DIRECTORY = "/etc/skytier/secrets"
"""Where a machine has those that it uses. Only root passes."""
