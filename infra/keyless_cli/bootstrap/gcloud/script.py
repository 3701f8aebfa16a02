"""The same bootstrap as a shell script of gcloud commands, for an administrator who runs no code of ours.

It is written from the deployer as `keyless bootstrap` would make it, before anything is known of the project: what is
there already is looked at by the script itself, which takes nothing over and shuts nobody out.
"""

import json
from collections.abc import Iterator
from dataclasses import replace

from keyless_cli.bootstrap.deployer import DeployerSpec
from keyless_cli.bootstrap.gcloud import bindings, things
from keyless_cli.bootstrap.gcloud.preamble import FUNCTIONS, HEADER, ONLY_GRANTS, PURPOSE, UNBOUNDED, WARNING
from keyless_cli.bootstrap.gcloud.shell import command, heading, word
from keyless_federation.model.federation import Federation

# Stand for what the script knows when it runs, in shell variables of the same names.
NUMBER, HOME_NUMBER = "@PROJECT_NUMBER@", "@IDENTITY_PROJECT_NUMBER@"


def script(deployer: DeployerSpec, number: str | None = None) -> str:
    """The whole script, ending in a newline; `number` is the project's, None to have the script ask for it."""
    deployer = replace(deployer, home_number=_home_number(deployer, number))
    return "\n".join(
        [
            _header(deployer),
            *(() if deployer.grants_only else _numbers(deployer, number)),
            *things.apis(deployer),
            *(line for role in deployer.roles for line in things.role(role)),
            *(() if deployer.grants_only else _identity(deployer.federation())),
            *(line for grant in deployer.grants for line in bindings.grant(deployer, grant)),
            *(() if deployer.grants_only else _settings(deployer, number or NUMBER)),
            "",
        ]
    )


def _identity(federation: Federation) -> Iterator[str]:
    [account] = federation.accounts
    yield from things.pool(federation)
    yield from things.provider(federation)
    yield from things.account(federation, account)
    yield from bindings.impersonation(federation, account)


def _header(deployer: DeployerSpec) -> str:
    roles = f"role{'s' * (len(deployer.aws_roles) > 1)} {', '.join(sorted(deployer.aws_roles))}"
    purpose = (ONLY_GRANTS if deployer.grants_only else PURPOSE).format(
        roles=roles, account=deployer.account, email=deployer.email, project=deployer.project
    )
    warnings = "" if deployer.grants_only else WARNING.format(project=deployer.project)
    if deployer.kinds:
        warnings += UNBOUNDED.format(project=deployer.project, kinds=", ".join(sorted(deployer.kinds)))
    header = HEADER.format(purpose=purpose, homes=" and ".join(sorted(deployer.apis)), warnings=warnings)
    return (header + FUNCTIONS).rstrip()


def _home_number(deployer: DeployerSpec, number: str | None) -> str:
    return HOME_NUMBER if deployer.home != deployer.project else number or NUMBER


def _numbers(deployer: DeployerSpec, number: str | None) -> Iterator[str]:
    wanted = {} if number else {NUMBER: deployer.project}
    if deployer.home != deployer.project:
        wanted[HOME_NUMBER] = deployer.home
    if wanted:
        yield heading("Names that Google makes of a project hold its number.")
    for number_of, project in wanted.items():
        asked = command("projects describe", project, {"format": "value(projectNumber)"})
        yield f"{number_of.strip('@')}=$({asked})"


def _settings(deployer: DeployerSpec, number: str) -> Iterator[str]:
    yield heading("For the AWS team: one of these goes into their cdk.context.json, under the key `keyless`.")
    for context in deployer.contexts(number):
        yield f"printf '%s\\n' {word(json.dumps(context))}"
