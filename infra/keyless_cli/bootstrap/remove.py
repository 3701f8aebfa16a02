"""Takes a bootstrap away, and only what it made: trust first, then bindings, the account, the pool and the roles."""

from collections.abc import Callable
from dataclasses import replace

from keyless_cli.bootstrap.custom_roles import CustomRole, base_of
from keyless_cli.bootstrap.deployer import FEDERATION_ROLE, KIND_ROLE, PROJECT_ROLE, DeployerSpec
from keyless_cli.bootstrap.orphans import federations
from keyless_cli.bootstrap.present import Present
from keyless_cli.bootstrap.role_steps import DeleteRole
from keyless_cli.printing import show
from keyless_federation.google.client import Google
from keyless_federation.google.step import Step
from keyless_federation.plan import plan
from keyless_federation.read import read
from keyless_federation.reconcile import apply


def remove(
    deployer: DeployerSpec,
    google: Google,
    say: Callable[[str], None],
    *,
    dry_run: bool,
    orphan_federations: bool,
    keep_identity: bool,
) -> int:
    """Show what goes and take it away; the number of steps. `ValueError` while federations are left.

    With `keep_identity` the deployer loses what it may do in the project, and lives on for the others.
    """
    left = [] if deployer.grants_only else federations(google, deployer)
    if left and not orphan_federations:
        raise ValueError(
            f"Federations of this deployer are left in {deployer.project}: {'; '.join(left)}. Without it, their stacks "
            "could be neither updated nor deleted. Destroy these first (docs/delete.md), or add --orphan-federations"
        )
    steps = steps_away(deployer, google, keep_identity=keep_identity or deployer.grants_only)
    show(steps, say)
    say("Enabled APIs stay enabled.")
    if not dry_run:
        apply(google, steps, lambda step: None)
    return len(steps)


def steps_away(deployer: DeployerSpec, google: Google, *, keep_identity: bool) -> list[Step]:
    """What takes it away."""
    present = Present.read(google, deployer)
    roles = [DeleteRole(role) for role in _roles(deployer, present)]
    if keep_identity:
        return [*present.change_grants(deployer, ()), *roles]
    outline = deployer.outline()
    gone = replace(outline, pool=replace(outline.pool, retain=False)).gone()
    return [*plan(gone, read(google, gone, deployer.given(outline, present.bindings))), *roles]


def _roles(deployer: DeployerSpec, present: Present) -> list[CustomRole]:
    """The custom roles that a bootstrap made, of whatever version, by marker and name."""
    found = []
    for role_id, shown in sorted(present.roles.items()):
        role = CustomRole(project=deployer.project, id=role_id, title="", permissions=(), marker=deployer.marker)
        ours = base_of(role_id) in (FEDERATION_ROLE, PROJECT_ROLE) or role_id.startswith(KIND_ROLE)
        if ours and role.owns(shown) and not shown.get("deleted"):
            found.append(role)
    return found
