"""Google's half of `cdk bootstrap`: makes the identity as which deployments work on Google, once per project.

    python -m infra.bootstrap --project my-project --account 111122223333 --stage dev --region eu-west-1

Needs an administrator's credentials: Application Default Credentials, or GOOGLE_OAUTH_ACCESS_TOKEN. Who may not run
this on Google's side has it printed for somebody who may: --print-gcloud.
Running it again changes only what differs; stages, regions and grantable roles are added to the earlier ones.
"""

import argparse
import json
import re
import sys
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

from google.auth.exceptions import GoogleAuthError

from functions.gcp_federation.actual import project_number, read
from functions.gcp_federation.apis import plan_apis
from functions.gcp_federation.errors import FederationError, GoogleError, NotOurs
from functions.gcp_federation.google import Google
from functions.gcp_federation.plan import plan
from functions.gcp_federation.policies import bindings_of, read_policy
from functions.gcp_federation.providers import find_provider
from functions.gcp_federation.reconcile import apply
from functions.gcp_federation.resources import Project
from functions.gcp_federation.steps import Step
from functions.gcp_federation.trust import roles_of
from infra.bootstrap import administrator, custom_roles, gcloud
from infra.bootstrap.deployer import APIS, Deployer, grantable_of
from infra.settings import CONTEXT_KEY, RULES

Part = Callable[[Deployer, Google], list[Step]]
SECONDS = 600.0  # for everything
WARNING = """
Know this: the deployer may set the policy of every service account of {project}, so it can become any of them.
Google can bound which roles it grants on the project, not which accounts it administers. Let {project} hold
nothing but identities, and grant them rights on your other projects."""
SAME_PROJECT = """\
It may also change the pool that it comes in through; --identity-project puts that pool out of its reach."""


def main(arguments: Sequence[str] | None = None) -> int:
    """The command; returns its exit code."""
    options = _options(arguments)
    try:
        if options.print_gcloud:
            print(gcloud.script(_deployer_of(options, ""), options.project_number), end="")
            return 0
        _run(options, Google.from_env(administrator.session(), seconds=SECONDS))
    except (FederationError, GoogleAuthError, ValueError) as error:
        _say(f"bootstrap: {administrator.explain(error)}")
        return 1
    return 0


def _run(options: argparse.Namespace, cloud: Google) -> None:
    number = project_number(cloud, options.project)
    home = options.identity_project
    deployer = _deployer_of(options, number if home in (None, options.project) else project_number(cloud, home))
    parts = (_withdrawal,) if options.withdraw else (_apis, _roles, _deployer)
    changes = _bring_about(deployer, cloud, parts, dry_run=options.dry_run)
    if not changes:
        _say("Nothing to do: everything is as it should be.")
    else:
        told = "to take; nothing was changed (--dry-run)" if options.dry_run else "taken"
        _say(f"{changes} step{'s' * (changes != 1)} {told}.")
    if not options.withdraw:
        _report(deployer, number, plain=options.json)


def _deployer_of(options: argparse.Namespace, home_number: str) -> Deployer:
    return Deployer(
        project=options.project,
        home=options.identity_project or options.project,
        home_number=home_number,
        account=options.account,
        stages=tuple(options.stage),
        regions=tuple(options.region),
        grantable=tuple(options.grantable_role or ["roles/bigquery.jobUser"]),
        dataset_grants=options.dataset_grants,
    )


def _bring_about(deployer: Deployer, cloud: Google, parts: Sequence[Part], *, dry_run: bool) -> int:
    """APIs first, for the rest is read through them; then roles, then everything that is bound to roles."""
    taken = 0
    for steps in parts:
        try:
            planned = steps(deployer, cloud)
        except GoogleError as error:
            if not dry_run or error.reason != "SERVICE_DISABLED":
                raise
            _say("  ... and what follows can be told once these APIs are enabled")
            break
        taken += len(planned)
        if dry_run:
            for step in planned:
                _say(f"  would {step}")
        else:
            apply(cloud, planned, lambda step: _say(f"  {step}"))
    return taken


def _apis(deployer: Deployer, cloud: Google) -> list[Step]:
    return [step for project in sorted({deployer.home, deployer.project}) for step in plan_apis(cloud, project, APIS)]


