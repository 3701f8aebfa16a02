"""The same bootstrap as a shell script of gcloud commands, for an administrator who runs no code of ours.

It is written from the deployer as `infra.bootstrap` would make it, before anything is known of the project: what is
there already is looked at by the script itself, which takes nothing over and shuts nobody out.
"""

import json
from collections.abc import Iterator
from dataclasses import replace

from functions.gcp_federation.desired import Federation
from functions.gcp_federation.resources import Account
from infra.bootstrap.deployer import Deployer
from infra.bootstrap.gcloud import bindings, things
from infra.bootstrap.gcloud.preamble import FUNCTIONS, HEADER
from infra.bootstrap.gcloud.shell import command, heading, word

# Stand for what the script knows when it runs, in shell variables of the same names.
NUMBER, HOME_NUMBER = "@PROJECT_NUMBER@", "@IDENTITY_PROJECT_NUMBER@"


def script(deployer: Deployer, number: str | None = None) -> str:
    """The whole script, ending in a newline; `number` is the project's, None to have the script ask for it."""
    deployer = replace(deployer, home_number=_home_number(deployer, number))
    federation = deployer.federation()
    [account] = federation.accounts
    return "\n".join(
        [
            _header(deployer, federation, account),
            *_numbers(deployer, number),
            *things.apis(deployer),
            *(line for role in deployer.roles for line in things.role(role)),
            *things.pool(federation),
            *things.provider(federation),
            *things.account(federation, account),
            *bindings.impersonation(federation, account),
            *(line for grant in account.grants for line in bindings.grant(federation, account, grant)),
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
        yield heading("Names that Google makes of a project hold its number.")
    for number_of, project in wanted.items():
        asked = command("projects describe", project, {"format": "value(projectNumber)"})
        yield f"{number_of.strip('@')}=$({asked})"


def _settings(deployer: Deployer, number: str) -> Iterator[str]:
    yield heading("For the AWS team: one of these goes into their cdk.context.json, under the key `keyless`.")
    for context in deployer.contexts(number):
        yield f"printf '%s\\n' {word(json.dumps(context))}"
