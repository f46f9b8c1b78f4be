"""The dashboard: a page in the browser about one stack, served on this machine's loopback alone."""
