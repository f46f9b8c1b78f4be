"""Has systemd run the processes and jobs of a release, on a web server.

It imports the standard library only: this package is on each web server.
"""

HOME = "/opt/skytier"
UNITS = "/etc/systemd/system"
WEB = "skytier-app.service"
