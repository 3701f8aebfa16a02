"""Rights on a log stream are asked for on the stream, as AWS does: `log-group:NAME:*` covers it, `log-group:NAME` not.

MiniStack asks for them on the group, so that policies that are right on AWS, CDK's own among them, would be refused.
https://docs.aws.amazon.com/AmazonCloudWatch/latest/logs/iam-access-control-overview-cwl.html
"""

import json
from typing import Any

from local.aws.internals import iam_actions

ON_STREAMS = ("CreateLogStream", "PutLogEvents", "GetLogEvents")


def install() -> None:
    """Name the stream in what is looked up in policies."""
    stock = iam_actions.extract_resource_arn

    def extract(service: str, method: str, path: str, headers: Any, body: bytes, *rest: Any, **named: Any) -> str:
        arn: str = stock(service, method, path, headers, body, *rest, **named)
        action = str(headers.get("x-amz-target", "")).rpartition(".")[2] if service == "logs" else ""
        if action not in ON_STREAMS or ":log-group:" not in arn:
            return arn
        return f"{arn}:log-stream:{json.loads(body).get('logStreamName', '')}"

    iam_actions.extract_resource_arn = extract
