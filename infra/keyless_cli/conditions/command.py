"""Tries an AWS provider's condition on callers, says which clause keeps each one out, and looks for who else gets in.

    keyless conditions arn:aws:sts::111122223333:assumed-role/my-role/my-function      (of ./cdk.out)
    keyless conditions --provider //iam.googleapis.com/projects/.../providers/mine --from-aws
    keyless conditions --from provider.json                 (gcloud's --format=json, or terraform show -json)
    keyless conditions --account 111122223333 --condition "attribute.aws_role == 'my-role'"

Exit code: 0 when it compiles, lets in nobody who is not meant, and every --admit and --refuse is as expected;
1 when not; 2 when there is nothing to look at.
"""

import argparse
import json
import sys
from collections.abc import Sequence
from pathlib import Path
from textwrap import indent

from google.auth.exceptions import GoogleAuthError

from keyless_cli.arguments import following, parsed
from keyless_cli.arguments import parser as arguments_parser
from keyless_cli.bootstrap import administrator
from keyless_cli.conditions import sources
from keyless_cli.conditions.documents import from_document
from keyless_cli.conditions.mappings import describe_mapping, parse_mapping
from keyless_cli.conditions.sources import NotFoundError, Provider
from keyless_cli.conditions.verdict import Judgement, judge
from keyless_federation.errors import FederationError
from keyless_federation.model.condition import MAPPING
from keyless_federation.model.rules import AWS_ACCOUNT

HEADINGS = {"unsound": "Not as it should be:", "never true": "Nobody gets in, of all that were tried:"}


def main(arguments: Sequence[str] | None = None) -> int:
    """The command; returns its exit code."""
    options = _options(arguments)
    try:
        callers = _callers(options)
        judgements = [judge(provider, callers, options.role) for provider in _providers(options)]
    except (NotFoundError, OSError) as error:
        print(f"conditions: {error}", file=sys.stderr)
        return 2
    except (FederationError, GoogleAuthError) as error:
        print(f"conditions: {administrator.explain(error, administrator.READER)}", file=sys.stderr)
        return 2
    if options.json:
        print(json.dumps([judgement.document() for judgement in judgements], indent=2))
    else:
        print("\n\n".join(map(_told, judgements)))
    return 0 if all(judgement.sound for judgement in judgements) else 1


def _providers(options: argparse.Namespace) -> list[Provider]:
    if options.provider:
        return [sources.from_google(options.provider)]
    if options.document:
        return from_document(options.document)
    if options.condition is None:
        return sources.from_app(options.app)
    mapping = {key: source for mapping in options.mapping for key, source in mapping.items()} or MAPPING
    return [Provider(name="(given)", account=options.account, mapping=mapping, condition=options.condition)]


def _callers(options: argparse.Namespace) -> dict[str, bool | None]:
    told = [*options.arn, *(sources.from_file(options.arns) if options.arns else ())]
    listed = sources.from_aws() if options.from_aws else []
    return {
        **dict.fromkeys([*told, *listed]),
        **dict.fromkeys(options.admit, True),
        **dict.fromkeys(options.refuse, False),
    }


def _told(judgement: Judgement) -> str:
    provider = judgement.provider
    lines = [
        f"{provider.name}, for the AWS account {provider.account}",
        indent(provider.condition or "(no condition)", "  "),
        *describe_mapping(provider.mapping),
    ]
    if judgement.error:
        return "\n".join([*lines, "", judgement.error])
    lines += ["", *map(str, judgement.verdicts)] if judgement.verdicts else []
    findings = [f"  {line}" for found in judgement.findings for line in str(found).splitlines()]
    lines += ["", HEADINGS[judgement.outcome], *findings] if findings else []
    lines += ["", f"{'Nobody else was found to get in. ' * (not findings)}Tried: {judgement.scope}."]
    lines += ["", *(f"Note: {note}." for note in judgement.notes)] if judgement.notes else []
    return "\n".join(lines)


def _options(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = arguments_parser("keyless conditions", __doc__)
    add = parser.add_argument
    add("arn", nargs="*", help="callers to try: assumed-role ARNs, users, or roles (arn:aws:iam::...:role/NAME)")
    add("--app", type=Path, default=Path("cdk.out"), help="a synthesized app (%(default)s)")
    add("--provider", help="a live provider's full name, read with your Google credentials")
    add("--from", dest="document", type=Path, metavar="FILE", help="providers that gcloud or Terraform printed as JSON")
    add("--condition", help="a condition to try as it stands here; needs --account")
    add(
        "--mapping",
        action="append",
        default=[],
        type=parsed(parse_mapping),
        metavar="KEY=CEL,...",
        help="with --condition: as gcloud takes it, or `default` for Google's default mapping; repeatable",
    )
    add("--account", type=following(AWS_ACCOUNT), help="with --condition: the AWS account, 12 digits")
    add("--role", action="append", default=[], help="a role that is meant to get in, or a pattern (prod-*); repeatable")
    add("--arns", type=Path, help="a file of ARNs to try")
    add("--from-aws", action="store_true", help="try every role of the AWS account that your credentials are for")
    add("--admit", action="append", default=[], metavar="ARN", help="fail unless this one is let in; repeatable")
    add("--refuse", action="append", default=[], metavar="ARN", help="fail unless this one is refused; repeatable")
    add("--json", action="store_true", help="for machines")
    options = parser.parse_args(arguments)
    if (options.condition is None) is not (options.account is None) or (options.mapping and options.condition is None):
        parser.error("--condition and --account belong together, and --mapping to them")
    return options


if __name__ == "__main__":
    sys.exit(main())
