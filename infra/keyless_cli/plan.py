"""What a deployment would do on Google: the plan of the federations in a synthesized app, and nothing is changed.

    npx cdk synth --quiet && keyless plan

Needs credentials that may read: Application Default Credentials, or GOOGLE_OAUTH_ACCESS_TOKEN. With the variables of
build/local.env, the local Google is asked. What can go wrong at deploy (names that are taken, datasets that are not
there) is told as it would be then.
"""

import argparse
import json
import os
import sys
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import boto3
from botocore.exceptions import BotoCoreError, ClientError
from google.auth.exceptions import GoogleAuthError

from keyless_cli.arguments import parser as arguments_parser
from keyless_cli.bootstrap import administrator
from keyless_cli.printing import NOTHING, show
from keyless_federation.conditions.neighbours import Bound, openings
from keyless_federation.errors import FederationError, GoogleError
from keyless_federation.google.client import Google
from keyless_federation.google.pools import list_providers
from keyless_federation.google.soft_deletion import is_active
from keyless_federation.google.step import Step
from keyless_federation.model.federation import RESOURCE_TYPE, Federation, Phase
from keyless_federation.model.fields import Json
from keyless_federation.model.grants import Direct
from keyless_federation.model.resources import Account
from keyless_federation.plan import plan
from keyless_federation.policies.entitlements import left
from keyless_federation.read import read
from keyless_federation.reconcile import enabling

SECONDS = 120.0  # for everything
CHANGES = 2  # the exit code, as `terraform plan -detailed-exitcode` has it
LATER = "... and what follows can be told once these APIs are enabled"
UNTOLD = "(grants that the deployed stack gave and this one does not give are told with --deployed)"


class NoAppError(ValueError):
    """There is nothing synthesized to plan for; the message says how to get there."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Planned:
    """A federation of a stack, as its settling resource makes it: exactly."""

    stack: str
    federation: Federation


def main(arguments: Sequence[str] | None = None) -> int:
    """The command; returns its exit code."""
    options = _options(arguments)
    try:
        found = federations(options.app, options.stack)
        google = Google.from_env(_session(), seconds=SECONDS)
        steps = sum(_tell(google, planned, options) for planned in found)
    except (FederationError, GoogleAuthError, ValueError, BotoCoreError, ClientError) as error:
        print(f"plan: {administrator.explain(error)}", file=sys.stderr)
        return 1
    print(f"{steps} step{'s' * (steps != 1)} to take; nothing was changed." if steps else NOTHING)
    return CHANGES if steps and options.detailed_exitcode else 0


def federations(folder: Path, stack: str | None = None) -> list[Planned]:
    """The federations in a folder that `cdk synth` wrote, of one stack or of all."""
    found = [
        Planned(stack=template.name.removesuffix(".template.json"), federation=federation)
        for template in sorted(folder.glob("**/*.template.json"))
        for federation in _federations(json.loads(template.read_text()))
    ]
    if not found:
        raise NoAppError(
            f"There is no federation in {folder}. Run `npx cdk synth --quiet` first, or name its --app folder"
        )
    chosen = [planned for planned in found if stack in (None, planned.stack)]
    if not chosen:
        raise NoAppError(
            f"No stack {stack} with a federation. There are: {', '.join(planned.stack for planned in found)}"
        )
    return chosen


def steps_of(google: Google, desired: Federation, previous: Federation | None) -> tuple[list[Step], list[str]]:
    """What a deployment would do now, and what else is to be known of it."""
    first, others = enabling(google, desired, previous)
    apis = [*first, *others]
    try:
        actual = read(google, desired, previous)
    except GoogleError as error:
        if not first or error.reason != "SERVICE_DISABLED":
            raise
        return apis, [LATER]
    untold = [UNTOLD] if previous is None and is_active(actual.provider) else []
    notes = [*left(desired, actual), *actual.passed_over.values(), *untold]
    return [*apis, *plan(desired, actual)], [*notes, *_neighbours(google, desired, actual.pool)]


def _neighbours(google: Google, desired: Federation, pool: Json | None) -> list[str]:
    """What other providers of the pool open to others, of what is granted to our roles."""
    if not desired.present or not is_active(pool):
        return []
    whom: tuple[Account | Direct, ...] = (*desired.accounts, *desired.direct)
    bound = Bound(
        account=desired.provider.aws_account,
        roles=frozenset(role for one in whom for role in one.aws_roles),
        subjects=frozenset(arn for one in whom for arn in one.aws_principals),
    )
    others = (one for one in list_providers(google, desired) if not one["name"].endswith(f"/{desired.provider.id}"))
    return openings(others, bound)


def _tell(google: Google, planned: Planned, options: argparse.Namespace) -> int:
    federation, previous = planned.federation, None
    if options.destroy:
        desired, previous = federation.gone(), federation
    else:
        desired = federation
        previous = _deployed(planned) if options.deployed else None
    print(f"{planned.stack}: the provider {federation.id} of the project {federation.project}")
    steps, notes = steps_of(google, desired, previous)
    show(steps, print)
    for note in notes:
        print(f"  {note}")
    return len(steps)


def _deployed(planned: Planned) -> Federation | None:
    """The federation as the stack has it now; None where there is no such stack yet."""
    _, region, _ = planned.federation.owner.split("/", 2)
    client = boto3.client("cloudformation", region_name=region)
    try:
        body = client.get_template(StackName=planned.stack, TemplateStage="Processed")["TemplateBody"]
    except ClientError as error:
        if "does not exist" not in str(error):
            raise
        return None
    deployed = _federations(json.loads(body) if isinstance(body, str) else body)
    same = [one for one in deployed if one.project == planned.federation.project]
    return next((one for one in same if one.id == planned.federation.id), same[0] if len(same) == 1 else None)


def _federations(template: Mapping[str, Any]) -> Iterator[Federation]:
    for resource in template.get("Resources", {}).values():
        if resource.get("Type") == RESOURCE_TYPE and resource["Properties"].get("Phase") != Phase.OPEN:
            yield Federation.from_properties(resource["Properties"])


def _session() -> Any:
    """Whoever the environment says, at the local Google where it is that one's."""
    if (endpoint := os.environ.get("GOOGLE_ENDPOINT")) and "KEYLESS_GOOGLE_ENDPOINT" not in os.environ:
        os.environ["KEYLESS_GOOGLE_ENDPOINT"] = f"{endpoint}/{{service}}"
        os.environ[administrator.TOKEN] = os.environ.get("GOOGLE_ADMIN_TOKEN", "")
    return administrator.session()


def _options(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = arguments_parser("keyless plan", __doc__)
    add = parser.add_argument
    add("--app", type=Path, default=Path("cdk.out"), help="the folder that `cdk synth` wrote; default: cdk.out")
    add("--stack", help="one stack alone")
    add("--destroy", action="store_true", help="what `cdk destroy` would do")
    add("--deployed", action="store_true", help="also what the deployed stack gave and this one does not; asks AWS")
    add("--detailed-exitcode", action="store_true", help=f"exit with {CHANGES} where there is anything to do")
    return parser.parse_args(arguments)


if __name__ == "__main__":
    sys.exit(main())
