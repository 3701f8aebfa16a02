"""What has to be so before a smoke test may begin: looked at on both sides, and told all at once."""

import os
from collections.abc import Callable, Iterator

from botocore.exceptions import BotoCoreError, ClientError
from google.auth.exceptions import GoogleAuthError

from keyless_cli.bootstrap import administrator
from keyless_cli.bootstrap.deployer import ACCOUNT, POOL
from keyless_federation.errors import FederationError
from stacks.verify.aws import LEAST_CDK_VERSION, Aws
from stacks.verify.commands import CDK
from stacks.verify.google import GoogleCloud
from stacks.verify.report import ENDPOINTS
from stacks.verify.stage import STAGE, SmokeStage

BOOTSTRAP = "Run `keyless bootstrap` (docs/bootstrap.md)."


def problems(target: SmokeStage) -> list[str]:
    """Everything that is in the way; empty when the smoke test can begin."""
    overridden = [name for name in ENDPOINTS if os.environ.get(name)]
    if len(overridden) == 1:
        return [f"{overridden[0]} is set alone: one cloud would be a local one and the other real. Set both or none."]
    found = [] if CDK.is_file() else [f"{CDK} is missing. Run `make setup`."]
    for look in (_aws_problems, _google_problems):
        found += _told(look, target)
    return found


def _told(look: Callable[[SmokeStage], Iterator[str]], target: SmokeStage) -> list[str]:
    try:
        return list(look(target))
    except (BotoCoreError, ClientError) as error:
        return [f"AWS: {error}. Log in first (`aws sts get-caller-identity` must work), as someone who may deploy."]
    except (FederationError, GoogleAuthError, ValueError) as error:
        return [f"Google: {administrator.explain(error)}"]


def _aws_problems(target: SmokeStage) -> Iterator[str]:
    aws, settings = Aws(target), target.settings
    if (account := aws.account()) != settings.account:
        yield f"AWS: the credentials are those of the account {account}, the settings are for {settings.account}."
        return
    if (version := aws.cdk_version()) is None or version < LEAST_CDK_VERSION:
        yield f"AWS: run `npx cdk bootstrap aws://{settings.account}/{settings.region}` first."
    if left := aws.left():
        yield f"AWS: there is {'; '.join(left)}, from an earlier run: `python -m stacks.verify --clean` removes it."


def _google_problems(target: SmokeStage) -> Iterator[str]:
    google, settings = GoogleCloud.of(target), target.settings
    if (number := google.number()) != settings.project_number:
        yield f"Google: the number of {settings.project} is {number}, the settings say {settings.project_number}."
    roles = google.deployer_roles()
    if roles is None:
        yield f"Google: the deployer's provider {target.deployer_provider} is not there, or not open. {BOOTSTRAP}"
        return
    if target.bootstrapped and target.deployer_role not in roles:
        yield f"Google: the deployer does not trust {target.deployer_role}. {BOOTSTRAP}"
    if not target.bootstrapped and not _made_by_bootstrap(target):
        yield (
            f"Google: the deployer of these settings is not one that `keyless bootstrap` makes. Let it trust the AWS "
            f"role {target.deployer_role}, and give settings with the stage {STAGE}."
        )


def _made_by_bootstrap(target: SmokeStage) -> bool:
    name = target.settings.deployer_service_account.partition("@")[0]
    usual = f"/workloadIdentityPools/{POOL}/providers/aws-{target.settings.account}"
    return name == ACCOUNT and target.settings.deployer_audience.endswith(usual)
