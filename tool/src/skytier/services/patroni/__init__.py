"""Patroni: it runs PostgreSQL on each database machine, and decides which one is the primary."""
