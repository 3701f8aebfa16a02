"""What is there now, of everything that a plan looks at."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from keyless_federation.model.condition import roles_of
from keyless_federation.model.federation import Federation
from keyless_federation.model.fields import Json
from keyless_federation.model.ownership import is_adopted
from keyless_federation.model.targets import Target


@dataclass(frozen=True, slots=True, kw_only=True)
class Actual:
    """The state of Google's half.

    `accounts` are all of the project, by e-mail address; `ours` of these are the federation's or the one's
    that it replaces, or are to be adopted; `previous` is the federation as it was before this event;
    `policies` has None for what does not exist; `passed_over` are words about what may not be looked at and stays as
    it is; `neighbours` are the other providers in a pool that is to be adopted, or in which roles were given direct
    access.
    """

    previous: Federation | None
    pool: Json | None
    provider: Json | None
    accounts: Mapping[str, Json]
    ours: frozenset[str]
    policies: Mapping[Target, Json | None]
    passed_over: Mapping[Target, str] = field(default_factory=dict)
    neighbours: tuple[Json, ...] = ()

    @property
    def adopted(self) -> frozenset[str]:
        """Those of our accounts that somebody else made: they are never deleted, and keep what others gave them."""
        return frozenset(email for email in self.ours if is_adopted(self.accounts[email].get("description")))

    @property
    def roles(self) -> frozenset[str]:
        """The AWS roles that the provider's condition names."""
        return roles_of((self.provider or {}).get("attributeCondition", ""))

    @property
    def shared(self) -> frozenset[str]:
        """The AWS roles that other providers of the pool let in as well."""
        conditions = (provider.get("attributeCondition", "") for provider in self.neighbours)
        return frozenset().union(*map(roles_of, conditions))
