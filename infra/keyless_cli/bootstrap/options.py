"""The command's flags, checked before anything is asked of Google."""

import argparse
from collections.abc import Callable, Sequence
from typing import Any

from keyless_cli.arguments import following, parsed
from keyless_cli.arguments import parser as arguments_parser
from keyless_cli.bootstrap.bounds import BOUND_TO_GROW
from keyless_cli.bootstrap.permissions import ACCOUNTS, kind_of_resource
from keyless_federation.model import rules

MODES = ("check", "remove", "withdraw", "print_gcloud")


def parse(description: str | None, arguments: Sequence[str] | None) -> argparse.Namespace:
    """The flags, or the end of the program with what is wrong about them."""
    parser = arguments_parser("keyless bootstrap", description)
    _add_what(parser.add_argument)
    _add_how(parser.add_argument, parser.add_mutually_exclusive_group().add_argument)
    options = parser.parse_args(arguments)
    for refused, words in _contradictions(options):
        if refused:
            parser.error(words)
    return options


def _add_what(add: Callable[..., Any]) -> None:
    add("--project", required=True, type=following(rules.PROJECT), help="the Google project to make federations in")
    add("--account", required=True, type=following(rules.AWS_ACCOUNT), help="the AWS account that deploys")
    add("--stage", default=[], action="append", type=following(rules.STAGE), help="e.g. dev; repeatable")
    add("--region", default=[], action="append", type=following(rules.AWS_REGION), help="e.g. eu-west-1; repeatable")
    add("--identity-project", type=following(rules.PROJECT), help="where the deployer itself lives; default: --project")
    add(
        "--grantable-role",
        default=[],
        action="append",
        type=following(rules.ROLE),
        help="a role to grant on the project; repeatable, at most 10 in all; default: roles/bigquery.jobUser",
    )
    add(
        "--grants-on",
        default=[],
        action="append",
        type=parsed(kind_of_resource),
        metavar="KIND",
        help="let deployments grant any role on the project's resources of this kind, as Google's permissions spell "
        "it: bigquery.datasets, storage.buckets, pubsub.topics; repeatable",
    )


def _add_how(add: Callable[..., Any], add_mode: Callable[..., Any]) -> None:
    add_mode("--check", action="store_true", help="tell whether the bootstrap is whole and current; change nothing")
    add_mode("--withdraw", action="store_true", help="take these stages and regions away again, and nothing else")
    add_mode("--remove", action="store_true", help="take the whole bootstrap away")
    add_mode("--print-gcloud", action="store_true", help="print all of it as gcloud commands; needs no credentials")
    add(
        "--grants-only",
        action="store_true",
        help="let the deployer that lives in --identity-project grant on --project, and make no federations there",
    )
    add("--dry-run", action="store_true", help="print what would be done")
    add("--json", action="store_true", help="print the CDK context alone, one JSON object for each stage and region")
    add(
        "--project-number", type=following(rules.PROJECT_NUMBER), help="for --print-gcloud; else the script asks for it"
    )
    add("--orphan-federations", action="store_true", help="for --remove: although federations are left")
    add("--keep-identity", action="store_true", help="for --remove: the deployer works in other projects, too")


def _contradictions(options: argparse.Namespace) -> list[tuple[bool, str]]:
    mode = next((name for name in MODES if getattr(options, name)), None)
    where = options.stage or options.region
    grants = options.grantable_role or options.grants_on
    elsewhere = options.identity_project not in (None, options.project)
    somewhere = mode in ("check", "remove") or options.grants_only
    return [
        (not somewhere and not options.stage, "the following arguments are required: --stage"),
        (not somewhere and not options.region, "the following arguments are required: --region"),
        (
            options.grants_only and (bool(where) or options.json or mode == "withdraw" or not elsewhere),
            "--grants-only needs the --identity-project of a deployer that is there, and has no stages or regions",
        ),
        (
            ACCOUNTS in options.grants_on and not options.grants_only,
            f"--grants-on {ACCOUNTS} belongs to --grants-only: making federations takes it anyway",
        ),
        (
            options.grants_only and mode not in ("check", "remove") and not grants,
            "--grants-only needs a --grantable-role or --grants-on",
        ),
        (bool(options.stage) != bool(options.region), "--stage and --region go together"),
        (
            mode == "print_gcloud" and (options.dry_run or options.json),
            "--print-gcloud prints a script and does nothing else: leave out --dry-run and --json",
        ),
        (mode == "check" and (options.dry_run or options.json), "--check changes nothing and prints no context"),
        (
            mode == "remove" and bool(where or grants or options.json),
            "--remove takes all of it away; for some stages and regions alone there is --withdraw",
        ),
        (
            mode == "withdraw" and bool(grants),
            f"--withdraw takes stages and regions away, and no grants: {BOUND_TO_GROW}",
        ),
        (
            bool(options.project_number) and mode != "print_gcloud",
            "--project-number belongs to --print-gcloud: otherwise Google is asked",
        ),
        (
            (options.orphan_federations or options.keep_identity) and mode != "remove",
            "--orphan-federations and --keep-identity belong to --remove",
        ),
        (
            options.keep_identity and not elsewhere,
            "--keep-identity needs --identity-project: a deployer that lives in its own project works in no other",
        ),
    ]
