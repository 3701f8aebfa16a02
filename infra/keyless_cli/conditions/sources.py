"""Where a provider's mapping and condition, and the ARNs to try on it, come from."""

import json
import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

from keyless_cli.bootstrap import administrator
from keyless_federation.conditions.trust import DEFAULT_MAPPING
from keyless_federation.google.client import Google, Request
from keyless_federation.google.shapes import PROVIDER
from keyless_federation.model.federation import RESOURCE_TYPE
from keyless_federation.model.rules import PROVIDER_NAME

T = TypeVar("T")

ROLE_ARN = re.compile(
    r"arn:(?P<partition>[\w-]+):(?:iam::(?P<account>\d{12}):role/(?:.*/)?|sts::(?P<owner>\d{12}):assumed-role/)"
    r"(?P<name>[^/]+)"
)
ARN = re.compile(r"arn:[\w-]+:(iam|sts)::\d{12}:\S+")
SECONDS = 60.0


class NotFoundError(Exception):
    """There is no provider, or no ARN, where one was looked for; the message says what to do."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Provider:
    """An AWS provider: its name, AWS account, mapping and condition, and the roles that are meant, if it is known."""

    name: str
    account: str
    mapping: Mapping[str, str]
    condition: str
    roles: tuple[str, ...] = ()


def from_app(assembly: Path) -> list[Provider]:
    """The providers that a synthesized app would make."""
    templates = sorted(assembly.glob("*.template.json"))
    if not templates:
        raise NotFoundError(
            f"{assembly} holds no synthesized app: run `npx cdk synth`, or give --condition or --provider"
        )
    found = {provider.name: provider for path in templates for provider in _declared(read_file(path, json.loads))}
    if not found:
        raise NotFoundError(f"no stack in {assembly} has a federation")
    return list(found.values())


def from_google(name: str) -> Provider:
    """A live provider, by its full name or as an audience, read with an administrator's credentials."""
    match = PROVIDER_NAME.search(name)
    if not match:
        raise NotFoundError(
            f"{name!r} is no provider: write projects/NUMBER/locations/global/workloadIdentityPools/POOL/providers/NAME"
        )
    needs = ("iam.workloadIdentityPoolProviders.get",)
    request = Request(
        what=f"read {match[0]}", method="GET", service="iam", path=f"v1/{match[0]}", needs=needs, answer=PROVIDER
    )
    found = Google.from_env(administrator.session(), seconds=SECONDS).send(request)
    if "aws" not in found:
        raise NotFoundError(f"{match[0]} is not a provider for AWS")
    return of_google({**found, "name": match[0]})


def of_google(found: Mapping[str, Any]) -> Provider:
    """Return a provider for AWS as Google's API and gcloud show it."""
    return Provider(
        name=str(found.get("name", "(unnamed)")),
        account=str(found["aws"].get("accountId", "")),
        mapping=found.get("attributeMapping") or DEFAULT_MAPPING,
        condition=found.get("attributeCondition") or "",
    )


def caller(arn: str) -> str:
    """The ARN by which Google knows a caller: for a role's own ARN, that of one of its sessions."""
    arn = arn.strip()
    if not ARN.fullmatch(arn):
        raise NotFoundError(
            f"{arn!r} is no ARN of a caller, such as arn:aws:sts::111122223333:assumed-role/ROLE/SESSION"
        )
    role = ROLE_ARN.fullmatch(arn)
    if not role:
        return arn
    return f"arn:{role['partition']}:sts::{role['account'] or role['owner']}:assumed-role/{role['name']}/SESSION"


def from_file(path: Path) -> list[str]:
    """The ARNs in a file: apart by white space, or a JSON list, as `aws iam list-roles` prints; # begins a comment."""
    return read_file(path, _arns)


def from_aws() -> list[str]:
    """Return the ARNs of all roles of the account of boto3's credentials; raise NotFoundError where AWS refuses."""
    import boto3  # half a second, and only this needs it
    from botocore.exceptions import BotoCoreError, ClientError

    try:
        pages = boto3.client("iam").get_paginator("list_roles").paginate()
        return [role["Arn"] for page in pages for role in page["Roles"]]
    except (BotoCoreError, ClientError) as error:
        raise NotFoundError(
            f"AWS does not list its roles: {str(error).rstrip('.')}. `aws sts get-caller-identity` must work, "
            "and iam:ListRoles be allowed"
        ) from error


def _arns(text: str) -> list[str]:
    if text.lstrip().startswith("["):
        return [str(arn) for arn in json.loads(text)]
    return re.sub(r"(?<!\S)#.*", "", text).split()


def read_file(path: Path, parse: Callable[[str], T]) -> T:
    """Return what `parse` makes of a file; raise NotFoundError where it raises ValueError."""
    try:
        return parse(path.read_text())
    except ValueError as error:
        raise NotFoundError(f"{path} cannot be read: {error}") from error


def _declared(template: Mapping[str, Any]) -> Iterator[Provider]:
    for resource in template.get("Resources", {}).values():
        if resource.get("Type") != RESOURCE_TYPE:
            continue
        properties = resource["Properties"]
        provider = properties["Provider"]
        yield Provider(
            name=f"{properties['Pool']['Id']}/{provider['Id']}",
            account=provider["AwsAccount"],
            mapping=provider["Mapping"],
            condition=provider["Condition"],
            roles=tuple(sorted(set(_roles(properties)))),
        )


def _roles(properties: Mapping[str, Any]) -> Iterator[str]:
    parts: Iterable[Mapping[str, Any]] = [*properties.get("ServiceAccounts", []), *properties.get("Direct", [])]
    for part in parts:
        yield from part.get("AwsRoles", [])
        yield from (arn.split("/")[1] for arn in part.get("AwsPrincipals", []))
