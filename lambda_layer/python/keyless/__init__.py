"""Google Cloud from AWS Lambda without a service-account key.

    import keyless

    client = keyless.bigquery_client()

    def handler(event, context):
        return [dict(row) for row in client.query_and_wait("SELECT 1 AS one")]

Importing begins the exchange of the function's AWS identity for a Google token, when that is configured (see
`keyless.config`); outside Lambda it does nothing.
"""

from keyless import lifecycle

lifecycle.start()  # first of all: the connections open while the rest is imported

from keyless.aws.container import ContainerSupplier  # noqa: E402
from keyless.aws.environment import EnvironmentSupplier  # noqa: E402
from keyless.bigquery import bigquery_client  # noqa: E402
from keyless.credentials import Credentials, credentials  # noqa: E402
from keyless.errors import (  # noqa: E402
    ApiError,
    AwsCredentialsError,
    ChainError,
    ConfigurationError,
    ExchangeError,
    ImpersonationError,
    KeylessError,
)
from keyless.lifecycle import ready  # noqa: E402

__all__ = [
    "ApiError",
    "AwsCredentialsError",
    "ChainError",
    "ConfigurationError",
    "ContainerSupplier",
    "Credentials",
    "EnvironmentSupplier",
    "ExchangeError",
    "ImpersonationError",
    "KeylessError",
    "bigquery_client",
    "credentials",
    "ready",
]
