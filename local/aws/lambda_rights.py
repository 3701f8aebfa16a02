"""Who makes or changes a function must be allowed to pass its role, to read its layers and to tag it.

MiniStack asks for `lambda:CreateFunction` on `*`, and for none of these. Stacks are made in CloudFormation's name.
https://docs.aws.amazon.com/lambda/latest/dg/permissions-granting-lambda-access.html
"""

import json
from collections.abc import Iterator
from typing import Any

from local.aws.internals import iam_actions, iam_evaluator, lambda_svc, responses

FUNCTIONS = "/2015-03-31/functions"

Json = dict[str, Any]


def install() -> None:
    """Ask before functions are made or changed."""
    _name_the_function()
    create, change = lambda_svc._create_function, lambda_svc._update_config
    lambda_svc._create_function = lambda data: _refusal(data.get("FunctionName", ""), data) or create(data)
    lambda_svc._update_config = lambda name, data: _refusal(name, data) or change(name, data)


def _name_the_function() -> None:
    stock = iam_actions.extract_resource_arn

    def extract(
        service: str, method: str, path: str, headers: Any, body: bytes, query: Any, region: str, account: str
    ) -> str:
        if (service, method, path.rstrip("/")) == ("lambda", "POST", FUNCTIONS):
            return _function(json.loads(body).get("FunctionName", ""), region, account)
        arn: str = stock(service, method, path, headers, body, query, region, account)
        return arn

    iam_actions.extract_resource_arn = extract


def _refusal(name: str, data: Json) -> Any:
    """As an answer, or None: also for what CloudFormation does, which has no key."""
    key, region = lambda_svc._request_access_key.get(), responses.get_region()
    for action, resource in _asked(name, data) if key else ():
        passed = {"iam:PassedToService": "lambda.amazonaws.com"}
        service = action.partition(":")[0]
        if denied := iam_evaluator.enforce(key, action, service, region, resource, passed):
            words = iam_actions.identity_denial_message(
                action, denied.principal_arn, resource, denied.decision == "Deny"
            )
            return responses.error_response_json("AccessDeniedException", words, 403)
    return None


def _asked(name: str, data: Json) -> Iterator[tuple[str, str]]:
    """Actions and what they are asked on."""
    if data.get("Role"):
        yield "iam:PassRole", data["Role"]
    for layer in data.get("Layers") or ():
        yield "lambda:GetLayerVersion", layer
    if data.get("Tags"):
        yield "lambda:TagResource", _function(name, responses.get_region(), responses.get_account_id())


def _function(name: str, region: str, account: str) -> str:
    return name if name.startswith("arn:") else f"arn:aws:lambda:{region}:{account}:function:{name}"
