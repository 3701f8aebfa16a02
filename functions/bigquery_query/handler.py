"""Query BigQuery from Lambda, with no key: the corpora with the most distinct words, or where one word occurs."""

from typing import Any

import keyless
from aws_lambda_powertools import Logger
from aws_lambda_powertools.utilities.typing import LambdaContext
from google.cloud import bigquery

TABLE = "`bigquery-public-data.samples.shakespeare`"
RICHEST = f"SELECT corpus, COUNT(DISTINCT word) AS words FROM {TABLE} GROUP BY corpus ORDER BY words DESC LIMIT 3"  # noqa: S608
SEARCH = f"SELECT corpus, word_count FROM {TABLE} WHERE word = @word ORDER BY word_count DESC, corpus"  # noqa: S608

logger = Logger()
client = keyless.bigquery_client()  # in init: by the time it returns, the token is there


@logger.inject_lambda_context
def handler(event: dict[str, Any], context: LambdaContext) -> dict[str, Any]:
    """Answer `{}` with the three richest corpora, `{"word": W}` with every corpus in which W occurs."""
    word = event.get("word")
    parameters = [bigquery.ScalarQueryParameter("word", "STRING", word)] if word else []
    config = bigquery.QueryJobConfig(query_parameters=parameters)
    rows = client.query_and_wait(SEARCH if word else RICHEST, job_config=config)
    return {"rows": [dict(row) for row in rows]}
