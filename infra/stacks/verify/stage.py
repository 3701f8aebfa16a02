"""What a smoke test is made of: the settings, with a stage of its own, and the names that follow from them."""

from dataclasses import dataclass, replace
from typing import Self

from keyless_cdk.settings import Settings
from keyless_federation.model import rules

STAGE = "verify"


@dataclass(frozen=True, slots=True)
class SmokeStage:
    """One smoke test. `bootstrapped`: the given settings are for this stage already, so its bootstrap is theirs."""

    settings: Settings
    bootstrapped: bool

    @classmethod
    def of(cls, settings: Settings, *, warm: bool = True) -> Self:
        """From a stage's settings; without `warm` no environment is provisioned."""
        smallest = replace(
            settings,
            stage=STAGE,
            provisioned_concurrency=int(warm),
            provisioned_concurrency_max=None,
            business_hours=None,
            business_hours_concurrency=None,
        )
        return cls(smallest, bootstrapped=settings.stage == STAGE)

    @property
    def stack(self) -> str:
        """The stack's name, and the provider's ID."""
        return f"keyless-smoke-{STAGE}"

    @property
    def owner(self) -> str:
        """How the stack is named in markers on Google's side."""
        return f"{self.settings.account}/{self.settings.region}/{self.stack}"

    @property
    def function(self) -> str:
        """The function that queries."""
        return f"keyless-bigquery-query-{STAGE}"

    @property
    def deployer_role(self) -> str:
        """The AWS role of the custom resource."""
        return rules.handler_name(STAGE, self.settings.region)

    @property
    def account(self) -> str:
        """The service account's name: another than the app's, which may live in the same project."""
        return f"aws-bq-reader-{STAGE}"

    @property
    def email(self) -> str:
        """The service account's address."""
        return rules.service_account_email(self.account, self.settings.project)

    @property
    def pool(self) -> str:
        """The pool's path."""
        return rules.pool_name(self.settings.project, f"keyless-{self.settings.account}-{STAGE}")

    @property
    def provider(self) -> str:
        """The provider's path."""
        return f"{self.pool}/providers/{self.stack}"

    @property
    def home(self) -> str:
        """The project in which the deployer lives."""
        return rules.project_of_email(self.settings.deployer_service_account)

    @property
    def deployer_provider(self) -> str:
        """The path of the provider through which the deployer comes in."""
        return self.settings.deployer_audience.removeprefix("//iam.googleapis.com/")

    @property
    def bootstrap_arguments(self) -> list[str]:
        """What `keyless bootstrap` is to be called with for this stage."""
        settings = self.settings
        arguments = ["--project", settings.project, "--account", settings.account]
        arguments += ["--stage", STAGE, "--region", settings.region]
        return arguments + ([] if self.home == settings.project else ["--identity-project", self.home])
