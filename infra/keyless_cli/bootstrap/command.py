"""Google's half of `cdk bootstrap`: makes the identity as which deployments work on Google, once per project.

    keyless bootstrap --project my-project --account 111122223333 --stage dev --region eu-west-1

Needs an administrator's credentials: Application Default Credentials, or GOOGLE_OAUTH_ACCESS_TOKEN. If you lack these
rights, --print-gcloud prints a script for somebody who has them.
Running it again changes only what differs; stages, regions and grantable roles are added to the earlier ones.
--check tells whether all of it is there and current, --remove takes it away.
"""

import argparse
import json
import sys
from collections.abc import Sequence

from google.auth.exceptions import GoogleAuthError

from keyless_cli.bootstrap import administrator, options, quota
from keyless_cli.bootstrap import check as checking
from keyless_cli.bootstrap import make as making
from keyless_cli.bootstrap import remove as removal
from keyless_cli.bootstrap.deployer import DeployerSpec
from keyless_cli.bootstrap.gcloud.script import script
from keyless_cli.bootstrap.status_text import lines
from keyless_cli.printing import count, say
from keyless_federation.errors import FederationError
from keyless_federation.google.client import Google
from keyless_federation.model.rules import CONTEXT_KEY
from keyless_federation.read import project_number

SECONDS = 600.0  # for everything
WARNING = """
Know this: the deployer may set the policy of every service account of {project}, so it can become any of them.
Google can bound which roles it grants on the project, not which accounts it administers. Let {project} hold
nothing but identities, and grant them rights on your other projects (--grants-only)."""
UNBOUNDED = """\
It may grant any role, to anyone, on each of these resources of {project}: {kinds}."""
SAME_PROJECT = """\
It may also change the pool that it comes in through; --identity-project puts that pool out of its reach."""


def main(arguments: Sequence[str] | None = None) -> int:
    """The command; returns its exit code."""
    asked = options.parse(__doc__, arguments)
    try:
        if asked.print_gcloud:
            print(script(_deployer_of(asked, ""), asked.project_number), end="")
            say("provisioned_concurrency is 0: a script does not ask AWS. docs/rollouts.md tells how to switch it on.")
            return 0
        return _run(asked, Google.from_env(administrator.session(), seconds=SECONDS))
    except (FederationError, GoogleAuthError, ValueError) as error:
        say(f"bootstrap: {administrator.explain(error, administrator.READER if asked.check else administrator.ADMIN)}")
        return 1


def _run(asked: argparse.Namespace, google: Google) -> int:
    number = project_number(google, asked.project)
    home = asked.project if asked.grants_only else asked.identity_project or asked.project
    deployer = _deployer_of(asked, number if home == asked.project else project_number(google, home))
    if asked.check:
        status = checking.check(deployer, google)
        print("\n".join(lines(status, deployer)))
        return 0 if status.whole else 1
    if asked.remove:
        taken = removal.remove(
            deployer,
            google,
            say,
            dry_run=asked.dry_run,
            orphan_federations=asked.orphan_federations,
            keep_identity=asked.keep_identity,
        )
    else:
        bring_about = making.withdraw if asked.withdraw else making.make
        taken = bring_about(deployer, google, say, dry_run=asked.dry_run)
    say(count(taken, dry_run=asked.dry_run))
    if not asked.withdraw and not asked.remove:
        _report(deployer, number, plain=asked.json)
    return 0


def _deployer_of(asked: argparse.Namespace, home_number: str) -> DeployerSpec:
    return DeployerSpec(
        project=asked.project,
        home=asked.identity_project or asked.project,
        home_number=home_number,
        account=asked.account,
        stages=tuple(asked.stage),
        regions=tuple(asked.region),
        grantable=tuple(asked.grantable_role),
        kinds=tuple(asked.grants_on),
        grants_only=asked.grants_only,
    )


def _report(deployer: DeployerSpec, number: str, *, plain: bool) -> None:
    obstacles = {region: quota.obstacle(deployer.account, region) for region in deployer.regions}
    for region, reason in obstacles.items():
        if reason:
            say(f"provisioned_concurrency is 0 in {region}: {reason}. docs/rollouts.md tells how to switch it on.")
    for context in deployer.contexts(number, [region for region, reason in obstacles.items() if not reason]):
        if plain:
            print(json.dumps(context))
        else:
            where = f"stage {context['stage']} in {context['region']}"
            print(f"\nFor {where}, in cdk.context.json (or as `-c '{CONTEXT_KEY}=...'`):\n")
            print(json.dumps({CONTEXT_KEY: context}, indent=2))
    if not plain:
        if not deployer.grants_only:
            print(WARNING.format(project=deployer.project))
        if deployer.kinds:
            print(UNBOUNDED.format(project=deployer.project, kinds=", ".join(sorted(deployer.kinds))))
        if deployer.home == deployer.project:
            print(SAME_PROJECT)


if __name__ == "__main__":
    sys.exit(main())
