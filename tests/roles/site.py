"""The stack that the tests of the roles set up."""

from dataclasses import replace

from skytier.roles.role import Machine, Site

WEB = Machine("shop-web-1", "web", 1, "192.168.128.10", memory_mib=768, vcpus=1)
DATABASE = Machine("shop-database-1", "database", 1, "192.168.128.20", memory_mib=768, vcpus=1)
SITE = Site(
    "shop", [WEB, DATABASE], "192.168.128.0/24", tls="self-signed", public_address="203.0.113.7"
)
SITES = {
    "off": replace(SITE, tls="off"),
    "self-signed": SITE,
    "acme": replace(SITE, tls="acme", domain="shop.example.org", email="admin@example.org"),
    "open API": replace(SITE, tls="off", api_from=("198.51.100.0/24",)),
}
