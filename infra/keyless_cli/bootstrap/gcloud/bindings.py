"""Bindings: who may become the deployer, and what it may do; on the project's own policy bounded by a condition."""

from collections.abc import Iterator

from keyless_cli.bootstrap.bounds import roles_in
from keyless_cli.bootstrap.deployer import DeployerSpec
from keyless_cli.bootstrap.gcloud.shell import command, heading, indented, pairs, word
from keyless_federation.model.federation import Federation
from keyless_federation.model.grants import Condition, Grant
from keyless_federation.model.resources import Account


def impersonation(federation: Federation, account: Account) -> Iterator[str]:
    """The bindings on the service account."""
    yield heading("Which AWS roles may become it.")
    for role in account.impersonation:
        for aws_role in account.aws_roles:
            member = federation.principal_set(aws_role)
            flags = {"project": federation.project, "role": role, "member": member, "condition": "None"}
            yield "patiently " + command(
                "iam service-accounts add-iam-policy-binding", federation.email(account.name), flags
            )


def grant(deployer: DeployerSpec, grant: Grant) -> Iterator[str]:
    """A binding on the project."""
    binding = {"role": grant.role, "member": f"serviceAccount:{deployer.email}"}
    if grant.condition is None:
        yield heading("What it may do on the project.")
        yield "patiently " + command("projects add-iam-policy-binding", grant.on.id, {**binding, "condition": "None"})
    else:
        yield heading("On the project's own policy it is bounded: it may give and take these roles and no others.")
        yield from _bounded(grant.on.id, binding, grant.condition)


def _bounded(project: str, binding: dict[str, str], condition: Condition) -> Iterator[str]:
    shown = {"title": condition.title, "description": condition.description, "expression": condition.expression}
    asked = {
        "flatten": "bindings[].members[]",
        "filter": f'bindings.role="{binding["role"]}" AND bindings.members="{binding["member"]}"',
        "format": "value(bindings.condition.expression)",
    }
    remove = command("projects remove-iam-policy-binding", project, binding | {"all": None})
    add = command("projects add-iam-policy-binding", project, binding | {"condition": pairs(shown)})
    yield f"found=$({command('projects get-iam-policy', project, asked)})"
    yield f'if [ "$found" != {word(condition.expression)} ]; then'
    yield f'    require_kept "$(listed "$found")" {word(" ".join(sorted(roles_in(condition.expression))))}'
    yield indented(f'if [ -n "$found" ]; then\n{indented(remove)}\nfi\npatiently {add}')
    yield "fi"
