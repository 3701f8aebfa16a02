"""Options of `GcpFederation` for adoption, drift, logging and deletion."""

from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from keyless_federation.errors import FederationError
from keyless_federation.model import rules
from keyless_federation.model.ownership import Marker
from keyless_federation.model.rules import OnUnreachable, Reconcile, service_name

# Google writes no line about an exchange or an impersonation without these.
# https://cloud.google.com/iam/docs/audit-logging/examples-workload-identity
CHAIN_LOGS = ("iam", "sts")
# Google switches these logs on with those of IAM, and takes no other name for them.
# https://cloud.google.com/iam/docs/audit-logging/audit-logging-iamcreds
LOGGED_WITH = {"iamcredentials.googleapis.com": "iam.googleapis.com"}


class OptionError(FederationError, ValueError):
    """An option of `GcpFederation` has a value that it cannot have."""


@dataclass(frozen=True, slots=True, kw_only=True)
class FederationOptions:
    """The options, checked; raises `OptionError` for an unknown value.

    `now` is when the app is synthesized: what makes each deployment another one, where that is wanted.
    """

    adopt: bool = False
    on_unreachable: OnUnreachable = "fail"
    reconcile: Reconcile = "on-change"
    audit_logs: bool | Iterable[str] = False
    description: str = ""
    disabled: bool | None = None
    pool_description: str = ""
    pool_disabled: bool | None = None
    now: str = field(default_factory=lambda: datetime.now(UTC).isoformat())

    def __post_init__(self) -> None:
        for name, rule in {"on_unreachable": rules.ON_UNREACHABLE, "reconcile": rules.RECONCILE}.items():
            if not rule.accepts(value := getattr(self, name)):
                raise OptionError(f"{name} {rule.refusal(value)}.")

    def require_room(self, owner: str) -> None:
        """Refuse descriptions that leave no room for the marker of the stack."""
        room = Marker(owner).on_adopted().room
        for name in ("description", "pool_description"):
            if (taken := len(getattr(self, name).encode())) > room:
                raise OptionError(
                    f"{name} takes {taken} bytes; beside the stack's marker, {room} are left of Google's 256."
                )

    @property
    def whole(self) -> dict[str, Any]:
        """What concerns the federation as a whole, as the custom resource takes it: nothing where nothing was said."""
        services = CHAIN_LOGS if self.audit_logs is True else tuple(self.audit_logs or ())
        named = {LOGGED_WITH.get(name, name) for name in map(service_name, services)}
        return {
            **({"Adopt": "true"} if self.adopt else {}),
            **({"OnUnreachable": self.on_unreachable} if self.on_unreachable != "fail" else {}),
            **({"Reconcile": self.now} if self.reconcile == "always" else {}),
            **({"AuditLogs": sorted(named)} if named else {}),
        }

    @property
    def pool(self) -> dict[str, str]:
        """What concerns the pool."""
        return _said(self.pool_description, self.pool_disabled)

    @property
    def provider(self) -> dict[str, str]:
        """What concerns the provider."""
        return _said(self.description, self.disabled)


def _said(description: str, disabled: bool | None) -> dict[str, str]:
    return {
        **({"Description": description} if description else {}),
        **({"Disabled": str(disabled).lower()} if disabled is not None else {}),
    }
