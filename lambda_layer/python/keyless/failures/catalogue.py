"""Every failure that the chain can meet: what the exceptions say, the doctor says, and docs/troubleshooting.md says."""

from collections.abc import Mapping

from keyless.failures import api, aws, environment, exchange, impersonation
from keyless.failures.failure import Failure

ALL: tuple[Failure, ...] = (
    *environment.CONFIGURATION,
    *aws.CREDENTIALS,
    *aws.IDENTITY,
    *environment.CLOCK,
    *environment.NETWORK,
    *environment.ANYWHERE,
    *exchange.EXCHANGE,
    *impersonation.IMPERSONATION,
    *api.API,
    *environment.DEPLOY,
)
"""In the order of the links, and at each link the more particular words first."""

BY_ID: Mapping[str, Failure] = {failure.id: failure for failure in ALL}
