"""The story of a chain, read from what both clouds wrote down: who called whom as whom, and how long it took."""

import json
import time
import urllib.request
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from local.clouds import PROJECT
from local.invoke import FUNCTION, client

Entry = Mapping[str, Any]


def tell(environment: Mapping[str, str], since: int) -> list[str]:
    """The chain's links as lines of text, from the local Google's audit log after `since` and the function's log."""
    entries = audit(environment, since=0)["entries"]
    queries = [entry for entry in entries[since:] if entry["method"].endswith("JobService.Query")]
    query = _last(queries, "Query")
    exchange = _last(entries, "ExchangeToken", principal=query["delegation"])
    pool = exchange["principal"].partition("/workloadIdentityPools/")[2].partition("/")[0]
    warm = token_ready(environment)
    took = warm["ms"]
    keys = list(user_managed_keys(environment))
    return [
        _link(1, "The function signs a GetCallerIdentity request with its own AWS role", took["aws-credentials"]),
        f"     {exchange['aws_arn']}",
        _link(2, "Google has AWS verify it, evaluates the condition and lets it in", took["sts-exchange"]),
        f"     as a federated identity of the pool {pool}",
        _link(3, "Its role's binding lets it become a service account, for an hour", took["impersonation"]),
        f"     {query['principal']}",
        f"  4. BigQuery runs {len(queries)} queries as that account, and logs the function's ARN behind each",
        "",
        f"  The token was made in init ({warm['init']}), before the first request came.",
        f"  Keys that people made for the {len(keys)} service accounts of this project: {sum(keys)}.",
    ]


def _link(number: int, what: str, milliseconds: float) -> str:
    return f"  {number}. {what:<72}{milliseconds:>8.1f} ms"


def audit(environment: Mapping[str, str], *, since: int) -> dict[str, Any]:
    """The local Google's audit log from entry `since` on: `{"entries": [...], "next": N}`."""
    answer: dict[str, Any] = _google(environment, f"/_local/audit?since={since}")
    return answer


def token_ready(environment: Mapping[str, str], *, patience: float = 30.0) -> dict[str, Any]:
    """The line that the layer logged when its token was ready in init: durations in ms, init type, expiry."""
    logs = client("logs", environment)
    deadline = time.monotonic() + patience
    while True:
        events = logs.filter_log_events(logGroupName=f"/aws/lambda/{FUNCTION}")["events"]
        for message in (event["message"] for event in events):
            if '"token-ready"' in message:
                line: dict[str, Any] = json.loads(message[message.index("{") :])
                return line
        if time.monotonic() > deadline:
            raise LookupError(f"no line 'token-ready' in /aws/lambda/{FUNCTION}: the function did not warm up in init")
        time.sleep(0.2)


def user_managed_keys(environment: Mapping[str, str]) -> Iterator[int]:
    """For each service account of the project, how many keys people made for it."""
    for account in _google(environment, f"/iam/v1/projects/{PROJECT}/serviceAccounts").get("accounts", []):
        keys = _google(environment, f"/iam/v1/{account['name']}/keys?keyTypes=USER_MANAGED")
        yield len(keys.get("keys", []))


def _last(entries: Sequence[Entry], method: str, *, principal: str | None = None) -> Entry:
    """The latest successful call of `method`, by `principal` if given; LookupError when there is none."""
    for entry in reversed(entries):
        if entry["method"].endswith(method) and entry["status"] == 200 and principal in (None, entry["principal"]):
            return entry
    raise LookupError(f"the local Google's audit log has no successful {method} of {principal or 'anyone'}")


def _google(environment: Mapping[str, str], path: str) -> Any:
    request = urllib.request.Request(  # noqa: S310 -- a loopback address of ours
        environment["GOOGLE_ENDPOINT"] + path,
        headers={"Authorization": f"Bearer {environment['GOOGLE_ADMIN_TOKEN']}"},
    )
    with urllib.request.urlopen(request, timeout=60) as answer:  # noqa: S310
        return json.load(answer)
