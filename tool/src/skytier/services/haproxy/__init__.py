"""HAProxy, the balancer in front of several web servers."""
