"""Which certificate of an authority counts: for the stack's domain, by the stack's authority."""

import os
import shutil
import subprocess
from pathlib import Path

import pytest

from skytier import roles
from skytier.services.setup import Setup
from tests.roles.topology import BALANCED, BALANCER, PUBLIC_ADDRESS, WEB, topology

pytestmark = pytest.mark.skipif(not shutil.which("openssl"), reason="needs openssl")
AUTHORITY, FORMER_AUTHORITY = "https://ca.example.org/dir", "https://staging.example.org/dir"
FORMER, DOMAIN = "a.example.org", "b.example.org"
HOOK = "/usr/local/lib/skytier/certificate-renewed"
PROGRAM = "/usr/local/lib/skytier/certificate"
KEYS = f'tls = "acme"\ndomain = "{DOMAIN}"\nemail = "x@example.org"\nacme_server = "{AUTHORITY}"\n'
SETUPS = {
    "Nginx": roles.setup(topology(KEYS), WEB),
    "HAProxy": roles.setup(topology(f"web.count = 2\n{KEYS}", BALANCED), BALANCER),
}


class Site:
    """The directories of a machine, with programs of the test's own around them."""

    def __init__(self, home: Path, setup: Setup) -> None:
        self.home, self.setup = home, setup
        for name in ("tls", "bin", "state", "letsencrypt/renewal"):
            (home / name).mkdir(parents=True)
        programs = {
            "certbot": f"""echo "$*" >>{home}/asked
                case $1 in
                    certonly) {home}/give ;;
                    delete)
                        cd {home}/letsencrypt && rm -r "live/${{4#*=}}" "renewal/${{4#*=}}.conf" ;;
                esac""",
            "getent": f"cat {home}/leads",
            "systemctl": f'echo "$*" >>{home}/told',
            # The server serves what its link leads to.
            "openssl": f"""case $1 in
                    s_client) cat {home}/tls/certificate ;;
                    *) exec {shutil.which("openssl")} "$@" ;;
                esac""",
        }
        for name, text in programs.items():
            self._program(home / "bin" / name, text)
        self._program(home / "give", "echo too many certificates; exit 1")
        self.leads("")
        for name in ("asked", "told"):
            (home / name).touch()
        self.made(home / "tls/placeholder.crt", DOMAIN)
        (home / "tls/certificate").symlink_to("placeholder.crt")
        (home / "tls/key").symlink_to("placeholder.key")

    @staticmethod
    def _program(path: Path, text: str) -> None:
        path.write_text(f"#!/bin/bash\n{text}\n")
        path.chmod(0o755)

    @staticmethod
    def made(path: Path, domain: str) -> None:
        """A certificate for it."""
        path.parent.mkdir(parents=True, exist_ok=True)
        key = ("-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes")
        names = ("-subj", f"/CN={domain}", "-addext", f"subjectAltName=DNS:{domain}")
        words = ("openssl", "req", "-x509", *key, *names, "-days", "90", "-out", path)
        subprocess.run(
            [*words, "-keyout", path.with_name("privkey.pem")], check=True, capture_output=True
        )

    def leads(self, address: str) -> None:
        """Where the name leads."""
        (self.home / "leads").write_text(f"{address} STREAM\n" if address else "")

    def given(self, domain: str, authority: str = AUTHORITY, hook: str = HOOK) -> None:
        """certbot has got one."""
        self.made(self.home / f"letsencrypt/live/{domain}/fullchain.pem", domain)
        (self.home / f"letsencrypt/renewal/{domain}.conf").write_text(
            f"[renewalparams]\nserver = {authority}\nrenew_hook = {hook}\n"
        )

    def served(self, domain: str) -> None:
        """The server has it."""
        live = self.home / "letsencrypt/live" / domain
        for name, file in (("certificate", "fullchain.pem"), ("key", "privkey.pem")):
            (self.home / "tls" / name).unlink()
            (self.home / "tls" / name).symlink_to(live / file)

    def gives(self, domain: str) -> None:
        """The authority would."""
        new = Site.__new__(Site)
        new.home = self.home / "given"
        (new.home / "letsencrypt/renewal").mkdir(parents=True)
        new.given(domain)
        self._program(self.home / "give", f"cp -r {new.home}/letsencrypt {self.home}/")

    def _run(self, text: str, *arguments: str) -> tuple[int, str]:
        for place, here in {
            "/etc/letsencrypt": "letsencrypt",
            "/etc/skytier/tls": "tls",
            "/var/lib/skytier": "state",
        }.items():
            text = text.replace(place, str(self.home / here))
        path = f"{self.home}/bin:{os.environ['PATH']}"
        done = subprocess.run(
            ["bash", "-c", text, "x", *arguments],
            env={"PATH": path},
            capture_output=True,
            text=True,
        )
        assert done.stderr == ""
        return done.returncode, done.stdout.strip()

    def ask(self, name: str) -> tuple[int, str]:
        """A check's answer."""
        (script,) = [each.script for each in self.setup.checks if each.name == name]
        return self._run(script)

    def get(self, *arguments: str) -> int:
        """The machine's program that gets the certificate."""
        (text,) = [each.text for each in self.setup.files if each.path == PROGRAM]
        return self._run(text, *arguments)[0]

    def lineages(self) -> list[str]:
        """What certbot renews."""
        return sorted(path.stem for path in (self.home / "letsencrypt/renewal").iterdir())


