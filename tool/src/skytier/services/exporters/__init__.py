"""The exporters: small programs of the distribution that give metrics to the monitor."""
