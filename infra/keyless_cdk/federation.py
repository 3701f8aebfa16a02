"""Google's half of the trust as a construct: pool, provider, service accounts, bindings and grants."""

from collections.abc import Iterable, Sequence
from functools import partial
from typing import Any, Self

from aws_cdk import Stack, Token
from aws_cdk import aws_lambda as lambda_
from constructs import Construct

from keyless_cdk.custom_resources import around_functions, dynamic_references, owner_of, properties
from keyless_cdk.federation_handler import Deployer, FederationHandler
from keyless_cdk.grants import Grant, apis_of, foreign_accounts
from keyless_cdk.identity import AttachError
from keyless_cdk.layer import KeylessLayer
from keyless_cdk.options import FederationOptions
from keyless_cdk.scaling import contradictions
from keyless_cdk.service_account import GcpAccess, GcpServiceAccount
from keyless_cdk.settings import Settings
from keyless_cdk.synth import SynthCheck
from keyless_federation.conditions.boundary import check
from keyless_federation.model import names
from keyless_federation.model.condition import MAPPING, ConditionError, attribute_condition
from keyless_federation.model.names import InvalidNameError
from keyless_federation.model.rules import (
    AWS_REGION,
    CHAIN_APIS,
    OnUnreachable,
    Reconcile,
    audience,
    service_name,
)


