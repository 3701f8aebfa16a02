"""Google's half of the trust as a construct: pool, provider, service accounts, bindings and grants."""

from collections.abc import Callable, Iterable, Sequence
from typing import Any

import jsii
from aws_cdk import (
    Aspects,
    CustomResource,
    IAspect,
    IStableAnyProducer,
    IStableStringProducer,
    Lazy,
    Stack,
    Token,
)
from aws_cdk import aws_iam as iam
from aws_cdk import aws_lambda as lambda_
from constructs import Construct, IConstruct, IValidation

from infra import conditions, names, warmth
from infra.federation_handler import SERVICE_TIMEOUT, Deployer, FederationHandler
from infra.grants import Grant, api_of
from infra.identity import NotAttachable, function_name, require_fit, role_name
from infra.layer import KeylessLayer
from infra.names import InvalidName

RESOURCE_TYPE = "Custom::KeylessFederation"
CHAIN_APIS = (
    "cloudresourcemanager.googleapis.com",
    "iam.googleapis.com",
    "iamcredentials.googleapis.com",
    "sts.googleapis.com",
)
WORKLOAD_IDENTITY_USER = "roles/iam.workloadIdentityUser"
TOKEN_CREATOR = "roles/iam.serviceAccountTokenCreator"  # noqa: S105 -- the name of a role


class GcpServiceAccount(Construct):
    """One Google service account and the AWS workloads that may become it. Made by `add_service_account`."""

    def __init__(self, federation: "GcpFederation", name: str, *, grants: Sequence[Grant], token_creator: bool) -> None:
        super().__init__(federation, name)
        self.federation = federation
        self.name = names.service_account(name)
        self.email = f"{name}@{federation.project}.iam.gserviceaccount.com"
        self.grants = tuple(grants)
        self.roles: set[str] = set()
        self._impersonation = [WORKLOAD_IDENTITY_USER, *([TOKEN_CREATOR] if token_creator else [])]

    def attach_to(self, function: lambda_.Function) -> None:
        """Let `function` call Google as this account: layer, environment and binding.

        The function and its role need literal names, of 87 bytes together: otherwise `NotAttachable`
        names the lines to add. A function has one account; attaching it again to the same one changes nothing.
        """
        if self.federation.account_of(function) is self:
            return
        if function.role is None:
            raise NotAttachable(f"The function {function.node.path} has no role of its own to attach.")
        role, session = role_name(function.role), function_name(function)
        require_fit(role, len(session.encode()), f"the function {function.node.path}")
        self._require_architecture(function)
        self.federation.adopt(function, self)
        self._trust(role, session)
        function.add_layers(self.federation.layer)
        for variable, value in self.environment().items():
            function.add_environment(variable, value)

    def grant_impersonation(self, role: iam.IRole, session_name_bytes: int = 64) -> None:
        """Let anything that runs as `role` (CodeBuild, ECS, EC2) become this account.

        `session_name_bytes` is the longest session name that it will have: CodeBuild's takes 49 bytes.
        """
        name = role_name(role)
        require_fit(name, session_name_bytes, f"the role {role.node.path}")
        self._trust(name, "s" * session_name_bytes)

    def properties(self) -> dict[str, Any]:
        """This account as the custom resource takes it."""
        return {
            "Name": self.name,
            "DisplayName": self.name,
            "AwsRoles": sorted(self.roles),
            "Impersonation": self._impersonation,
            "Grants": [grant.properties(self.federation.project) for grant in self.grants],
        }

    def environment(self) -> dict[str, str]:
        """The variables with which the layer becomes this account."""
        apis = sorted({api for grant in self.grants if (api := api_of(grant.role))})
        endpoint = self.federation.google_endpoint
        return {
            "KEYLESS_AUDIENCE": self.federation.audience,
            "KEYLESS_SERVICE_ACCOUNT": self.email,
            "GOOGLE_CLOUD_PROJECT": self.federation.project,
            **({"KEYLESS_APIS": ",".join(apis)} if apis else {}),
            **({"KEYLESS_GOOGLE_ENDPOINT": endpoint} if endpoint else {}),
        }

    def _require_architecture(self, function: lambda_.Function) -> None:
        """CDK compares the runtimes of function and layer itself, and leaves this to fail in production."""
        built_for = self.federation.layer.architecture.name
        if function.architecture.name != built_for:
            raise NotAttachable(
                f"The function {function.node.path} runs on {function.architecture.name}, the layer is built for "
                f"{built_for}: its compiled modules would not load. Give both the same architecture."
            )

    def _trust(self, role: str, session: str) -> None:
        self.roles.add(role)
        self.federation.trust(role, session)


