"""What a person had made under names that a stack wants: it may be adopted, and is never deleted or robbed."""

import re
from dataclasses import dataclass, field
from typing import Any

from hypothesis import strategies as st

from keyless_federation.model.condition import NOBODY
from local.google.federation.pools import Pool, Provider
from local.google.iam.dataset_access import SPELLED_BASIC
from local.google.iam.policies import Binding
from local.google.iam.service_accounts import ServiceAccount
from tests.local.federation_properties import ACCOUNT
from tests.local.schedules.bystanders import Grant
from tests.local.schedules.cloud import PROJECT, LocalCloud
from tests.local.schedules.footprint import Footprint, footprint, principals
from tests.local.schedules.wishes import GRANTS, IMPERSONATION, MAPPING, SALES, VISITS, Wish

Json = dict[str, Any]
POOL, PROVIDER, ACCOUNT_ID = "pool-one", "a-provider-one", "a-reader"
SAME_REST = f"assertion.account == '{ACCOUNT}' && attribute.aws_role in ['by-hand']"
CONDITIONS = ("", SAME_REST, "attribute.aws_role == 'by-hand'")
SHORT, LONG = "Ask Alice", "Ask Alice, and " + "ask her again, " * 13
ADOPTED = "keyless-adopted"
ANOTHERS = f"keyless:{ACCOUNT}/eu-west-1/gone#pool-gone/provider-gone"


@dataclass(frozen=True, slots=True)
class Hand:
    """What to make. `crowded`: another AWS account's provider is in the pool, `braked`: the provider is disabled.

    `condition` is the provider's, None for no provider; `text` the account's, None for no account, which has `grants`
    and lets `roles` become it.
    """

    pool: bool = False
    crowded: bool = False
    condition: str | None = None
    braked: bool = False
    text: str | None = None
    grants: tuple[str, ...] = ()
    roles: tuple[str, ...] = ()


def hands() -> st.SearchStrategy[Hand]:
    """Nothing at all, most of the time."""
    some = st.lists(st.sampled_from(sorted(GRANTS)), max_size=8, unique=True).map(tuple)
    made = st.builds(
        Hand,
        pool=st.sampled_from((True, True, True, False)),
        crowded=st.sampled_from((False, False, False, False, False, True)),
        condition=st.sampled_from((None, *CONDITIONS)),
        braked=st.sampled_from((False, False, False, True)),
        text=st.sampled_from((None, SHORT, SHORT, SHORT, "", LONG, ANOTHERS)),
        grants=some,
        roles=st.lists(st.sampled_from(("one-role", "two-role", "by-hand")), max_size=2, unique=True).map(tuple),
    )
    return st.one_of(st.just(Hand()), made, made)


