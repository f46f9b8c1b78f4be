"""HAProxy with a unit of its own, apart from a balancer's: a machine's way to several members."""

from collections.abc import Mapping, Sequence

from skytier.render import render
from skytier.secrets import DIRECTORY as SECRETS
from skytier.services.service import ETC, UNITS, Placement, Service
from skytier.services.setup import REMOVALS, Check, File, Setup


class MemberProxy(Service):
    """It asks each member what it is, and leads connections there. Its package has the templates
    haproxy.cfg and setup.sh, which includes common/proxy-setup.sh."""

    package: str
    what: str
    """What has the members, as its unit calls it: `the database`."""
    credential: str
    """The credential of applications that is there with several members alone."""
    order: int
    """When it is removed, among all that is: see REMOVALS."""

    @property
    def etc(self) -> str:
        """Where its configuration is."""
        return f"{ETC}/{self.name}"

    def packages(self, at: Placement) -> Sequence[str]:
        """HAProxy."""
        return ["haproxy"]

    def made(
        self,
        values: Mapping[str, object],
        check: Check,
        secrets: Sequence[str],
        beside: Sequence[str] = (),
    ) -> Setup:
        """Its setup. The first of the secrets is the authority that the members are known by;
        `beside` are the files of its configuration that setup.sh writes."""
        [unit] = self.units
        configuration = [*beside, f"{self.etc}/haproxy.cfg"]
        values = {
            **values,
            "name": self.name,
            "what": self.what,
            "credential": self.credential,
            "etc": self.etc,
            "unit": unit,
            "configuration": configuration,
            "secrets": SECRETS,
            "authority": secrets[0],
        }
        return Setup(
            files=[
                File(configuration[-1], render(self.package, "haproxy.cfg", **values)),
                File(f"{UNITS}/{unit}.service", render("skytier", "proxy.service", **values)),
                File(
                    f"{REMOVALS}/{self.order}-{self.name}",
                    render("skytier", "proxy-removal.sh", **values),
                    0o700,
                ),
            ],
            script=render(self.package, "setup.sh", **values),
            checks=[check],
            secrets=tuple(secrets),
        )
