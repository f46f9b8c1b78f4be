"""Nginx, in front of the application."""
