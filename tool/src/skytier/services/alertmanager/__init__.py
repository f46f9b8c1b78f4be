"""Alertmanager: it tells people of alerts."""
