"""The stack that the tests of the roles set up."""

from dataclasses import replace

from skytier.roles import metrics
from skytier.roles.role import DataVolume, Machine, MonitoringConfig, Topology

WEB = Machine("shop-web-1", "web", 1, "192.168.128.10", 768, 1, metrics("web"))
DATABASE = Machine("shop-database-1", "database", 1, "192.168.128.20", 768, 1, metrics("database"))
MONITOR = Machine("shop-monitor-1", "monitor", 1, "192.168.128.30", 768, 1, metrics("monitor"))
VOLUME = DataVolume("5f6f3b0e-51a7-4f2c-9a43-8a5a2d0c5b10", size_gib=20)
TOPOLOGY = Topology(
    "shop",
    [WEB, DATABASE],
    "192.168.128.0/24",
    tls="self-signed",
    public_address="203.0.113.7",
    monitoring=MonitoringConfig(webhook="https://hooks.example.org/shop"),
)
TOPOLOGIES = {
    "off": replace(TOPOLOGY, tls="off"),
    "self-signed": TOPOLOGY,
    "acme": replace(TOPOLOGY, tls="acme", domain="shop.example.org", email="admin@example.org"),
    "open API": replace(TOPOLOGY, tls="off", api_from=("198.51.100.0/24",)),
    "not watched": replace(TOPOLOGY, monitoring=None),
    "data on a volume": replace(TOPOLOGY, machines=[WEB, replace(DATABASE, volume=VOLUME)]),
    "a monitor of its own": replace(
        TOPOLOGY,
        machines=[WEB, DATABASE, MONITOR],
        monitoring=MonitoringConfig(
            email="ops@example.org", smtp_server="smtp.example.org:587", smtp_username="ops"
        ),
    ),
}
