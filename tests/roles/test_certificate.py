"""A certificate by ACME: certbot against a real authority, Let's Encrypt's own for tests."""

from collections.abc import Iterator
from dataclasses import replace

import pytest

from skytier import roles
from tests import authority as pebble
from tests.roles.conftest import Machines
from tests.roles.topology import WEB, WEBHOOK, topology

DOMAIN = "shop.example.org"
AUTHORITY = "https://127.0.0.1:14000/dir"
ACME = replace(
    topology(
        f'tls = "acme"\ndomain = "{DOMAIN}"\nemail = "admin@example.org"\n'
        f'acme_server = "{AUTHORITY}"\n{WEBHOOK}'
    ),
    public_address=WEB.address,
)
AS_BEFORE = f"""
conf=/etc/letsencrypt/renewal/{DOMAIN}.conf
sed -i -e '/^http01_/d' -e 's|^renew_hook = .*|renew_hook = systemctl reload nginx|' \
    -e 's|^authenticator = .*|authenticator = webroot\\nwebroot_path = /var/lib/challenges,|' $conf
printf '[[webroot_map]]\n{DOMAIN} = /var/lib/challenges\n' >>$conf
"""
ISSUER = f"openssl s_client -connect 127.0.0.1:443 -servername {DOMAIN} </dev/null 2>/dev/null | "
ISSUER += "openssl x509 -noout -issuer -serial"


@pytest.fixture
def authority(running: Machines) -> Iterator[Machines]:
    """On the web server, which trusts it, and where the domain's name leads to that server."""
    web = running.web
    pebble.trust(web, pebble.install(web, "127.0.0.1"))
    web.run("cp -p /etc/hosts /etc/hosts.before")
    yield running
    web.run(
        "systemctl stop pebble; mv /etc/hosts.before /etc/hosts; "
        "systemctl disable --now skytier-certificate.timer certbot.timer; "
        "rm -rf /etc/letsencrypt /etc/skytier/tls /usr/local/share/ca-certificates/authority.crt; "
        "update-ca-certificates --fresh"
    )


def test_a_certificate_is_asked_for_until_it_comes_and_is_renewed(authority: Machines) -> None:
    web, setup = authority.web, roles.setup(ACME, WEB)
    check, given = (
        next(each for each in setup.checks if each.name == name) for name in ("certificate", "acme")
    )
    assert [each.name for each in setup.checks if each.outside] == ["acme"]

    web.set_up(setup, authority.secrets)

    # The name leads nowhere: the site serves, with a certificate of its own, and says what to do.
    assert web.ask(check) == (0, "a certificate of its own, until the authority gives one")
    waiting = f"waiting for DNS: point {DOMAIN} to {WEB.address}"
    assert web.ask(given) == (1, waiting)
    assert web.run("systemctl is-active skytier-certificate.timer").strip() == "active"
    assert web.run("ls /var/lib/skytier/certificate.asked 2>/dev/null || true") == "", "not yet"

    # Elsewhere, and then here, where there is no authority yet.
    web.run(f"echo '192.0.2.1 {DOMAIN}' >>/etc/hosts")
    assert web.ask(given) == (1, f"{waiting}\nIt leads to 192.0.2.1.")
    web.run(f"sed -i 's/^192.0.2.1 .*/{WEB.address} {DOMAIN}/' /etc/hosts")
    web.run("systemctl start skytier-certificate || true")
    code, said = web.ask(given)
    assert (code, said.partition(",")[0]) == (1, "The name leads here")
    assert "Connection refused" in said
    asked = web.run("stat --format=%Y /var/lib/skytier/certificate.asked")
    web.run("systemctl start skytier-certificate")
    assert web.run("stat --format=%Y /var/lib/skytier/certificate.asked") == asked, "too soon"

    pebble.start(web, "127.0.0.1")
    # The timer may ask at any moment, too; until now the authority did not answer.
    web.run("rm /var/lib/skytier/certificate.asked; systemctl start skytier-certificate")

    code, said = web.ask(check)
    assert (code, said.split()[:2]) == (0, ["certificate", "until"]), said
    assert web.ask(given) == (0, "given")
    first = web.run(ISSUER)
    assert "Pebble Intermediate CA" in first
    timer = "systemctl is-active skytier-certificate.timer || true"
    assert web.run(timer).strip() == "inactive"

    # A setup in between asks for nothing; the renewal's certificate is served without a word.
    web.set_up(setup, authority.secrets)
    assert web.run(ISSUER) == first
    # As earlier versions had it: a directory that Nginx served. The next set-up changes it.
    web.run(AS_BEFORE)
    web.set_up(setup, authority.secrets)
    web.run("certbot renew --quiet --force-renewal --no-random-sleep-on-renew")
    web.wait_for(f'[ "$({ISSUER})" != "{first.strip()}" ]')
    assert "Pebble Intermediate CA" in web.run(ISSUER)
    assert web.ask(check)[0] == 0

    web.run("systemctl stop certbot.timer")
    assert web.ask(check)[1].startswith("Nothing renews the certificate")
