"""The same bootstrap as a shell script of gcloud commands, for an administrator who runs no code of ours.

It is written from the deployer as `infra.bootstrap` would make it, before anything is known of the project: what is
there already is looked at by the script itself, which takes nothing over and shuts nobody out.
"""

import json
from collections.abc import Iterator
from dataclasses import replace

from functions.gcp_federation.desired import Federation
from functions.gcp_federation.ownership import Marker
from functions.gcp_federation.resources import Account, Condition, Grant
from infra.bootstrap.custom_roles import CustomRole, full_names
from infra.bootstrap.deployer import APIS, Deployer, roles_in
from infra.bootstrap.shell import Flags, command, indented, pairs, variable, word

# Stand for what the script knows when it runs, in shell variables of the same names.
NUMBER, HOME_NUMBER, LONG, SHORT = "@PROJECT_NUMBER@", "@IDENTITY_PROJECT_NUMBER@", "@LONG@", "@SHORT@"

HEADER = """\
#!/bin/sh
# Keyless: Google's half of the bootstrap, printed by `python -m infra.bootstrap --print-gcloud`.
#
# It lets the AWS {roles} of the account {account} work as the service account
# {email}, which makes workload identity federations
# in the project {project}. No key is made. Every line is plain gcloud: read it, then run it as someone who
# may administer IAM in {homes} (docs/bootstrap.md lists the roles).
# Running it again is safe: what is there is brought up to date, what others made is not touched.
set -eu
export CLOUDSDK_CORE_DISABLE_PROMPTS=1
"""
FUNCTIONS = """
# Stops rather than take over what somebody else made: ours carry a marker in their description.
require_ours() { # WHAT, ITS DESCRIPTION, MARKER
    case "$2" in *"$3"*) return 0 ;; esac
    echo "$1 is there, but was not made by this bootstrap, and is not taken over. Delete or rename it first." >&2
    exit 1
}

# Stops rather than take away what an earlier run gave.
require_kept() { # WHAT IS THERE, WHAT WILL BE, both separated by spaces
    for name in $1; do
        case " $2 " in *" $name "*) continue ;; esac
        echo "An earlier bootstrap gave $name, too. Print this script with every --stage, --region and" >&2
        echo "--grantable-role that is in use, or run python -m infra.bootstrap, which keeps the earlier ones." >&2
        exit 1
    done
}

# What was made a moment ago is not known everywhere at once.
patiently() {
    for pause in 2 4 8 16 32; do
        "$@" && return
        echo "(again in $pause s)" >&2
        sleep $pause
    done
    "$@"
}

# The quoted names in the last list of a condition.
listed() { printf '%s' "$1" | sed -n "s/.*\\[\\([^][]*\\)\\][^][]*$/\\1/p" | tr -d "',"; }
"""


def script(deployer: Deployer, number: str | None = None) -> str:
    """The whole script, ending in a newline; `number` is the project's, None to have the script ask for it."""
    deployer = replace(deployer, home_number=_home_number(deployer, number))
    federation = deployer.federation()
    [account] = federation.accounts
    return "\n".join(
        [
            _header(deployer, federation, account),
            *_numbers(deployer, number),
            *_apis(deployer),
            *(line for role in deployer.roles for line in _role(role)),
            *_pool(federation),
            *_provider(federation),
            *_account(federation, account),
            *_impersonation(federation, account),
            *(line for grant in account.grants for line in _grant(federation, account, grant)),
            *_settings(deployer, number or NUMBER),
            "",
        ]
    )


def _header(deployer: Deployer, federation: Federation, account: Account) -> str:
    roles = f"role{'s' * (len(account.aws_roles) > 1)} {', '.join(account.aws_roles)}"
    homes = " and ".join(sorted({deployer.home, deployer.project}))
    email = federation.email(account.name)
    header = HEADER.format(roles=roles, account=deployer.account, email=email, project=deployer.project, homes=homes)
    return (header + FUNCTIONS).rstrip()


