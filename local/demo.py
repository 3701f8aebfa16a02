"""`make demo`: the whole path on local clouds, from nothing to rows and back to nothing."""

import shutil
import signal
import sys
import tempfile
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from local import story
from local.clouds import Clouds
from local.deployment import Deployment, StepFailed, bring_up
from local.invoke import FUNCTION, InvocationFailed, invoke
from local.process import ServerFailed
from local.send import NotInserted, send
from local.setup import BUILD
from local.steps import Steps
from local.terraform_build import BuildFailed, apply

KEPT_LOGS = BUILD / "demo-logs"
WORD = "wherefore"


def main(argv: list[str]) -> None:
    """Run the demo; whatever happens, nothing is left running. Only after a failed step are its logs kept."""
    signal.signal(signal.SIGTERM, _interrupt)
    BUILD.mkdir(exist_ok=True)
    folder = Path(tempfile.mkdtemp(prefix="demo-", dir=BUILD))
    steps = Steps()
    try:
        _run(folder, steps)
    except (StepFailed, ServerFailed, InvocationFailed, NotInserted, BuildFailed, LookupError) as error:
        _keep_logs(folder)
        sys.exit(f"\n{error}\n\nNothing is left running. The logs of this run are in {KEPT_LOGS}.")
    except KeyboardInterrupt:
        sys.exit("\nInterrupted. Nothing is left running.")
    finally:
        shutil.rmtree(folder, ignore_errors=True)
    print(f"\nDone in {steps.elapsed:.0f} s; nothing is left running. README.md says how app.py deploys for real.")


def _run(folder: Path, steps: Steps) -> None:
    print("Keyless on this machine: a Lambda function queries BigQuery, and there is no Google key anywhere.\n")
    with steps.step("Starting a local AWS and a local Google"):
        clouds = Clouds.start(folder)
    with clouds:  # they stop silently: a reader that has gone (`make demo | head`) must not keep them alive
        deployment = Deployment(clouds)
        bring_up(deployment, steps)
        _query(clouds.environment, steps)
        _apply(clouds.environment, steps)
        with steps.step("`cdk destroy`: both halves go; the pool is kept, as Google blocks its name for 30 days"):
            deployment.destroy()


def _interrupt(*_: object) -> None:
    raise KeyboardInterrupt


def _keep_logs(folder: Path) -> None:
    shutil.rmtree(KEPT_LOGS, ignore_errors=True)
    KEPT_LOGS.mkdir()
    for log in folder.glob("*.log"):
        shutil.copy(log, KEPT_LOGS)


def _query(environment: Mapping[str, str], steps: Steps) -> None:
    since = story.audit(environment, since=0)["next"]
    with steps.step(f"Invoking {FUNCTION}:live"):
        richest = invoke({}, environment)["rows"]
    with steps.step(f'Invoking it again, searching for "{WORD}"'):
        found = invoke({"word": WORD}, environment)["rows"]
    with steps.step("Sending an event to a queue, from where a second function inserts it"):
        send({"type": "demo.seen", "time": datetime.now(UTC).isoformat(), "data": {"word": WORD}}, environment)
    _print_rows("The plays with the most distinct words", richest)
    _print_rows(f'The plays that say "{WORD}" most often', found[:3])
    print("\nHow that went, without a key:\n")
    print("\n".join(story.tell(environment, since)) + "\n")


def _apply(environment: Mapping[str, str], steps: Steps) -> None:
    print("And from a build: CodeBuild runs Terraform on Google, as an account of its own, without a key either.\n")
    told = apply(environment, steps)
    print("\n" + "\n".join(f"  {line}" for line in told) + "\n")


def _print_rows(title: str, rows: list[dict[str, Any]]) -> None:
    print(f"\n  {title}")
    for row in rows:
        name, number = row.values()
        print(f"    {name:<24}{number:>8,}")
