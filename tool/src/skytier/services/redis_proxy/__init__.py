"""HAProxy on a web server: the way to the primary of Redis."""
