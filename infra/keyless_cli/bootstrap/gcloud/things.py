"""APIs, custom roles, pool, provider and account: each looked at, then created, undeleted or brought up to date."""

from collections.abc import Iterator

from keyless_cli.bootstrap.custom_roles import CustomRole, full_names
from keyless_cli.bootstrap.deployer import DeployerSpec
from keyless_cli.bootstrap.gcloud.shell import Flags, command, heading, indented, pairs, variable, word
from keyless_federation.model.federation import Federation
from keyless_federation.model.ownership import Marker
from keyless_federation.model.resources import Account

LONG, SHORT = "@LONG@", "@SHORT@"  # a role's permissions in both spellings, as shell variables


def apis(deployer: DeployerSpec) -> Iterator[str]:
    """Enables what the chain and the deployments call."""
    yield heading("APIs: enabling one that is enabled changes nothing.")
    for project, names in sorted(deployer.apis.items()):
        yield f"gcloud services enable --project={word(project)} {' '.join(map(word, names))}"


def role(role: CustomRole) -> Iterator[str]:
    """A custom role."""
    yield heading(f'The custom role "{role.title}": exactly these permissions.')
    long, where = tuple(full_names(role.permissions)), {"project": role.project}
    yield variable(LONG, ",".join(long))
    if long != role.permissions:
        yield "# Some have two spellings, and Google takes one of them."
        yield variable(SHORT, ",".join(role.permissions))
    spellings = [LONG] if long == role.permissions else [LONG, SHORT]
    fields = {"title": role.title, "description": role.marker.description(), "stage": "GA"}
    yield _look("iam roles describe", role.id, "value(deleted,description)", where)
    yield _choose(
        role.name,
        role.marker,
        create=[command("iam roles create", role.id, where | fields | {"permissions": text}) for text in spellings],
        deleted="True",
        undelete=f"{command('iam roles undelete', role.id, where)} || blocked {word(role.name)}",
        update=[command("iam roles update", role.id, where | fields | {"permissions": text}) for text in spellings],
    )


def pool(federation: Federation) -> Iterator[str]:
    """The pool."""
    noun, pool = "iam workload-identity-pools", federation.pool
    where = {"project": federation.project, "location": "global"}
    fields = {"display-name": pool.display_name, "description": federation.marker.description()}
    yield heading("The workload identity pool. Google keeps the ID of a deleted one for 30 days: undelete it then.")
    yield _look(f"{noun} describe", pool.id, "value(state,description)", where)
    yield _choose(
        f"The pool {pool.id}",
        federation.marker,
        create=[command(f"{noun} create", pool.id, where | fields)],
        deleted="DELETED",
        undelete=command(f"{noun} undelete", pool.id, where),
        update=[command(f"{noun} update", pool.id, where | fields)],
    )


def provider(federation: Federation) -> Iterator[str]:
    """The provider with its condition."""
    noun, provider = "iam workload-identity-pools providers", federation.provider
    where = {"project": federation.project, "location": "global", "workload-identity-pool": federation.pool.id}
    fields = {
        "account-id": provider.aws_account,
        "display-name": provider.display_name,
        "description": federation.marker.description(),
        "attribute-mapping": pairs(provider.mapping),
        "attribute-condition": provider.condition,
    }
    kept = " ".join(role for account in federation.accounts for role in account.aws_roles)
    yield heading("The provider. Its condition decides who comes in at all: only the roles that it lists.")
    yield _look(f"{noun} describe", provider.id, "value(state,description,attributeCondition)", where)
    yield _choose(
        f"The provider {provider.id}",
        federation.marker,
        create=["patiently " + command(f"{noun} create-aws", provider.id, where | fields)],
        deleted="DELETED",
        undelete=command(f"{noun} undelete", provider.id, where),
        check=f'case "$found" in ACTIVE*) require_kept "$(listed "$found")" {word(kept)} ;; esac',
        update=[command(f"{noun} update-aws", provider.id, where | fields)],
    )


def account(federation: Federation, account: Account) -> Iterator[str]:
    """The service account."""
    email, marker = federation.email(account.name), federation.account_marker
    where = {"project": federation.project}
    fields = {"display-name": account.display_name, "description": marker.description()}
    yield heading("The service account. It has no key, and needs none.")
    yield _look("iam service-accounts describe", email, "value(email,description)", where)
    yield _choose(
        f"The service account {email}",
        marker,
        create=[command("iam service-accounts create", account.name, where | fields)],
        update=[command("iam service-accounts update", email, where | fields)],
    )


def _look(described: str, name: str, columns: str, where: Flags) -> str:
    return f"found=$({command(described, name, {**where, 'format': columns})} 2>/dev/null || true)"


def _choose(
    what: str,
    marker: Marker,
    *,
    create: list[str],
    update: list[str],
    check: str = "",
    deleted: str = "",
    undelete: str = "",
) -> str:
    """Create what is not there, else bring it up to date; a second way of writing is for when the first is refused."""
    ours = f'require_ours {word(what)} "$found" {word(str(marker))}'
    again = f'case "$found" in {deleted}*)\n{indented(undelete)} ;;\nesac' if deleted else ""
    changed = "\n".join(part for part in (ours, check, again, " ||\n".join(update)) if part)
    created = " ||\n".join(create)
    return f'if [ -z "$found" ]; then\n{indented(created)}\nelse\n{indented(changed)}\nfi'
