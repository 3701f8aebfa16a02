"""EventBridge invokes functions asynchronously: a failure is tried again and ends at the function's destination.

MiniStack has both for callers with the invocation type `Event`, and gives an event of a rule one try only.
"""

import json
from typing import Any

from local.aws.internals import eventbridge, lambda_svc


def install() -> None:
    """Let rules invoke functions the way those callers do."""
    stock = eventbridge._dispatch_to_lambda

    def dispatch(arn: str, payload: Any) -> None:
        function, config, _ = lambda_svc._get_func_record_for_ref(arn)
        if function and config:
            record = lambda_svc._execution_record_for_config(function, config)
            lambda_svc.invoke_async_with_retry(record, json.loads(payload))
        else:
            stock(arn, payload)  # says in the log that there is no such function

    eventbridge._dispatch_to_lambda = dispatch