@pytest.fixture(params=SETUPS)
def site(tmp_path: Path, request: pytest.FixtureRequest) -> Site:
    return Site(tmp_path, SETUPS[request.param])


def test_one_for_a_former_domain_is_not_the_one_that_is_waited_for(site: Site) -> None:
    site.given(FORMER)
    site.served(FORMER)

    waiting = f"waiting for DNS: point {DOMAIN} to {PUBLIC_ADDRESS}"
    assert site.get() == 0
    assert site.ask("acme") == (1, waiting)
    # No reason for `up` to wait: the server is as it should be.
    said = f"a former certificate, until the authority gives one for {DOMAIN}"
    assert site.ask("certificate") == (0, said)
    # It is what visitors of the former name get meanwhile.
    assert site.lineages() == [FORMER]

    site.leads(PUBLIC_ADDRESS)
    assert site.get() == 1
    code, said = site.ask("acme")
    assert (code, said.splitlines()[-1]) == (1, "too many certificates")

    (site.home / "state/certificate.asked").unlink()
    site.gives(DOMAIN)
    assert site.get() == 0
    assert site.ask("acme") == (0, "given")
    assert site.ask("certificate")[1].startswith("certificate until ")
    assert site.lineages() == [DOMAIN]


def test_one_of_a_former_authority_is_not_the_one_that_is_waited_for(site: Site) -> None:
    site.given(DOMAIN, FORMER_AUTHORITY)
    site.served(DOMAIN)

    assert site.ask("acme")[0] == 1
    assert site.ask("certificate")[1].startswith("a former certificate")
    site.leads(PUBLIC_ADDRESS)
    site.gives(DOMAIN)
    assert site.get() == 0
    assert site.ask("acme") == (0, "given")


def test_one_that_is_given_and_not_served_yet_is_waited_for(site: Site) -> None:
    site.given(DOMAIN)

    assert site.ask("acme")[0] == 1
    said = "a certificate of its own, until the authority gives one"
    assert site.ask("certificate") == (0, said)
    # As where another machine brought it along.
    assert site.get("--no-ask") == 0
    assert (site.ask("acme"), site.get()) == ((0, "given"), 0)
    assert "certonly" not in (site.home / "asked").read_text()


def test_certificates_of_somebody_else_on_the_machine_stay(site: Site) -> None:
    site.given(DOMAIN)
    site.given(FORMER)
    site.given("mail.example.org", hook="systemctl reload postfix")

    assert site.get() == 0
    assert site.lineages() == [DOMAIN, "mail.example.org"]
