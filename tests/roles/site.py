"""The stack that the tests of the roles set up."""

from dataclasses import replace

from skytier.roles import metrics
from skytier.roles.role import DataVolume, Machine, Site, Watching

WEB = Machine("shop-web-1", "web", 1, "192.168.128.10", 768, 1, metrics("web"))
DATABASE = Machine("shop-database-1", "database", 1, "192.168.128.20", 768, 1, metrics("database"))
MONITOR = Machine("shop-monitor-1", "monitor", 1, "192.168.128.30", 768, 1, metrics("monitor"))
VOLUME = DataVolume("5f6f3b0e-51a7-4f2c-9a43-8a5a2d0c5b10", size_gib=20)
SITE = Site(
    "shop",
    [WEB, DATABASE],
    "192.168.128.0/24",
    tls="self-signed",
    public_address="203.0.113.7",
    watching=Watching(webhook="https://hooks.example.org/shop"),
)
SITES = {
    "off": replace(SITE, tls="off"),
    "self-signed": SITE,
    "acme": replace(SITE, tls="acme", domain="shop.example.org", email="admin@example.org"),
    "open API": replace(SITE, tls="off", api_from=("198.51.100.0/24",)),
    "not watched": replace(SITE, watching=None),
    "data on a volume": replace(SITE, machines=[WEB, replace(DATABASE, volume=VOLUME)]),
    "a monitor of its own": replace(
        SITE,
        machines=[WEB, DATABASE, MONITOR],
        watching=Watching(
            email="ops@example.org", smtp_server="smtp.example.org:587", smtp_username="ops"
        ),
    ),
}
