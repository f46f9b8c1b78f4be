"""The variables that a project wants from its operator, for `skytier init`."""

import re
from collections.abc import Mapping
from dataclasses import dataclass

from skytier.project import Recognised

_SECRET = re.compile("KEY|SECRET|TOKEN|PASSW|DSN|CREDENTIAL|PRIVATE|AUTH")


@dataclass(frozen=True)
class Lacking:
    """Name to what is known of each variable that has no value yet, in a sentence."""

    plain: Mapping[str, str]
    secret: Mapping[str, str]
    generated: Mapping[str, str]
    """Secrets that nobody has to know: they are made once."""

    @property
    def comment(self) -> str:
        """What the stack file says of them; empty where there are none."""
        reasons = {**self.plain, **self.secret, **self.generated}
        named = " ".join(f"{name}: {reason}" for name, reason in reasons.items())
        return f"The project also needs these. {named}" if named else ""

    @property
    def todo(self) -> list[str]:
        """What to do about the secrets, a sentence for each."""
        return [
            *(f"{name}: {why} Run: skytier secret set {name}" for name, why in self.secret.items()),
            *(
                f"{name}: {why} Run: skytier secret generate {name}"
                for name, why in self.generated.items()
            ),
        ]


def lacking(found: Recognised) -> Lacking:
    """What a project wants and neither it nor the stack gives.

    >>> lacking(Recognised(variables={"STRIPE_KEY": "app.json requires it."})).todo
    ['STRIPE_KEY: app.json requires it. Run: skytier secret set STRIPE_KEY']
    """
    wanted = {name: why for name, why in found.variables.items() if name not in found.env}
    generated = [name for name in found.generated if name not in ("SECRET_KEY", *found.env)]
    return Lacking(
        plain={name: why for name, why in wanted.items() if not _SECRET.search(name)},
        secret={name: why for name, why in wanted.items() if _SECRET.search(name)},
        generated=dict.fromkeys(generated, "It needs a secret that is made once."),
    )
