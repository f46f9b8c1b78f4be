"""keepalived: the address that two balancers share."""
