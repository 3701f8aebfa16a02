"""A BigQuery client that has its token, and its connection, before the first query."""

import os
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from keyless import lifecycle
from keyless.config import GOOGLE_ENDPOINT, Config
from keyless.credentials import Credentials
from keyless.net.connections import connections_for

if TYPE_CHECKING:
    from google.cloud.bigquery import Client


def bigquery_client(**kwargs: Any) -> "Client":
    """Return a `google.cloud.bigquery.Client` that needs no key; `kwargs` are the client's own and win.

    Importing and building it takes longer than the exchange, which runs meanwhile; what is left of that is
    waited for, as long as this kind of init allows. Raises ConfigurationError when Keyless is not configured, unless
    `credentials` and `project` are given, and nothing because Google could not be reached: the first query then
    raises a ChainError.
    """
    given = {"credentials", "project"} <= kwargs.keys()
    config = Config.from_env(os.environ) if given else Config.require(os.environ)
    # More than half of a cold start's imports: only those who query pay for them.
    from google.cloud import bigquery
    from keyless.adapter import AheadAdapter

    if config is None:
        return bigquery.Client(**kwargs)
    kwargs.setdefault("project", config.project)
    kwargs.setdefault("credentials", Credentials(config))
    if config.google_endpoint != GOOGLE_ENDPOINT:
        kwargs.setdefault("client_options", {"api_endpoint": config.endpoint("bigquery")})
    client = bigquery.Client(**kwargs)
    if "_http" not in kwargs:
        address = urlsplit(config.endpoint("bigquery"))
        client._http.mount(f"{address.scheme}://{address.netloc}/", AheadAdapter(connections_for(config)))
    lifecycle.ready()
    return client
