"""Is an existing bootstrap whole and current? Each part is read and told; nothing is changed.

A part is whole when the bootstrap itself would have nothing to do about it, and nobody switched it off.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace

from keyless_cli.bootstrap import role_steps
from keyless_cli.bootstrap.custom_roles import CustomRole
from keyless_cli.bootstrap.deployer import ACCOUNT, POOL, DeployerSpec
from keyless_cli.bootstrap.present import Present, kept
from keyless_federation.actual import Actual
from keyless_federation.conditions.neighbours import Bound, openings
from keyless_federation.errors import GoogleError, OwnershipError
from keyless_federation.google.accounts import CreateAccount, DeleteAccount, PatchAccount
from keyless_federation.google.apis import missing_apis
from keyless_federation.google.client import Google
from keyless_federation.google.pools import DeletePool, list_providers
from keyless_federation.google.soft_deletion import Create, Delete, Patch, Undelete, is_active
from keyless_federation.google.step import Step
from keyless_federation.model.federation import Federation
from keyless_federation.model.fields import Json
from keyless_federation.model.kinds import SERVICE_ACCOUNT
from keyless_federation.model.rules import HANDLER_NAME
from keyless_federation.model.targets import service_account
from keyless_federation.plan import plan
from keyless_federation.policies.iam_policies import bindings_of
from keyless_federation.policies.policies import ChangePolicy
from keyless_federation.read import read

BECOMING = ("roles/iam.serviceAccountTokenCreator", "roles/iam.workloadIdentityUser")


@dataclass(frozen=True, slots=True, kw_only=True)
class Part:
    """One part of a bootstrap: what it is, what is wrong with it, and what mends that if the bootstrap does not."""

    name: str
    facts: tuple[str, ...] = ()
    problems: tuple[str, ...] = ()
    mends: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class BootstrapStatus:
    """All parts, as far as they could be read, and the AWS roles that are let in."""

    parts: tuple[Part, ...]
    let_in: tuple[str, ...] = ()

    @property
    def whole(self) -> bool:
        """Whether nothing is missing."""
        return not any(part.problems for part in self.parts)


def check(deployer: DeployerSpec, google: Google) -> BootstrapStatus:
    """Look at every part."""
    apis = [_apis(google, project, names) for project, names in sorted(deployer.apis.items())]
    try:
        present = Present.read(google, deployer)
        wanted = kept(deployer, present)
        roles = [_role(role, present.roles.get(role.id)) for role in wanted.roles]
        return BootstrapStatus(
            parts=(*apis, *roles, *_identity(deployer, wanted, present, google)), let_in=wanted.earlier_roles
        )
    except GoogleError as error:
        if error.reason != "SERVICE_DISABLED":
            raise
    return BootstrapStatus(
        parts=(*apis, Part(name="all else", problems=("it can be looked at once these APIs are enabled",)))
    )


def _apis(google: Google, project: str, names: tuple[str, ...]) -> Part:
    missing = missing_apis(google, project, names)
    return Part(name=f"the APIs of {project}", problems=tuple(f"not enabled: {api}" for api in missing))


def _role(role: CustomRole, found: Json | None) -> Part:
    problems = role_steps.conflicts(role, found) or [
        words for step in role_steps.plan_role(role, found) for words in _role_problems(step)
    ]
    return Part(
        name=f"the custom role {role.id}", facts=(f"{len(role.permissions)} permissions",), problems=(*problems,)
    )


def _role_problems(step: Step) -> Iterator[str]:
    match step:
        case role_steps.CreateRole():
            yield "missing"
        case role_steps.UndeleteRole():
            yield "deleted"
            yield from _role_problems(step.patch) if step.patch else ()
        case role_steps.PatchRole():
            yield from (f"lacks {permission}" for permission in step.added)
            yield from (f"holds {permission}, which is too much" for permission in step.removed)
            if not step.added and not step.removed:
                yield "has another title"


def _identity(asked: DeployerSpec, wanted: DeployerSpec, present: Present, google: Google) -> Iterator[Part]:
    """Pool, provider, account and bindings, against what the earlier bootstrap said; then what is asked beyond that."""
    if asked.grants_only:
        standard = replace(wanted, grantable=tuple(present.grantable(asked)), kinds=tuple(present.kinds(asked)))
        yield _grants(asked, present.change_grants(asked, standard.grants), present)
        return
    if not wanted.earlier_roles and not wanted.aws_roles:
        yield Part(name=f"the provider aws-{asked.account}", problems=("missing, or lets in no stage",))
        return
    standard = replace(wanted, stages=()) if wanted.earlier_roles else wanted
    standard = replace(standard, grantable=tuple(present.grantable(asked)), kinds=tuple(present.kinds(asked)))
    desired = standard.federation()
    actual = read(google, desired, asked.given(desired, present.bindings))
    try:
        steps = plan(desired, actual)
    except OwnershipError as error:
        yield Part(name="whose they are", problems=error.conflicts)
        return
    yield _pool(asked, steps, actual)
    yield from _neighbours(desired, actual, present, google)
    yield _provider(asked, steps, actual, present)
    yield _account(asked, steps, actual)
    yield _impersonation(asked, steps, actual, present)
    yield _grants(asked, steps, present)


def _pool(asked: DeployerSpec, steps: list[Step], actual: Actual) -> Part:
    mend = f"gcloud iam workload-identity-pools update {POOL} --no-disabled --location=global --project={asked.home}"
    return _switched(f"the pool {POOL} of {asked.home}", "pool", steps, actual.pool, mend)


def _neighbours(desired: Federation, actual: Actual, present: Present, google: Google) -> Iterator[Part]:
    """The other providers of the pool, if there are any: each may open what is granted to the roles of this one."""
    own = f"/{desired.provider.id}"
    others = list_providers(google, desired) if is_active(actual.pool) else []
    others = [provider for provider in others if not provider["name"].endswith(own)]
    bound = Bound(account=desired.provider.aws_account, roles=present.aws_roles)
    if others:
        names = tuple(provider["name"].rpartition("/")[2] for provider in others)
        yield Part(name=f"the other providers of {POOL}", facts=names, problems=tuple(openings(others, bound)))


def _provider(asked: DeployerSpec, steps: list[Step], actual: Actual, present: Present) -> Part:
    name = f"aws-{asked.account}"
    mend = (
        f"gcloud iam workload-identity-pools providers update-aws {name} --no-disabled --location=global "
        f"--workload-identity-pool={POOL} --project={asked.home}"
    )
    part = _switched(f"the provider {name}", "provider", steps, actual.provider, mend)
    let_in = sorted(present.aws_roles)
    strangers = [f"lets in {role}, which deploys no stage" for role in let_in if not HANDLER_NAME.fullmatch(role)]
    shut_out = [
        f"does not let in {role}: stage {match['stage']} cannot be deployed in {match['region']}"
        for role in asked.aws_roles
        if role not in let_in and (match := HANDLER_NAME.fullmatch(role))
    ]
    facts = tuple(f"lets in {role}" for role in let_in if HANDLER_NAME.fullmatch(role))
    return replace(part, facts=facts, problems=(*part.problems, *strangers, *shut_out))


def _account(asked: DeployerSpec, steps: list[Step], actual: Actual) -> Part:
    mend = f"gcloud iam service-accounts enable {asked.email} --project={asked.home}"
    return _switched(f"the service account {asked.email}", "account", steps, actual.accounts.get(asked.email), mend)


def _switched(name: str, noun: str, steps: Iterable[Step], found: Json | None, mend: str) -> Part:
    """A part that somebody may have disabled: the bootstrap leaves it so, whoever stopped it starts it again."""
    problems = [f"to do: {step}" for step in steps if _noun(step) == noun]
    if (found or {}).get("disabled"):
        return Part(name=name, problems=(*problems, "disabled"), mends=(mend,))
    return Part(name=name, problems=tuple(problems))


def _noun(step: Step) -> str:
    """What of the identity a step changes; empty for policies."""
    match step:
        case Create() | Undelete() | Patch() | Delete():
            return step.resource.noun
        case DeletePool():
            return "pool"
        case CreateAccount() | PatchAccount() | DeleteAccount():
            return "account"
    return ""


def _impersonation(asked: DeployerSpec, steps: Iterable[Step], actual: Actual, present: Present) -> Part:
    changes = [step for step in steps if isinstance(step, ChangePolicy) and step.on.kind is SERVICE_ACCOUNT]
    policy = actual.policies.get(service_account(asked.email)) or {}
    members = sorted(map(str, bindings_of(policy) - {binding for step in changes for binding in step.remove}))
    on_all = [b for b in present.bindings if b.role in BECOMING] if asked.home == asked.project else []
    return Part(
        name=f"who may become {ACCOUNT}",
        facts=(*members, *(f"{binding} on all accounts of the project" for binding in sorted(on_all, key=str))),
        problems=tuple(f"to do: {step}" for step in changes),
    )


def _grants(asked: DeployerSpec, steps: Iterable[Step], present: Present) -> Part:
    changes = [step for step in steps if isinstance(step, ChangePolicy) and step.on.kind is not SERVICE_ACCOUNT]
    grantable, kinds = present.grantable(asked), present.kinds(asked)
    others = [b for b in present.bindings if b.member == f"serviceAccount:{asked.email}" and not asked.base_role(b)]
    return Part(
        name=f"what {ACCOUNT} may do in {asked.project}",
        facts=(
            *(f"grant {role} on the project" for role in sorted(grantable)),
            *(f"grant any role on {kind}" for kind in sorted(kinds)),
            *(f"{binding} (given by others)" for binding in sorted(others, key=str)),
        ),
        problems=(
            *(f"to do: {step}" for step in changes),
            *(f"may not grant {role} on the project" for role in sorted(set(asked.grantable) - grantable)),
            *(f"may not grant on {kind}" for kind in sorted(set(asked.kinds) - kinds)),
        ),
    )
