"""Makes the deployer, adds to an earlier one, and takes stages and regions away from it."""

from collections.abc import Callable, Sequence
from dataclasses import replace

from keyless_cli.bootstrap import role_steps
from keyless_cli.bootstrap.bounds import BOUND_TO_GROW
from keyless_cli.bootstrap.deployer import FEDERATION_ROLE, DeployerSpec
from keyless_cli.bootstrap.present import Present, kept
from keyless_cli.printing import show
from keyless_federation.errors import GoogleError, OwnershipError
from keyless_federation.google.apis import missing_apis, plan_apis
from keyless_federation.google.client import Google
from keyless_federation.google.step import Step
from keyless_federation.plan import plan
from keyless_federation.read import read
from keyless_federation.reconcile import apply

Say = Callable[[str], None]
Part = Callable[[DeployerSpec, Google, Say], list[Step]]


def make(deployer: DeployerSpec, google: Google, say: Say, *, dry_run: bool) -> int:
    """APIs first, for the rest is read through them; then roles, then everything that is bound to roles."""
    return _bring_about((_apis, _roles, _identity), deployer, google, say, dry_run=dry_run)


def withdraw(deployer: DeployerSpec, google: Google, say: Say, *, dry_run: bool) -> int:
    """Takes the stages and regions away again; all else stays as it is."""
    return _bring_about((_withdrawal,), deployer, google, say, dry_run=dry_run)


def _bring_about(parts: Sequence[Part], deployer: DeployerSpec, google: Google, say: Say, *, dry_run: bool) -> int:
    """Take the steps, each part planned when the one before is done; how many there were."""
    taken = 0
    for part in parts:
        try:
            planned = part(deployer, google, say)
        except GoogleError as error:
            if not dry_run or error.reason != "SERVICE_DISABLED":
                raise
            say("  ... and what follows can be told once these APIs are enabled")
            break
        taken += len(planned)
        if dry_run:
            show(planned, say)
        else:
            apply(google, planned, lambda step: say(f"  {step}"))
    return taken


def _apis(deployer: DeployerSpec, google: Google, say: Say) -> list[Step]:
    missing = {name: missing_apis(google, name, apis) for name, apis in sorted(deployer.apis.items())}
    return [step for name, apis in missing.items() for step in plan_apis(name, apis)]


def _roles(deployer: DeployerSpec, google: Google, say: Say) -> list[Step]:
    present = Present.read(google, deployer)
    if deployer.grants_only and any(deployer.base_role(b) == FEDERATION_ROLE for b in present.bindings):
        raise ValueError(f"The deployer makes federations in {deployer.project}, too: leave out --grants-only")
    wanted = kept(deployer, present)
    for words in _stays(deployer, wanted):
        say(f"  {words}")
    found = [(role, present.roles.get(role.id)) for role in wanted.roles]
    if conflicts := [problem for role, there in found for problem in role_steps.conflicts(role, there)]:
        raise OwnershipError(conflicts)
    return [step for role, there in found for step in role_steps.plan_role(role, there)]


def _identity(deployer: DeployerSpec, google: Google, say: Say) -> list[Step]:
    return steps_to(kept(deployer, present := Present.read(google, deployer)), google, present)


def _withdrawal(deployer: DeployerSpec, google: Google, say: Say) -> list[Step]:
    present = Present.read(google, deployer)
    left = present.aws_roles - set(deployer.aws_roles)
    if left == present.aws_roles:
        return []
    if not left:
        raise ValueError("Nobody would be left to become the deployer: --remove takes all of it away")
    rest = kept(replace(deployer, stages=()), present)
    return steps_to(replace(rest, earlier_roles=tuple(sorted(left))), google, present)


def steps_to(deployer: DeployerSpec, google: Google, present: Present) -> list[Step]:
    """What makes pool, provider, account and bindings so; takes away what an earlier bootstrap gave otherwise."""
    if deployer.grants_only:
        return present.change_grants(deployer, deployer.grants)
    desired = deployer.federation()
    return plan(desired, read(google, desired, deployer.given(desired, present.bindings)))


def _stays(asked: DeployerSpec, wanted: DeployerSpec) -> list[str]:
    """What was not asked for this time and is kept."""
    roles = sorted(set(wanted.earlier_roles) - set(asked.aws_roles))
    grantable = sorted(set(wanted.grantable) - set(asked.grantable)) if asked.grantable else []
    kinds = sorted(set(wanted.kinds) - set(asked.kinds)) if asked.kinds else []
    return [
        *(f"the AWS role {role} stays the deployer, too" for role in roles),
        *(f"{role} stays grantable: {BOUND_TO_GROW}" for role in grantable),
        *(f"grants on {kind} stay allowed: what was granted must be taken away by the deployer, too" for kind in kinds),
    ]