class GcpFederation(Construct):
    """Trust from one AWS account to one Google project, for exactly the roles that are given access.

    `project` and `project_number` are the Google project, `deployer` what the bootstrap made, `layer` what
    attached functions get. `pool` is shared by an account's stacks of one stage and outlives them unless
    `retain_pool=False` (Google blocks the ID of a deleted pool for 30 days); `provider` is this stack's own.
    `apis` are enabled besides those of the chain and of the grants, for example `["aiplatform"]`.

    `adopt` takes over what has these names and no owner. `on_unreachable="leave"` lets the stack go where Google
    cannot be reached any more. `reconcile="always"` mends with each deployment what was changed by hand.
    `audit_logs` switches on the Data Access logs of the chain (True), or of these services.
    `disabled=True` disables the provider: no new tokens; `pool_disabled=True` also revokes tokens already issued, of
    every stack in the pool. None leaves either as it is. docs/federation.md tells more.
    """

    def __init__(
        self,
        scope: Construct,
        construct_id: str,
        *,
        project: str,
        project_number: str,
        deployer: Deployer,
        layer: KeylessLayer,
        pool: str | None = None,
        provider: str | None = None,
        retain_pool: bool = True,
        apis: Iterable[str] = (),
        google_endpoint: str | None = None,
        adopt: bool = False,
        on_unreachable: OnUnreachable = "fail",
        reconcile: Reconcile = "on-change",
        audit_logs: bool | Iterable[str] = False,
        description: str = "",
        disabled: bool | None = None,
        pool_description: str = "",
        pool_disabled: bool | None = None,
    ) -> None:
        super().__init__(scope, construct_id)
        stack = Stack.of(self)
        if Token.is_unresolved(stack.account) or Token.is_unresolved(stack.region):
            raise AttachError(
                f"The stack {stack.node.path} has no literal account and region, and Google's condition must name "
                'them at synth. Add to the Stack: env=Environment(account="...", region="...")'
            )
        if not AWS_REGION.accepts(stack.region):
            raise AttachError(f"The region of the stack {stack.node.path} {AWS_REGION.refusal(stack.region)}.")
        self.project, self.project_number, self.layer = project, project_number, layer
        self.deployer = deployer
        self.google_endpoint = google_endpoint
        self.pool = names.pool_or_provider("pool", pool or f"keyless-{stack.account}-{deployer.stage}")
        self.provider = names.pool_or_provider("provider", provider or _provider_of(stack))
        self._require_own_provider(stack)
        self._account = stack.account
        self.accounts: list[GcpServiceAccount] = []
        self.direct: list[GcpAccess] = []
        self._attached: dict[str, GcpAccess] = {}
        self._sessions: dict[str, set[str]] = {}
        options = FederationOptions(
            adopt=adopt,
            on_unreachable=on_unreachable,
            reconcile=reconcile,
            audit_logs=audit_logs,
            description=description,
            disabled=disabled,
            pool_description=pool_description,
            pool_disabled=pool_disabled,
        )
        options.require_room(owner_of(stack))
        handler = FederationHandler.of(
            self, deployer=deployer, layer=layer, project=project, google_endpoint=google_endpoint
        )
        self._properties = properties(
            stack,
            options,
            project=project,
            project_number=project_number,
            pool=self.pool,
            provider=self.provider,
            retain_pool=retain_pool,
            condition=lambda: self.condition,
            apis=partial(self._enabled_apis, frozenset(apis)),
            accounts=lambda: [account.properties() for account in self.accounts],
            direct=lambda: [access.properties() for access in self.direct],
        )
        self.before_functions, self.after_functions = around_functions(self, handler, self._properties)
        self.node.add_validation(SynthCheck(self.problems))

    @classmethod
    def from_settings(
        cls, scope: Construct, construct_id: str, settings: Settings, *, layer: KeylessLayer, **more: Any
    ) -> Self:
        """The federation that the context object `keyless` describes; `more` goes to the constructor as it is."""
        return cls(
            scope,
            construct_id,
            project=settings.project,
            project_number=settings.project_number,
            deployer=Deployer(
                audience=settings.deployer_audience,
                service_account=settings.deployer_service_account,
                stage=settings.stage,
            ),
            layer=layer,
            google_endpoint=settings.google_endpoint,
            **{**settings.options, **more},
        )

    @property
    def audience(self) -> str:
        """The provider's full name, for which a signed request is made; literal, so that a change moves versions."""
        return audience(self.project_number, self.pool, self.provider)

    @property
    def condition(self) -> str:
        """The attribute condition for every role that has been given access so far."""
        return attribute_condition(self._account, self._sessions)

    def add_service_account(
        self, name: str, *, grants: Sequence[Grant] = (), token_creator: bool = True
    ) -> GcpServiceAccount:
        """A service account of the project, named `<source>-<service>-<verb>`, one per use case.

        `token_creator=False` leaves out `roles/iam.serviceAccountTokenCreator`, which signing (signed URLs,
        ID tokens) needs and plain access does not.
        """
        account = GcpServiceAccount(self, name, grants, federation=self, token_creator=token_creator)
        self.accounts.append(account)
        return account

    def add_direct_access(self, name: str, *, grants: Sequence[Grant]) -> GcpAccess:
        """Grants to AWS workloads themselves, with no service account between; `name` is for the construct tree.

        One call less in each exchange, and nothing to become. Most of Google's APIs take it; docs/grants.md
        tells which do not.
        """
        access = GcpAccess(self, name, grants, federation=self)
        self.direct.append(access)
        return access

    def access_of(self, function: lambda_.Function) -> GcpAccess | None:
        """What `function` was attached to, or None."""
        return self._attached.get(function.node.path)

    def record(self, function: lambda_.Function, access: GcpAccess) -> None:
        """Record that `function` is attached, and make it wait until Google lets it in."""
        if other := self.access_of(function):
            raise AttachError(
                f"The function {function.node.path} is attached to {other.name}: a function has one access to Google. "
                f"Grant {other.name} what it needs, or give the other task a function of its own."
            )
        self._attached[function.node.path] = access
        function.node.add_dependency(self.before_functions)
        self.after_functions.node.add_dependency(function)

    def trust(self, role: str, session: str) -> None:
        """Let `role` in, with `session` as a session name to try the condition on."""
        self._sessions.setdefault(role, set()).add(session)

    def problems(self) -> list[str]:
        """What is wrong with the trust and with the functions as they now stand; looked at during synth."""
        problems = contradictions(Stack.of(self), self._attached)
        accesses = (*self.accounts, *self.direct)
        own = {account.email for account in self.accounts}
        problems += [problem for access in accesses for problem in access.problems()]
        problems += [
            problem
            for access in accesses
            for problem in foreign_accounts(access.grants, own, self.deployer.service_account, access.node.path)
        ]
        problems += dynamic_references(Stack.of(self), self.node.path, self._properties)
        try:
            condition = self.condition
        except ConditionError as error:
            return [str(error), *problems]
        return check(self._account, self._sessions, MAPPING, condition) + problems

    def _enabled_apis(self, more: frozenset[str]) -> list[str]:
        """Return the APIs of the chain, of all grants, and those that were asked for besides."""
        granted = {api for access in (*self.accounts, *self.direct) for api in apis_of(access.grants)}
        return sorted({*CHAIN_APIS, *map(service_name, granted | more)})

    def _require_own_provider(self, stack: Stack) -> None:
        """One provider has one owner: what a second federation makes of it, the first would take back."""
        others = [node for node in stack.node.find_all() if isinstance(node, GcpFederation) and node is not self]
        for other in others:
            if (other.pool, other.provider) == (self.pool, self.provider):
                raise InvalidNameError(
                    f"{other.node.path} and {self.node.path} have the same provider {self.pool}/{self.provider}. "
                    'Give one of them another: GcpFederation(..., provider="...")'
                )


def _provider_of(stack: Stack) -> str:
    """Return the provider's ID where none is given: the name of the stack, which a nested stack does not have yet."""
    if Token.is_unresolved(stack.stack_name):
        raise InvalidNameError(
            f"The stack {stack.node.path} gets its name when it is deployed, as nested stacks do, so the provider in "
            'it needs an ID: GcpFederation(..., provider="...")'
        )
    return stack.stack_name.lower()
