"""The object store by the names that AWS's clients read: boto3, and what is built upon it."""

from collections.abc import Mapping

_NAMES = {
    "AWS_ENDPOINT_URL_S3": "S3_ENDPOINT",
    "AWS_DEFAULT_REGION": "S3_REGION",
    "AWS_REGION": "S3_REGION",
    "AWS_ACCESS_KEY_ID": "S3_ACCESS_KEY_ID",
    "AWS_SECRET_ACCESS_KEY": "S3_SECRET_ACCESS_KEY",
}
# boto3 from 1.36 on adds checksums in a form that Ceph and Swift do not know.
_CHECKSUMS = {
    "AWS_REQUEST_CHECKSUM_CALCULATION": "when_required",
    "AWS_RESPONSE_CHECKSUM_VALIDATION": "when_required",
}


def variables(environment: Mapping[str, str]) -> dict[str, str]:
    """The variables of AWS for the object store that the environment names.

    None without one, and none where the environment has a key of AWS that is another one: then the
    application talks to AWS itself.
    """
    if "S3_ENDPOINT" not in environment:
        return {}
    key = environment.get("S3_ACCESS_KEY_ID")
    if environment.get("AWS_ACCESS_KEY_ID", key) != key:
        return {}
    named = {aws: environment[name] for aws, name in _NAMES.items() if name in environment}
    return {**named, **_CHECKSUMS}
