"""A smoke test on real accounts: deploys to a stage of its own, queries, breaks and mends a link, removes everything.

    python -m stacks.verify            (settings: the object `keyless` in cdk.context.json, or -c keyless=...)

Asks before it spends. Needs credentials of both sides: AWS's usual ones, and an administrator of the Google project
(Application Default Credentials, or GOOGLE_OAUTH_ACCESS_TOKEN). Writes a report without account numbers.
"""

import argparse
import json
import shutil
import signal
import sys
from collections.abc import Sequence
from pathlib import Path

from botocore.exceptions import BotoCoreError, ClientError

from keyless_cdk.layer import ROOT
from keyless_cdk.settings import CONTEXT_KEY, Settings, SettingsError
from keyless_cli.arguments import parser as arguments_parser
from stacks.verify.aws import Aws
from stacks.verify.commands import Commands
from stacks.verify.google import GoogleCloud
from stacks.verify.prerequisites import problems
from stacks.verify.question import ask
from stacks.verify.report import Report
from stacks.verify.smoke import Smoke
from stacks.verify.stage import SmokeStage

FOLDER = ROOT / "build" / "verify"
PLAN = """\
This will make, and take away again, which takes about ten minutes:

  on AWS, account {account}, {region}:
    the stack {stack}: two functions with their roles and log groups, a layer, an alias{warm}
  on Google, project {project}:
    the workload identity pool {pool} with one provider, the service account {email},
    and roles/bigquery.jobUser for it on the project{bootstrap}

It costs less than one US cent: some Lambda seconds, and a few queries of 10 MB, which BigQuery's free tier covers.
What stays: files in the CDK's own bucket, enabled Google APIs, and the ID of the deleted pool, which Google keeps for
30 days (the next run uses it again).
"""
BOOTSTRAP = """
  on Google, project {home}:
    the deployer trusts one more AWS role, {role}, until the end"""
LEFT = """
Something may be left. To have it removed and looked for again:

    python -m stacks.verify --clean

By hand: `aws cloudformation delete-stack --stack-name {stack} --region {region}`; then, on Google,
`keyless bootstrap {arguments} --withdraw`, the service account {email}
and the pool {pool}. The logs of this run are in {folder}.
"""


def main(arguments: Sequence[str] | None = None) -> int:
    """The command; returns its exit code: 0 passed, 1 failed, 2 not begun."""
    options = _options(arguments)
    try:
        given = Settings.from_context(options.context or _context())
    except SettingsError as error:
        return _not_begun(str(error))
    target = SmokeStage.of(given)
    if not options.clean and (found := problems(target)):
        return _not_begun("\n".join(["Not begun:", *(f"  - {problem}" for problem in found)]))
    target = SmokeStage.of(given, warm=_can_provision(target))
    print(_plan(target))
    if not options.yes and (reason := _refuse(target)):
        return _not_begun(reason)
    return _run(target, options.folder, clean=options.clean)


def _run(target: SmokeStage, folder: Path, *, clean: bool) -> int:
    folder.mkdir(parents=True, exist_ok=True)
    for log in folder.glob("*.log"):
        log.unlink()
    shutil.rmtree(folder / "cdk.out", ignore_errors=True)
    signal.signal(signal.SIGTERM, _interrupt)
    report = Report(target)
    smoke = Smoke(Aws(target), GoogleCloud.of(target), Commands(target, folder), report)
    good = False
    try:
        good = smoke.clean_up() if clean else smoke.run()
    except KeyboardInterrupt:
        print("\nInterrupted while taking things away.", file=sys.stderr)
    finally:
        report.write(folder / "report.md")
    print(
        f"\n{'Passed' if good else 'FAILED'}. The report, to be read and pasted into an issue: {folder / 'report.md'}"
    )
    if not good and report.steps.outcomes[-1].ended != "ok":
        print(_left(target, folder), file=sys.stderr)
    return 0 if good else 1


def _refuse(target: SmokeStage) -> str:
    """Ask for the project's name; why not to go on, empty to go on."""
    if not sys.stdin.isatty():
        return "Nobody is there to be asked: pass --yes to go on without. Nothing was done."
    try:
        typed = ask(f"Type {target.settings.project} to go on: ")
    except KeyboardInterrupt:
        typed = ""
    return "" if typed.strip() == target.settings.project else "\nThat is not the project's name. Nothing was done."


def _plan(target: SmokeStage) -> str:
    settings = target.settings
    bootstrap = BOOTSTRAP.format(home=target.home, role=target.deployer_role)
    return PLAN.format(
        account=settings.account,
        region=settings.region,
        stack=target.stack,
        warm=" with one provisioned environment" if settings.provisioned_concurrency else "",
        project=settings.project,
        pool=target.pool.rpartition("/")[2],
        email=target.email,
        bootstrap="" if target.bootstrapped else bootstrap,
    )


def _left(target: SmokeStage, folder: Path) -> str:
    return LEFT.format(
        stack=target.stack,
        region=target.settings.region,
        arguments=" ".join(target.bootstrap_arguments),
        email=target.email,
        pool=target.pool.rpartition("/")[2],
        folder=folder,
    )


def _can_provision(target: SmokeStage) -> bool:
    """A new account has too small a quota to provision anything; the chain can be seen without."""
    try:
        return Aws(target).can_provision()
    except (BotoCoreError, ClientError):
        return True


def _context() -> object:
    path = ROOT / "cdk.context.json"
    return json.loads(path.read_text()).get(CONTEXT_KEY) if path.is_file() else None


def _options(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = arguments_parser("python -m stacks.verify", __doc__)
    add = parser.add_argument
    add(
        "-c", dest="context", type=_keyless, metavar=f"{CONTEXT_KEY}=JSON", help="settings, instead of cdk.context.json"
    )
    add("--yes", action="store_true", help="do not ask")
    add("--clean", action="store_true", help="only remove what an earlier run left, and look for it")
    add("--folder", type=Path, default=FOLDER, help="for logs and report (default: build/verify)")
    return parser.parse_args(arguments)


def _keyless(value: str) -> str:
    key, separator, text = value.partition("=")
    if key != CONTEXT_KEY or not separator:
        raise argparse.ArgumentTypeError(f"{value!r} is not {CONTEXT_KEY}=JSON")
    return text


def _interrupt(*_: object) -> None:
    raise KeyboardInterrupt


def _not_begun(reason: str) -> int:
    print(reason, file=sys.stderr)
    return 2


if __name__ == "__main__":
    sys.exit(main())
