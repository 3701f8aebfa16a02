"""AWS credentials from environment variables, for google-auth's signer."""

import os
import re
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from google.auth.aws import AwsSecurityCredentials, AwsSecurityCredentialsSupplier
from keyless import failures
from keyless.errors import AwsCredentialsError

if TYPE_CHECKING:
    from keyless.failures.failure import Failure

KEYS = ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY")
SESSION = "AWS_SESSION_TOKEN"
CONTAINER_URIS = ("AWS_CONTAINER_CREDENTIALS_FULL_URI", "AWS_CONTAINER_CREDENTIALS_RELATIVE_URI")
REGIONS = ("AWS_REGION", "AWS_DEFAULT_REGION")
_WITHOUT_SUPPLIER = {
    "AWS_WEB_IDENTITY_TOKEN_FILE": "aws-keys-of-web-identity",
    "AWS_PROFILE": "aws-keys-of-profile",
    "AWS_DEFAULT_PROFILE": "aws-keys-of-profile",
}
"""Variables of AWS's SDKs that lead to credentials which Keyless does not read, and what to say then."""

_KEY = re.compile(r"[!-~]+")
_OTHER_PARTITION = re.compile(r"(cn|us-gov|[a-z]{2}-iso[a-z]?|eusc)(-[a-z]{1,12})+-[0-9]{1,2}")
_REGION = re.compile(r"(?!cn-|us-gov-|[a-z]{2}-iso)[a-z]{2}(-[a-z]+)+-[0-9]+")


class EnvironmentSupplier(AwsSecurityCredentialsSupplier):
    """The credentials that Lambda puts into the environment, read anew at each call.

    Never asks EC2's metadata service: on Lambda there is none, and a request to it hangs.
    """

    def __init__(self, environ: Mapping[str, str] = os.environ) -> None:
        self._environ = environ

    def get_aws_security_credentials(self, context: Any, request: Any) -> AwsSecurityCredentials:
        """Return the function's own keys; AwsCredentialsError names every variable that is missing."""
        missing = [name for name in KEYS if not self._environ.get(name)]
        if missing:
            raise AwsCredentialsError(" and ".join(missing), self._missing())
        malformed = [name for name in (*KEYS, SESSION) if not _KEY.fullmatch(self._environ.get(name) or "unset")]
        if malformed:
            raise AwsCredentialsError(" and ".join(malformed), failures.find("aws-keys-malformed"))
        key, secret = (self._environ[name] for name in KEYS)
        return AwsSecurityCredentials(key, secret, self._environ.get(SESSION) or None)

    def get_aws_region(self, context: Any, request: Any) -> str:
        """Return the region whose STS vouches for the caller; AwsCredentialsError when there is no usable one."""
        name = next((name for name in REGIONS if self._environ.get(name)), "")
        if not name:
            raise AwsCredentialsError(REGIONS[0], failures.find("aws-region-missing"))
        region = self._environ[name]
        if _OTHER_PARTITION.fullmatch(region):
            raise AwsCredentialsError(region, failures.find("aws-region-of-another-partition"))
        if not _REGION.fullmatch(region):
            from keyless.refusals import describe

            raise AwsCredentialsError(f"{name}, {describe(region, 'region')}", failures.find("aws-region-malformed"))
        return region

    def _missing(self) -> "Failure":
        if any(self._environ.get(name) for name in CONTAINER_URIS):
            return failures.find("aws-keys-in-container")
        if self._environ.get("AWS_EXECUTION_ENV", "").startswith("AWS_Lambda"):
            return failures.find("aws-keys-missing-on-lambda")
        for name, entry in _WITHOUT_SUPPLIER.items():
            if self._environ.get(name):
                return failures.find(entry)
        return failures.find("aws-keys-missing")
