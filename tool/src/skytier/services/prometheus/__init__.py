"""Prometheus: it scrapes all machines and decides what is an alert."""
