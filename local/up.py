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
    """`make up`."""
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    up(FOLDER, ENV_FILE)
    print(f"\nBoth are running. To reach them:   . {ENV_FILE.relative_to(BUILD.parent)}")
    print('To invoke the function:            .venv/bin/python -m local invoke \'{"word": "love"}\'')
    print("To stop them:                      make down")


def down_command(argv: list[str]) -> None:
    """`make down`."""
    print("The local clouds are stopped." if down(FOLDER, ENV_FILE) else "No local clouds were running.")


def up(folder: Path, env_file: Path) -> None:
    """Start both clouds in `folder`, deploy the stacks, write `env_file`, and leave everything running."""
    if _running(folder):
        raise SystemExit(f"The local clouds are running already: `. {env_file}` reaches them, `make down` stops them.")
    shutil.rmtree(folder, ignore_errors=True)
    steps = Steps()
    with steps.step("Starting a local AWS and a local Google"):
        clouds = Clouds.start(folder)
    try:
        _groups(folder).write_text(f"{clouds.aws.process.pid} {clouds.google.process.pid}\n")
        bring_up(Deployment(clouds), steps)
        _write_environment(clouds, env_file)
    except BaseException as error:
        clouds.stop()
        if isinstance(error, StepFailed):
            sys.exit(f"\n{error}\n\nNothing is left running. Every log of this run is in {folder}.")
        raise


def down(folder: Path, env_file: Path) -> bool:
    """Stop what `up` left running and remove its files; whether there was anything to stop."""
    found = _running(folder)
    for group in found:
        end_group(group)
    shutil.rmtree(folder, ignore_errors=True)
    env_file.unlink(missing_ok=True)
    return bool(found)


def _groups(folder: Path) -> Path:
    """The file that names the process groups of both clouds."""
    return folder / "process-groups"


def _running(folder: Path) -> list[int]:
    if not _groups(folder).is_file():
        return []
    return [group for group in map(int, _groups(folder).read_text().split()) if group_lives(group) and _is_ours(group)]


def _is_ours(leader: int) -> bool:
    """Process numbers are used again, after a reboot for instance: never end somebody else's process."""
    command_line = Path(f"/proc/{leader}/cmdline")
    return not command_line.exists() or b"local" in command_line.read_bytes().split(b"\0")


def _write_environment(clouds: Clouds, env_file: Path) -> None:
    lines = [f"export {name}={shlex.quote(clouds.environment[name])}\n" for name in SHOWN]
    with open(os.open(env_file, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w") as file:
        file.writelines(lines)