class GcpFederation(Construct):
    """Trust from one AWS account to one Google project, for exactly the roles that are given access.

    `project` and `project_number` are the Google project, `deployer` what the bootstrap made, `layer` what
    attached functions get. `pool` is shared by an account's stacks of one stage and outlives them unless
    `retain_pool=False` (Google blocks the ID of a deleted pool for 30 days); `provider` is this stack's own.
    `apis` are enabled besides those of the chain and of the grants, for example `["aiplatform"]`.
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
    ) -> None:
        super().__init__(scope, construct_id)
        stack = Stack.of(self)
        if Token.is_unresolved(stack.account) or Token.is_unresolved(stack.region):
            raise NotAttachable(
                f"The stack {stack.node.path} has no literal account and region, and Google's condition must name "
                'them at synth. Add to the Stack: env=Environment(account="...", region="...")'
            )
        self.project, self.project_number, self.layer = project, project_number, layer
        self.google_endpoint = google_endpoint
        self.pool = names.pool(pool or f"keyless-{stack.account}-{deployer.stage}")
        self.provider = names.provider(provider or stack.stack_name.lower())
        self._require_own_provider(stack)
        self._account, self._retain_pool, self._apis = stack.account, retain_pool, frozenset(apis)
        self._accounts: list[GcpServiceAccount] = []
        self._attached: dict[str, GcpServiceAccount] = {}
        self._sessions: dict[str, set[str]] = {}
        self._make_resources(stack, deployer)
        self.node.add_validation(_Validation(self))

    @property
    def audience(self) -> str:
        """The provider's full name, for which a signed request is made; literal, so that a change moves versions."""
        return (
            f"//iam.googleapis.com/projects/{self.project_number}/locations/global"
            f"/workloadIdentityPools/{self.pool}/providers/{self.provider}"
        )

    @property
    def condition(self) -> str:
        """The attribute condition for every role that has been given access so far."""
        return conditions.attribute_condition(self._account, self._sessions)

    def add_service_account(
        self, name: str, *, grants: Sequence[Grant] = (), token_creator: bool = True
    ) -> GcpServiceAccount:
        """A service account of the project, named `<source>-<service>-<verb>`, one per use case.

        `token_creator=False` leaves out `roles/iam.serviceAccountTokenCreator`, which signing (signed URLs,
        ID tokens) needs and plain access does not.
        """
        account = GcpServiceAccount(self, name, grants=grants, token_creator=token_creator)
        self._accounts.append(account)
        return account

    def account_of(self, function: lambda_.Function) -> GcpServiceAccount | None:
        """The account that `function` was attached to, or None."""
        return self._attached.get(function.node.path)

    def adopt(self, function: lambda_.Function, account: GcpServiceAccount) -> None:
        """Record that `function` is attached, and make it wait until Google lets it in."""
        if other := self.account_of(function):
            raise NotAttachable(
                f"The function {function.node.path} is attached to {other.name}: a function has one service account. "
                f"Grant {other.name} what it needs, or give the other task a function of its own."
            )
        self._attached[function.node.path] = account
        function.node.add_dependency(self.opened)
        self.settled.node.add_dependency(function)

    def trust(self, role: str, session: str) -> None:
        """Let `role` in, with `session` as a session name to try the condition on."""
        self._sessions.setdefault(role, set()).add(session)

    def problems(self) -> list[str]:
        """What is wrong with the trust and with the functions as they now stand; looked at during synth."""
        contradictions = warmth.contradictions(Stack.of(self), self._attached)
        try:
            condition = self.condition
        except conditions.ConditionError as error:
            return [str(error), *contradictions]
        return conditions.check(self._account, self._sessions, conditions.MAPPING, condition) + contradictions

    def _require_own_provider(self, stack: Stack) -> None:
        """One provider has one owner: what a second federation makes of it, the first would take back."""
        others = [node for node in stack.node.find_all() if isinstance(node, GcpFederation) and node is not self]
        for other in others:
            if (other.pool, other.provider) == (self.pool, self.provider):
                raise InvalidName(
                    f"{other.node.path} and {self.node.path} have the same provider {self.pool}/{self.provider}. "
                    'Give one of them another: GcpFederation(..., provider="...")'
                )

    def _make_resources(self, stack: Stack, deployer: Deployer) -> None:
        """Two resources around the functions: trust is widened before they change and narrowed after."""
        handler = FederationHandler.of(
            self,
            deployer=deployer,
            layer=self.layer,
            project=self.project,
            google_endpoint=self.google_endpoint,
        )
        self.opened = self._resource("Open", handler, stack)
        self.settled = self._resource("Settle", handler, stack)
        self.settled.node.add_dependency(self.opened)
        Aspects.of(stack).add(_SettleLast(self))

    def _resource(self, phase: str, handler: FederationHandler, stack: Stack) -> CustomResource:
        return CustomResource(
            self,
            phase,
            resource_type=RESOURCE_TYPE,
            service_token=handler.function_arn,
            service_timeout=SERVICE_TIMEOUT,
            properties={
                "Phase": phase.lower(),
                "Project": self.project,
                "ProjectNumber": self.project_number,
                "Owner": f"{stack.account}/{stack.region}/{stack.stack_name}",
                "Pool": {
                    "Id": self.pool,
                    "DisplayName": self.pool[:32],
                    "Retain": str(self._retain_pool).lower(),
                },
                "Provider": {
                    "Id": self.provider,
                    "DisplayName": self.provider[:32],
                    "AwsAccount": stack.account,
                    "Mapping": conditions.MAPPING,
                    "Condition": Lazy.string(_Late(self._condition_if_valid)),
                },
                "Apis": Lazy.any(_Late(self._enabled_apis)),
                "ServiceAccounts": Lazy.any(_Late(lambda: [account.properties() for account in self._accounts])),
            },
        )

    def _condition_if_valid(self) -> str:
        """Resolved before validation, which tells what is wrong in one place and in full."""
        try:
            return self.condition
        except conditions.ConditionError:
            return ""

    def _enabled_apis(self) -> list[str]:
        granted = {api for account in self._accounts for grant in account.grants if (api := api_of(grant.role))}
        return sorted({*CHAIN_APIS, *(f"{api}.googleapis.com" for api in granted | self._apis)})


@jsii.implements(IStableAnyProducer, IStableStringProducer)
class _Late:
    """A value that is computed when the template is written: functions may be attached until then."""

    def __init__(self, value: Callable[[], Any]) -> None:
        self._value = value

    def produce(self) -> Any:
        return self._value()


@jsii.implements(IValidation)
class _Validation:
    """Runs the trust against every attached identity and the hostile ones, as part of synth."""

    def __init__(self, federation: GcpFederation) -> None:
        self._federation = federation

    def validate(self) -> list[str]:
        return self._federation.problems()


@jsii.implements(IAspect)
class _SettleLast:
    """Trust is narrowed only after every alias of the stack has moved, also one that a user adds later."""

    def __init__(self, federation: GcpFederation) -> None:
        self._federation = federation

    def visit(self, node: IConstruct) -> None:
        if isinstance(node, lambda_.CfnAlias):
            self._federation.settled.node.add_dependency(node)