def _roles(deployer: Deployer, cloud: Google) -> list[Step]:
    found = [(role, custom_roles.find_role(cloud, role)) for role in deployer.roles]
    if conflicts := [problem for role, present in found for problem in custom_roles.conflicts(role, present)]:
        raise NotOurs(conflicts)
    return [step for role, present in found for step in custom_roles.plan_role(role, present)]


def _deployer(deployer: Deployer, cloud: Google) -> list[Step]:
    bindings, live = bindings_of(read_policy(cloud, Project(deployer.project))), _live(deployer, cloud)
    desired = deployer.federation(live, grantable_of(deployer.bounded(bindings)))
    for role in sorted(live - set(deployer.aws_roles)):
        _say(f"  the AWS role {role} stays the deployer, too")
    previous = deployer.earlier(desired, bindings)
    return plan(desired, read(cloud, desired, previous))


def _withdrawal(deployer: Deployer, cloud: Google) -> list[Step]:
    """Takes the stages and regions away again; all else stays as it is."""
    live = _live(deployer, cloud)
    left = live - set(deployer.aws_roles)
    if left == live:
        return []
    if not left:
        raise ValueError("Nobody would be left to become the deployer: docs/delete.md says how to delete all of it")
    bindings = bindings_of(read_policy(cloud, Project(deployer.project)))
    rest = replace(deployer, stages=(), grantable=())
    desired = rest.federation(left, grantable_of(deployer.bounded(bindings)))
    return plan(desired, read(cloud, desired, deployer.earlier(desired, bindings)))


def _live(deployer: Deployer, cloud: Google) -> frozenset[str]:
    """The AWS roles that become the deployer now."""
    provider = find_provider(cloud, deployer.federation()) or {}
    return roles_of(provider.get("attributeCondition", "")) if provider.get("state") != "DELETED" else frozenset()


def _report(deployer: Deployer, number: str, *, plain: bool) -> None:
    for context in deployer.contexts(number):
        if plain:
            print(json.dumps(context))
        else:
            where = f"stage {context['stage']} in {context['region']}"
            print(f"\nFor {where}, in cdk.context.json (or as `-c '{CONTEXT_KEY}=...'`):\n")
            print(json.dumps({CONTEXT_KEY: context}, indent=2))
    if not plain:
        print(WARNING.format(project=deployer.project))
        if deployer.home == deployer.project:
            print(SAME_PROJECT)


def _options(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="python -m infra.bootstrap",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    add = parser.add_argument
    add("--project", required=True, type=_checked("project"), help="the Google project to make federations in")
    add("--account", required=True, type=_checked("account"), help="the AWS account that deploys")
    add("--stage", required=True, action="append", type=_checked("stage"), help="e.g. dev; repeatable")
    add("--region", required=True, action="append", type=_checked("region"), help="e.g. eu-west-1; repeatable")
    add("--identity-project", type=_checked("project"), help="where the deployer itself lives; default: --project")
    add("--grantable-role", action="append", type=_role, help="a role to grant on the project; at most 10 in all")
    add("--dataset-grants", action="store_true", help="let deployments grant roles on the project's datasets")
    add("--dry-run", action="store_true", help="print what would be done")
    add("--json", action="store_true", help="print the CDK context alone, one JSON object for each stage and region")
    add("--withdraw", action="store_true", help="take these stages and regions away again, and nothing else")
    add("--print-gcloud", action="store_true", help="print all of it as gcloud commands; needs no credentials")
    add("--project-number", type=_checked("project_number"), help="for --print-gcloud; else the script asks for it")
    options = parser.parse_args(arguments)
    if options.print_gcloud and (options.dry_run or options.json or options.withdraw):
        parser.error("--print-gcloud prints a script and does nothing else: leave out --dry-run, --json and --withdraw")
    if options.project_number and not options.print_gcloud:
        parser.error("--project-number belongs to --print-gcloud: otherwise Google is asked")
    return options


def _checked(name: str) -> Any:
    pattern, meaning = RULES[name]

    def check(value: str) -> str:
        if not re.fullmatch(pattern, value):
            raise argparse.ArgumentTypeError(f"{value!r} is not {meaning}")
        return value

    return check


def _role(value: str) -> str:
    if not re.fullmatch(r"((projects|organizations)/[^/]+/)?roles/[\w.]+", value):
        raise argparse.ArgumentTypeError(f"{value!r} is not a role such as roles/bigquery.jobUser")
    return value


def _say(line: str) -> None:
    print(line, file=sys.stderr, flush=True)


if __name__ == "__main__":
    sys.exit(main())
