"""Whatever openstacksdk and keystoneauth raise while a connection is made, in sentences."""

from keystoneauth1 import exceptions as keystone
from openstack import exceptions as sdk

from skytier.errors import SkytierError
from skytier.openstack.login import certificates
from skytier.openstack.resources.errors import API_ERRORS, explained

_FILE = "Look at the cloud's entry in clouds.yaml, or download it again from the dashboard."
_REGION = (
    "Check region_name and interface in clouds.yaml, or region in the stack file, or ask the "
    "cloud's operator."
)
_ANSWER = "Check auth_url in clouds.yaml; if it is right, ask the cloud's operator."
_LATER = "Try again later; if it stays, ask the cloud's operator."
_REACH = "Check that this machine reaches it, and auth_url in clouds.yaml."

# The most special one that fits counts, so the order says nothing.
MEANINGS: dict[type[Exception], tuple[str, str]] = {
    keystone.MissingRequiredOptions: ("its entry lacks a key", _FILE),
    keystone.NoMatchingPlugin: (
        "its auth_type is none that is known here",
        "Write password or v3applicationcredential as its auth_type in clouds.yaml.",
    ),
    keystone.AuthPluginException: ("its entry does not say well who asks", _FILE),
    keystone.MissingAuthMethods: (
        "Keystone asks for a second proof of who asks",
        "Make an application credential in the dashboard, and use that in clouds.yaml.",
    ),
    keystone.AuthorizationFailure: ("Keystone gave no token", _FILE),
    keystone.CatalogException: ("its catalog lacks a service", _REGION),
    keystone.DiscoveryFailure: ("a service does not say which versions it has", _ANSWER),
    keystone.InvalidResponse: ("what answers is not an API of OpenStack", _ANSWER),
    keystone.ServiceProviderNotFound: ("it is asked for a cloud that it does not know", _FILE),
    keystone.ConnectTimeout: ("nobody answered in time", _REACH),
    keystone.ConnectFailure: ("there is no connection", _REACH),
    keystone.ConnectionError: ("there is no connection", _REACH),
    keystone.ClientException: ("asking it failed", _ANSWER),
    sdk.ConfigException: ("its entry cannot be used", _FILE),
    sdk.EndpointNotFound: ("its catalog lacks a service", _REGION),
    sdk.ServiceDiscoveryException: ("a service does not say which versions it has", _ANSWER),
    sdk.NotSupported: ("it lacks something that is needed", _REGION),
    sdk.ResourceTimeout: ("nobody answered in time", _LATER),
    sdk.InvalidResponse: ("what answers is not an API of OpenStack", _ANSWER),
    sdk.SDKException: ("asking it failed", _LATER),
    TypeError: ("its entry has keys that do not go with its auth_type", _FILE),
    AttributeError: ("its entry has a value of another kind than is needed", _FILE),
    LookupError: ("its entry lacks a key", _FILE),
    ValueError: ("its entry has a value that is none", _FILE),
    OSError: ("a file that it names cannot be read", _FILE),
    Exception: ("it cannot be used", _FILE),
}


def entry_error(where: str, name: str, error: Exception) -> SkytierError:
    """What openstacksdk makes of a cloud's entry that has a fault nobody thought of."""
    means, do = meaning(error)
    return SkytierError(f"{where}: the cloud {name} cannot be used: {means}: {_said(error)}.", do)


def connection_error(name: str, url: str, error: Exception) -> SkytierError:
    """What was raised while a cloud was asked for the first time. `url` is its auth_url."""
    if isinstance(error, SkytierError):
        return error
    what = f"The cloud {name} cannot be used"
    if isinstance(error, keystone.SSLError):
        return certificates.explained(url, error)
    status = getattr(error, "status_code", None) or getattr(error, "http_status", None)
    if isinstance(error, API_ERRORS) and status:
        return explained(what, error)
    means, do = meaning(error)
    return SkytierError(f"{what}: {means}: {_said(error)}.", do)


def meaning(error: Exception) -> tuple[str, str]:
    """What an exception says of a cloud, and what to do."""
    return next(MEANINGS[each] for each in type(error).__mro__ if each in MEANINGS)


def _said(error: Exception) -> str:
    return (str(error).strip() or type(error).__name__).rstrip(".")
