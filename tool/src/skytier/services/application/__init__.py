"""The web application: its unit, its socket, and a Python for it. Releases come by themselves."""
