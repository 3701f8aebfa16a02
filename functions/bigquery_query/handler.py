"""Query BigQuery from Lambda, with no key: the corpora with the most distinct words, or where one word occurs."""

from typing import Any

import keyless
from aws_lambda_powertools import Logger
from aws_lambda_powertools.utilities.typing import LambdaContext
from google.cloud import bigquery

TABLE = "`bigquery-public-data.samples.shakespeare`"
RICHEST = f"SELECT corpus, COUNT(DISTINCT word) AS words FROM {TABLE} GROUP BY corpus ORDER BY words DESC LIMIT 3"  # noqa: S608
SEARCH = f"SELECT corpus, word_count FROM {TABLE} WHERE word = @word ORDER BY word_count DESC, corpus"  # noqa: S608
SECONDS = 20  # less than the function's timeout, so that a failure is told
RETRY = bigquery.DEFAULT_RETRY.with_timeout(SECONDS)

logger = Logger()
client = keyless.bigquery_client()  # in init: by the time it returns, the token is there


@logger.inject_lambda_context
def handler(event: Any, context: LambdaContext) -> dict[str, Any]:
    """Answer `{}` with the three richest corpora, `{"word": W}` with every corpus in which W occurs."""
    word = word_of(event)
    parameters = [bigquery.ScalarQueryParameter("word", "STRING", word)] if word else []
    config = bigquery.QueryJobConfig(query_parameters=parameters)
    query = SEARCH if word else RICHEST
    rows = client.query_and_wait(query, job_config=config, retry=RETRY, api_timeout=SECONDS, wait_timeout=SECONDS)
    return {"rows": [dict(row) for row in rows]}


def word_of(event: Any) -> str | None:
    """Return the word to look for, None where there is none; raises ValueError for what is no event of this."""
    if not isinstance(event, dict):
        raise ValueError('The event must be a JSON object: {} or {"word": "..."}')
    word = event.get("word")
    if "word" in event and (not isinstance(word, str) or not word):
        raise ValueError("'word' must be a text with at least one character")
    return word
