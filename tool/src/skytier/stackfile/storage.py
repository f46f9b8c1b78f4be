"""The keys of the section [storage]: a container in the cloud's own object store."""

import re
from typing import Annotated, Literal

from pydantic import AfterValidator, model_validator

from skytier.stackfile import values
from skytier.stackfile.section import Section, contradiction, key

ACCESS_KEY_ID, SECRET_ACCESS_KEY = "S3_ACCESS_KEY_ID", "S3_SECRET_ACCESS_KEY"
"""The variables with the key. Where `storage.keys` is "given" they are secrets of the operator."""
VARIABLES = ("S3_ENDPOINT", "S3_BUCKET", "S3_REGION", ACCESS_KEY_ID, SECRET_ACCESS_KEY)
"""What the application gets."""
KEYSTONE, GIVEN = "keystone", "given"
STORAGE = "storage"
"""The name of the section."""
REGION = "us-east-1"


def bucket_name(value: str) -> str:
    """The name of a container."""
    if not re.fullmatch(r"[a-z0-9][a-z0-9-]{1,61}[a-z0-9]", value):
        raise ValueError("is not a name that both S3 and Swift take")
    return value


class StorageSection(Section):
    """A container in the object store of the cloud, for files that all web servers share."""

    bucket: Annotated[str, AfterValidator(bucket_name)] | None = key(
        None, "3 to 63 characters of a-z, 0-9 and hyphens", "shop-uploads"
    )
    """The container for files of your application, for example uploads. It is made if it is not
    there. `skytier down` deletes it only if it is empty, or with `--purge`. Default: there is
    none."""
    keys: Literal["keystone", "given"] = key(KEYSTONE, '"keystone" or "given"')
    """Where the key of the S3 API comes from: an EC2 credential that is made through Keystone, or
    given by you: `skytier secret set S3_ACCESS_KEY_ID` and S3_SECRET_ACCESS_KEY. Keystone makes
    none for an application credential."""
    endpoint: Annotated[str, AfterValidator(values.url)] | None = key(
        None, "an address such as https://s3.example.org", "https://s3.example.org"
    )
    """The address of the S3 API. Default: that of the catalog."""
    region: Annotated[str, AfterValidator(values.text)] = key(REGION, "the name of a region")
    """The region that requests to the S3 API are signed for."""

    @property
    def given_keys(self) -> tuple[str, ...]:
        """The secrets that the operator has to set."""
        return (ACCESS_KEY_ID, SECRET_ACCESS_KEY) if self.bucket and self.keys == GIVEN else ()

    @model_validator(mode="after")
    def _fits_together(self) -> "StorageSection":
        if not self.bucket and self.model_fields_set:
            name = sorted(self.model_fields_set)[0]
            raise contradiction(f"storage.{name}", "needs storage.bucket")
        return self
