"""HAProxy on a web server: the way to the primary, and to the replicas."""