@dataclass(slots=True)
class ByHand:
    """What of it is still a person's: who takes something away notes it here.

    `grants` are those to the account and on it, `dangling` those of one that was deleted. `undeleted`: the provider is
    to be there. `adopted` are those that a stack took over once, `listed` the grants that it listed then.
    """

    pool: Pool | None = None
    provider: Provider | None = None
    account: ServiceAccount | None = None
    condition: str = ""
    text: str = ""
    grants: set[Grant] = field(default_factory=set)
    dangling: set[Grant] = field(default_factory=set)
    undeleted: bool = True
    adopted: set[str] = field(default_factory=set)
    listed: frozenset[Grant] = frozenset()

    @classmethod
    def make(cls, local: LocalCloud, hand: Hand) -> "ByHand":
        """Make it all."""
        made, cloud = cls(), local.cloud
        project = cloud.projects.find(PROJECT)
        assert project is not None
        if hand.pool:
            made.pool = cloud.pools.create(project, POOL, {"displayName": "AWS", "description": "For AWS"})
            aws = {"aws": {"accountId": ACCOUNT}, "attributeMapping": MAPPING, "disabled": hand.braked}
            if hand.condition is not None:
                made.condition = hand.condition
                made.provider = made.pool.create_provider(PROVIDER, {**aws, "attributeCondition": hand.condition})
            if hand.crowded:
                made.pool.create_provider("provider-theirs", {"aws": {"accountId": "999988887777"}})
        if hand.text is not None:
            made._make_account(local, hand, hand.text)
        return made

    def _make_account(self, local: LocalCloud, hand: Hand, text: str) -> None:
        cloud, self.text = local.cloud, text
        project = cloud.projects.find(PROJECT)
        assert project is not None
        self.account = cloud.accounts.create(project, ACCOUNT_ID, {"displayName": "Reads", "description": text})
        given = [GRANTS[name] for name in hand.grants]
        self.grants = {(one.resource, one.role, self.account.member, one.condition) for one in given}
        self.grants |= {
            (self.account.resource, IMPERSONATION[0], principals(POOL, role), None) for role in hand.roles if hand.pool
        }
        for name, role, member, condition in sorted(self.grants, key=str):
            if name in (SALES, VISITS):
                entry: Json = {"role": SPELLED_BASIC.get(role, role), "userByEmail": self.account.email}
                if condition:
                    entry["condition"] = {"title": condition.title, "expression": condition.expression}
                cloud.datasets.replace(PROJECT, name.rpartition("/")[2], [*cloud.datasets.entries(name), entry])
            else:
                found = cloud.policies.get(name).bindings
                cloud.policies.set(name, [*found, Binding(role, frozenset({member}), condition)])

    def missing(self, local: LocalCloud) -> list[str]:
        """What of it is not as the person left it, or as an adoption may have it."""
        found = [f"the pool {POOL} by hand: {self.pool.json()}"] if self.pool and not _kept(self.pool) else []
        if self.provider and self.undeleted and self.provider.expires is not None:
            found.append(f"the provider {PROVIDER} by hand")
        things = {"pool": self.pool, "provider": self.provider, "account": self.account}
        self.adopted |= {
            f"an adopted {what}" for what, thing in things.items() if thing and ADOPTED in thing.description
        }
        if self.account:
            account = local.cloud.accounts.find(self.account.unique_id)
            if account is None or account.display_name != "Reads" or not self._says_text(account.description):
                found.append(f"the account {self.account.email} by hand: {account and account.json()}")
            found += [f"{grant}, given by hand" for grant in self.grants if not _holds(local, grant)]
        return found

    def share(self, local: LocalCloud, stack: str) -> Footprint:
        """What of a stack's names is a person's: what is marked is the stack's, but for what was there before it."""
        account, provider = self.account, self.provider
        free = account is not None and (not self._is_marked(account.description) or self.text == ANOTHERS)
        everything = account is not None and self.text == LONG
        let_go = provider is not None and not self._is_marked(provider.description)
        of_account = {
            grant
            for grant in footprint(local, stack).grants
            if account and (account.email in grant[0] or account.member == grant[2])
        }
        return Footprint(
            accounts=frozenset({account.email} if account and free else ()),
            providers=frozenset({f"{POOL}/{PROVIDER}"} if let_go else ()),
            grants=frozenset((of_account if everything else self.grants) | self.dangling),
            pools=frozenset({POOL} if self.pool else ()),
        )

    def wrongs(self, wish: Wish | None) -> list[str]:
        """What is not as it must be at rest, under a wish of the stack or when it is gone."""
        told = []
        adopted = wish is not None and self.provider is not None and wish.federation("a") == f"{POOL}/{PROVIDER}"
        if self.provider and self.provider.expires is None and not adopted:
            allowed = (
                {NOBODY} if "an adopted provider" in self.adopted and not self.condition else {NOBODY, self.condition}
            )
            if self.provider.condition not in allowed:
                told.append(f"the provider by hand lets in {self.provider.condition!r}")
            if self._is_marked(self.provider.description):
                told.append("the provider by hand is marked")
        return told

    def claim(self, wanted: Footprint) -> None:
        """A stack wants this: what an account that it has adopted already had besides is the stack's from now on."""
        if self.account is None or ADOPTED not in self.account.description:
            self.listed = wanted.grants
        elif claimed := self.grants & wanted.grants - self.listed:
            self.grants -= claimed
            self.dangling |= claimed

    def forget_account(self) -> None:
        """A person deleted it: the next of its name is another."""
        self.account, self.grants, self.dangling = None, set(), self.dangling | self.grants

    def forget(self, resource: str, member: str) -> None:
        """A person took away such grants on a resource."""
        self.grants = {g for g in self.grants if g[0] != resource or not g[2].startswith(member)}

    def _says_text(self, description: str) -> bool:
        said = description == self.text or re.sub(r" ?keyless-adopted\S*$", "", description) == self.text.strip()
        return said or (self.text == LONG and description.startswith(LONG[:100]))

    @staticmethod
    def _is_marked(description: str) -> bool:
        return "keyless" in description


def _kept(pool: Pool) -> bool:
    return pool.expires is None and pool.display_name == "AWS" and pool.description.startswith("For AWS")


def _holds(local: LocalCloud, grant: Grant) -> bool:
    name, role, member, condition = grant
    bindings = local.cloud.policies.get(name).bindings
    return any(b.role == role and member in b.members and b.condition == condition for b in bindings)
