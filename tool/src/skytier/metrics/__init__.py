"""What there is to watch, where the figures come from, and how they are computed."""
