"""The story of a chain, read from what both clouds wrote down: who called whom as whom, and how long it took."""

import json
import time
import urllib.request
from collections.abc import Iterator, Mapping
from typing import Any

from local.clouds import PROJECT
from local.invoke import FUNCTION, client

Entry = Mapping[str, Any]


def tell(environment: Mapping[str, str], since: int) -> list[str]:
    """The chain's links as lines of text, from the local Google's audit log after `since` and the function's log."""
    entries = audit(environment, since=0)["entries"]
    queries = [entry for entry in entries[since:] if entry["service"] == "bigquery" and entry["status"] == 200]
    reader = queries[-1]["principal"] if queries else None
    minted = _last(entries, "GenerateAccessToken", resource=reader)
    exchange = _last(entries, "ExchangeToken", arn_of=minted)
    warm = token_ready(environment)
    took = warm["ms"]
    return [
        f"1. AWS says who calls    {exchange['aws_arn']}",
        f"                         by a GetCallerIdentity signed with the function's own role: {took['aws-credentials']} ms",
        f"2. Google lets it in as  {exchange['principal']}",
        f"                         having had AWS verify that request: {took['sts-exchange']} ms",
        f"3. It becomes            {reader}",
        f"                         by a binding to its role: {took['impersonation']} ms",
        f"4. BigQuery serves it    {len(queries)} queries, each as that account on behalf of 2.",
        "",
        f"The token was there before the first request, made during init ({warm['init']}).",
        f"User-managed keys of all service accounts of {PROJECT}: {sum(user_managed_keys(environment))}.",
    ]


def audit(environment: Mapping[str, str], *, since: int) -> dict[str, Any]:
    """The local Google's audit log from entry `since` on: `{"entries": [...], "next": N}`."""
    answer: dict[str, Any] = _google(environment, f"/_local/audit?since={since}")
    return answer


def token_ready(environment: Mapping[str, str], *, patience: float = 5.0) -> dict[str, Any]:
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


def _last(entries: list[Entry], method: str, *, resource: str | None = None, arn_of: Entry | None = None) -> Entry:
    return next(
        entry
        for entry in reversed(entries)
        if entry["method"].endswith(method)
        and entry["status"] == 200
        and (resource is None or resource in entry["resource"])
        and (arn_of is None or entry["principal"] == arn_of["principal"])
    )


def _google(environment: Mapping[str, str], path: str) -> Any:
    request = urllib.request.Request(  # noqa: S310 -- a loopback address of ours
        environment["GOOGLE_ENDPOINT"] + path,
        headers={"Authorization": f"Bearer {environment['GOOGLE_ADMIN_TOKEN']}"},
    )
    with urllib.request.urlopen(request, timeout=10) as answer:  # noqa: S310
        return json.load(answer)
