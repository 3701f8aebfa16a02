"""What a check found, as text: each part, and the commands that mend what is not whole."""

import shlex
from collections.abc import Iterator

from keyless_cli.bootstrap.check import BootstrapStatus
from keyless_cli.bootstrap.deployer import DeployerSpec
from keyless_federation.model.rules import HANDLER_NAME

WHOLE = "The bootstrap is whole and current."


def lines(status: BootstrapStatus, deployer: DeployerSpec) -> Iterator[str]:
    """The report."""
    for part in status.parts:
        yield f"{'not whole' if part.problems else 'whole':11}{part.name}"
        yield from (f"{'':13}{fact}" for fact in part.facts)
        yield from (f"{'':11}! {problem}" for problem in part.problems)
    if status.whole:
        yield f"\n{WHOLE}"
        return
    yield "\nThe bootstrap is not whole. This mends it:\n"
    yield f"    {_command(deployer, status.let_in)}"
    yield from (f"    {mend}" for part in status.parts for mend in part.mends)


def _command(deployer: DeployerSpec, let_in: tuple[str, ...]) -> str:
    """The bootstrap again, which keeps what is there: for the stages that are asked for, else for one that it knows."""
    known = next((match for role in let_in if (match := HANDLER_NAME.fullmatch(role))), None)
    flags = {
        "project": [deployer.project],
        "account": [deployer.account],
        "identity-project": [deployer.home] if deployer.home != deployer.project else [],
        "stage": [] if deployer.grants_only else deployer.stages or [known["stage"] if known else "STAGE"],
        "region": [] if deployer.grants_only else deployer.regions or [known["region"] if known else "REGION"],
        "grantable-role": deployer.grantable,
        "grants-on": deployer.kinds,
    }
    words = [word for name, values in flags.items() for value in values for word in (f"--{name}", value)]
    words += ["--grants-only"] * deployer.grants_only
    return shlex.join(["keyless", "bootstrap", *words])
