"""Where the AWS credentials come from: suppliers for google-auth's signer."""

import os
import re
from collections.abc import Mapping
from typing import Any

from google.auth.aws import AwsSecurityCredentials, AwsSecurityCredentialsSupplier
from keyless.catalogue import Diagnosis
from keyless.errors import AwsCredentialsError

KEYS = ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY")
CONTAINER_URIS = ("AWS_CONTAINER_CREDENTIALS_FULL_URI", "AWS_CONTAINER_CREDENTIALS_RELATIVE_URI")
_REGION = re.compile(r"[a-z]{2,}(-[a-z]+)+-\d+")


class EnvironmentSupplier(AwsSecurityCredentialsSupplier):
    """The credentials that Lambda puts into the environment, read anew at each call.

    Never asks EC2's metadata service: on Lambda there is none, and a request to it hangs.
    """

    def __init__(self, environ: Mapping[str, str] = os.environ) -> None:
        self._environ = environ

    def get_aws_security_credentials(self, context: Any, request: Any) -> AwsSecurityCredentials:
        """The function's own keys; AwsCredentialsError names every variable that is missing."""
        missing = [name for name in KEYS if not self._environ.get(name)]
        if missing:
            raise AwsCredentialsError(" and ".join(missing), self._missing())
        key, secret = (self._environ[name] for name in KEYS)
        return AwsSecurityCredentials(key, secret, self._environ.get("AWS_SESSION_TOKEN") or None)

    def get_aws_region(self, context: Any, request: Any) -> str:
        """The region whose STS will vouch for the caller; AwsCredentialsError when there is none to use."""
        region = self._environ.get("AWS_REGION") or self._environ.get("AWS_DEFAULT_REGION") or ""
        if not region:
            raise AwsCredentialsError(
                "AWS_REGION",
                Diagnosis(cause="the variable is not set", remedy="Set AWS_REGION, e.g. to eu-central-1"),
            )
        if region.startswith("cn-"):
            raise AwsCredentialsError(
                region,
                Diagnosis(
                    cause="regions of the partition aws-cn have an STS of their own, which Google does not ask",
                    remedy="Run the function in a region of the partition aws",
                ),
            )
        if not _REGION.fullmatch(region):
            raise AwsCredentialsError(
                repr(region),
                Diagnosis(cause="this is not the name of a region", remedy="Set AWS_REGION to one"),
            )
        return region

    def _missing(self) -> Diagnosis:
        if any(self._environ.get(name) for name in CONTAINER_URIS):
            return Diagnosis(
                cause="not set; this environment has its credentials behind the container endpoint "
                "(AWS_CONTAINER_CREDENTIALS_*), which this supplier does not read",
                remedy="Name no supplier, or ContainerSupplier",
            )
        if self._environ.get("AWS_EXECUTION_ENV", "").startswith("AWS_Lambda"):
            return Diagnosis(
                cause="not set, although this is Lambda, which sets them from the function's role before it starts",
                remedy="Look for what unsets them: a wrapper script, an extension, or the handler's own code",
            )
        return Diagnosis(
            cause="not set, so there is no AWS identity to start from",
            remedy="Lambda sets them from the function's role; elsewhere export credentials of a role",
        )
