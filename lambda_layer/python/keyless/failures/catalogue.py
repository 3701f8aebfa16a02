"""Every failure that the chain can meet: what the exceptions say, the doctor says, and docs/troubleshooting.md says."""

from collections.abc import Mapping

from keyless.failures import api, aws, exchange, impersonation, network, setup
from keyless.failures.failure import Failure

ALL: tuple[Failure, ...] = (
    *setup.CONFIGURATION,
    *setup.CLOCK,
    *aws.CREDENTIALS,
    *aws.IDENTITY,
    *network.NETWORK,
    *network.ANYWHERE,
    *exchange.EXCHANGE,
    *impersonation.IMPERSONATION,
    *api.API,
    *setup.DEPLOY,
)
"""In the order of the links, the clock before AWS's credentials: at each link the more particular words come first."""

BY_ID: Mapping[str, Failure] = {failure.id: failure for failure in ALL}