def _home_number(deployer: Deployer, number: str | None) -> str:
    return HOME_NUMBER if deployer.home != deployer.project else number or NUMBER


def _numbers(deployer: Deployer, number: str | None) -> Iterator[str]:
    wanted = {} if number else {NUMBER: deployer.project}
    if deployer.home != deployer.project:
        wanted[HOME_NUMBER] = deployer.home
    if wanted:
        yield _heading("Names that Google makes of a project hold its number.")
    for number_of, project in wanted.items():
        asked = command("projects describe", project, {"format": "value(projectNumber)"})
        yield f"{number_of.strip('@')}=$({asked})"


def _apis(deployer: Deployer) -> Iterator[str]:
    yield _heading("APIs: enabling one that is enabled changes nothing.")
    for project in sorted({deployer.home, deployer.project}):
        yield f"gcloud services enable --project={word(project)} {' '.join(map(word, APIS))}"


def _role(role: CustomRole) -> Iterator[str]:
    yield _heading(f'The custom role "{role.title}": exactly these permissions.')
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
        undelete=command("iam roles undelete", role.id, where),
        update=[command("iam roles update", role.id, where | fields | {"permissions": text}) for text in spellings],
    )


def _pool(federation: Federation) -> Iterator[str]:
    noun, pool = "iam workload-identity-pools", federation.pool
    where = {"project": federation.project, "location": "global"}
    fields = {"display-name": pool.display_name, "description": federation.marker.description()}
    yield _heading("The workload identity pool. Google keeps the ID of a deleted one for 30 days: undelete it then.")
    yield _look(f"{noun} describe", pool.id, "value(state,description)", where)
    yield _choose(
        f"The pool {pool.id}",
        federation.marker,
        create=[command(f"{noun} create", pool.id, where | fields)],
        deleted="DELETED",
        undelete=command(f"{noun} undelete", pool.id, where),
        update=[command(f"{noun} update", pool.id, where | fields)],
    )


def _provider(federation: Federation) -> Iterator[str]:
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
    yield _heading("The provider. Its condition decides who comes in at all: only the roles that it lists.")
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


def _account(federation: Federation, account: Account) -> Iterator[str]:
    email, marker = federation.email(account.name), federation.account_marker
    where = {"project": federation.project}
    fields = {"display-name": account.display_name, "description": marker.description()}
    yield _heading("The service account. It has no key, and needs none.")
    yield _look("iam service-accounts describe", email, "value(email,description)", where)
    yield _choose(
        f"The service account {email}",
        marker,
        create=[command("iam service-accounts create", account.name, where | fields)],
        update=[command("iam service-accounts update", email, where | fields)],
    )


def _impersonation(federation: Federation, account: Account) -> Iterator[str]:
    yield _heading("Which AWS roles may become it.")
    for role in account.impersonation:
        for aws_role in account.aws_roles:
            member = federation.principal_set(aws_role)
            flags = {"project": federation.project, "role": role, "member": member, "condition": "None"}
            yield "patiently " + command(
                "iam service-accounts add-iam-policy-binding", federation.email(account.name), flags
            )


def _grant(federation: Federation, account: Account, grant: Grant) -> Iterator[str]:
    binding = {"role": grant.role, "member": f"serviceAccount:{federation.email(account.name)}"}
    if grant.condition is None:
        yield _heading("What it may do on the project.")
        yield "patiently " + command("projects add-iam-policy-binding", grant.on.id, {**binding, "condition": "None"})
    else:
        yield _heading("On the project's own policy it is bounded: it may give and take these roles and no others.")
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


def _settings(deployer: Deployer, number: str) -> Iterator[str]:
    yield _heading("For the AWS team: one of these goes into their cdk.context.json, under the key `keyless`.")
    for context in deployer.contexts(number):
        yield f"printf '%s\\n' {word(json.dumps(context))}"


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


def _heading(words: str) -> str:
    return f"\n# {words}"
