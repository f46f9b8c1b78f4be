"""The way to a cloud's API: clouds.yaml, Keystone, certificates."""
