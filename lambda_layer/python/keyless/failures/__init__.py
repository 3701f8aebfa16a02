"""Every failure that the chain can meet: what the exceptions say, the doctor says, and docs/troubleshooting.md says."""

from collections.abc import Mapping

from keyless.failures import api, aws, exchange, impersonation
from keyless.failures import environment as surroundings
from keyless.failures.failure import Failure

ALL: tuple[Failure, ...] = (
    *surroundings.CONFIGURATION,
    *aws.CREDENTIALS,
    *aws.IDENTITY,
    *surroundings.CLOCK,
    *surroundings.NETWORK,
    *surroundings.ANYWHERE,
    *exchange.EXCHANGE,
    *impersonation.IMPERSONATION,
    *api.API,
    *surroundings.DEPLOY,
)
"""In the order of the links, and at each link the more particular words first."""

BY_ID: Mapping[str, Failure] = {failure.id: failure for failure in ALL}
