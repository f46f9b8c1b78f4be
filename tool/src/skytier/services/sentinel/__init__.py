"""Sentinel: which member of Redis is the primary, and who takes over."""
