"""`make up` and `make down`: the local clouds with the stacks deployed, left running between the two."""

import os
import shlex
import shutil
import signal
import sys
from pathlib import Path

from local.clouds import Clouds
from local.deployment import Deployment, StepFailed, bring_up
from local.process import end_group, group_lives
from local.setup import BUILD
from local.steps import Steps

FOLDER = BUILD / "up"
ENV_FILE = BUILD / "local.env"
GROUPS = FOLDER / "process-groups"

# What `. build/local.env` gives a shell: nothing of the machine, nothing that only our own programs need.
SHOWN = (
    "AWS_ENDPOINT_URL",
    "AWS_ACCESS_KEY_ID",
    "AWS_SECRET_ACCESS_KEY",
    "AWS_REGION",
    "AWS_DEFAULT_REGION",
    "AWS_EC2_METADATA_DISABLED",
    "GOOGLE_ENDPOINT",
    "GOOGLE_ADMIN_TOKEN",
    "GCP_PROJECT_ID",
    "GCP_PROJECT_NUMBER",
)


def up_command(argv: list[str]) -> None:
    """Start both clouds, deploy the stacks, write build/local.env, and leave everything running."""
    if _running():
        raise SystemExit(f"The local clouds are running already: `. {ENV_FILE}` reaches them, `make down` stops them.")
    shutil.rmtree(FOLDER, ignore_errors=True)
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    steps = Steps()
    with steps.step("Starting a local AWS and a local Google"):
        clouds = Clouds.start(FOLDER)
    try:
        bring_up(Deployment(clouds), steps)
        _write_environment(clouds)
    except BaseException as error:
        clouds.stop()
        if isinstance(error, StepFailed):
            sys.exit(f"\n{error}\n\nNothing is left running. Every log of this run is in {FOLDER}.")
        raise
    print(f"\nBoth are running. To reach them:   . {ENV_FILE.relative_to(BUILD.parent)}")
    print('To invoke the function:            .venv/bin/python -m local invoke \'{"word": "love"}\'')
    print("To stop them:                      make down")


def down_command(argv: list[str]) -> None:
    """Stop what `up` left running and remove its files; with nothing running, say so."""
    found = _running()
    for group in found:
        end_group(group)
    shutil.rmtree(FOLDER, ignore_errors=True)
    ENV_FILE.unlink(missing_ok=True)
    print("The local clouds are stopped." if found else "No local clouds were running.")


def _running() -> list[int]:
    if not GROUPS.is_file():
        return []
    return [group for group in map(int, GROUPS.read_text().split()) if group_lives(group) and _is_ours(group)]


def _is_ours(leader: int) -> bool:
    """Process numbers are used again, after a reboot for instance: never end somebody else's process."""
    command_line = Path(f"/proc/{leader}/cmdline")
    return not command_line.exists() or b"local" in command_line.read_bytes().split(b"\0")


def _write_environment(clouds: Clouds) -> None:
    GROUPS.write_text(f"{clouds.aws.process.pid} {clouds.google.process.pid}\n")
    lines = [f"export {name}={shlex.quote(clouds.environment[name])}\n" for name in SHOWN]
    with open(os.open(ENV_FILE, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w") as file:
        file.writelines(lines)
