"""`python -m local google`: the arguments of the local Google Cloud."""

import argparse
import asyncio
import os
import re

from local.google.cloud import PROJECT, PROJECT_NUMBER, Settings
from local.google.state.quotas import Quota

LOCAL_AWS = re.compile(r"http://(?:127\.0\.0\.1|localhost):[0-9]{1,5}/?")
TOKEN_VARIABLE = "GOOGLE_ADMIN_TOKEN"  # noqa: S105


def main(argv: list[str]) -> None:
    """Serve until SIGINT or SIGTERM."""
    arguments = _arguments(argv)
    token = os.environ.get(TOKEN_VARIABLE, "")
    if len(token) < 16:
        raise SystemExit(
            f"Set {TOKEN_VARIABLE} to a random token of at least 16 characters: it makes its bearer admin."
        )
    if not LOCAL_AWS.fullmatch(arguments.aws_endpoint):
        raise SystemExit(f"--aws-endpoint {arguments.aws_endpoint} is not on loopback: write http://127.0.0.1:PORT.")
    settings = Settings(
        aws_endpoint=arguments.aws_endpoint.rstrip("/"),
        admin_token=token,
        project=arguments.project,
        project_number=arguments.project_number,
        propagation_delay=arguments.propagation_delay,
        long_lifetimes=arguments.long_lifetimes,
        more_projects=dict(arguments.another_project),
        quotas=[str(quota) for quota in arguments.quota],
    )
    from local.google.server import serve  # only now: `--help` and a wrong argument load no server

    asyncio.run(serve(settings, arguments.port))


def _arguments(argv: list[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m local google", description=__doc__)
    parser.add_argument("--port", type=int, required=True)
    parser.add_argument("--aws-endpoint", required=True, help="where signed requests are replayed")
    parser.add_argument("--project", default=PROJECT)
    parser.add_argument("--project-number", default=PROJECT_NUMBER)
    parser.add_argument(
        "--another-project",
        type=_project,
        action="append",
        default=[],
        metavar="ID=NUMBER",
        help="a further project of the admin's, such as one for identities; may stand several times",
    )
    parser.add_argument(
        "--propagation-delay", type=float, default=0.0, help="seconds until a policy change reaches permission checks"
    )
    parser.add_argument(
        "--long-lifetimes", action="store_true", help="allow tokens of up to 12 h, as an organization policy can"
    )
    parser.add_argument(
        "--quota",
        type=Quota.parse,
        action="append",
        default=[],
        metavar="METHOD=CALLS/SECONDSs",
        help="let a method or a service answer 429 beyond so many calls, as SetIamPolicy=5/60s; several times",
    )
    return parser.parse_args(argv)


def _project(text: str) -> tuple[str, str]:
    name, _, number = text.partition("=")
    if not name or not number.isdigit():
        raise argparse.ArgumentTypeError(f"{text!r} is not ID=NUMBER")
    return name, number
