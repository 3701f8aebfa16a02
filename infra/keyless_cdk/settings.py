"""What one deployment is told from outside: the AWS side, the Google side, and who deploys on Google's."""

import json
from collections.abc import Mapping
from dataclasses import MISSING, dataclass, fields
from itertools import pairwise
from typing import Any, Self

from keyless_federation.errors import FederationError
from keyless_federation.model import rules
from keyless_federation.model.disclosure import described
from keyless_federation.model.rules import CONTEXT_KEY, Rule

__all__ = ["CONTEXT_KEY", "Settings", "SettingsError"]


class SettingsError(FederationError, ValueError):
    """The context object `keyless` is absent, incomplete or malformed; the message lists every problem."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """Synth-time settings, read from the CDK context object `keyless`, as `keyless bootstrap` prints it.

    Account and project number are digits in a string. `google_endpoint` is a template with `{service}`:
    set for Private Service Connect and for the local Google, absent for the public endpoints. `attach` lets
    functions in that are not in this app, each as `ROLE/FUNCTION`; `layers` publishes the layer for more than
    `runtime` and `architecture`, each as `RUNTIME/ARCHITECTURE`.
    `business_hours` are words such as `MON-FRI 8-18 Europe/Dublin`, in which more is kept warm.
    With `events_dataset`, a dataset of the project, `functions/bigquery_events` is deployed as well; with
    `terraform_roles`, those of Terraform on the project, `functions/terraform` (docs/terraform.md).
    `adopt`, `on_unreachable`, `reconcile` and `audit_logs` are `GcpFederation`'s (docs/federation.md).
    """

    account: str
    region: str
    stage: str
    project: str
    project_number: str
    deployer_audience: str
    deployer_service_account: str
    runtime: str = "python3.13"
    architecture: str = "arm64"
    provisioned_concurrency: int = 1
    provisioned_concurrency_max: int | None = None
    business_hours: str | None = None
    business_hours_concurrency: int | None = None
    google_endpoint: str | None = None
    events_dataset: str | None = None
    attach: tuple[str, ...] = ()
    layers: tuple[str, ...] = ()
    terraform_roles: tuple[str, ...] = ()
    terraform_start: str = "by-hand"
    adopt: bool = False
    on_unreachable: str = "fail"
    reconcile: str = "on-change"
    audit_logs: bool = False

    @property
    def options(self) -> dict[str, Any]:
        """The options of `GcpFederation` that are settings."""
        return {name: getattr(self, name) for name in ("adopt", "on_unreachable", "reconcile", "audit_logs")}

    @classmethod
    def from_context(cls, context: Any) -> Self:
        """Read the context value (an object, or JSON text as `-c keyless=...` gives it).

        Raises `SettingsError` with every missing, unknown and malformed setting at once.
        """
        values = _as_object(context)
        known = {field.name: field for field in fields(cls)}
        problems = [f"{described(name)} is not a setting" for name in values if name not in known]
        problems += [
            f"'{name}' is missing" for name, field in known.items() if field.default is MISSING and not values.get(name)
        ]
        problems += [problem for name, rule in RULES.items() if (problem := _broken(name, rule, values.get(name)))]
        problems += [
            f"'{name}' is {described(values[name])}, but must be true or false"
            for name in sorted(FLAGS & set(values))
            if not isinstance(values[name], bool)
        ]
        problems += _unusable(values.get("google_endpoint"))
        problems += [] if problems else _unscalable(values)
        if problems:
            raise SettingsError(f"context '{CONTEXT_KEY}': {'; '.join(problems)}. {REMEDY}")
        given: dict[str, Any] = {name: tuple(value or ()) if name in LISTS else value for name, value in values.items()}
        return cls(**given)


REMEDY = "Run `keyless bootstrap` and put the object that it prints into cdk.context.json."

DAYS = "(MON|TUE|WED|THU|FRI|SAT|SUN)"
HOURS = r"(?P<first>1?\d|2[0-3])-(?P<last>1?\d|2[0-3])"
BUSINESS_HOURS = Rule(
    rf"(?P<days>{DAYS}(-{DAYS})?) {HOURS} (?P<zone>\w+(/[\w+-]+)*)",
    "days, full hours and a time zone such as 'MON-FRI 8-18 Europe/Dublin'",
)

RULES: Mapping[str, Rule] = {
    "account": rules.AWS_ACCOUNT,
    "region": rules.AWS_REGION,
    "stage": rules.STAGE,
    "project": rules.PROJECT,
    "project_number": rules.PROJECT_NUMBER,
    "deployer_audience": rules.AUDIENCE,
    "deployer_service_account": rules.EMAIL,
    "runtime": rules.RUNTIME,
    "architecture": rules.ARCHITECTURE,
    "provisioned_concurrency": Rule(r"\d+", "a whole number; 0 switches it off"),
    "provisioned_concurrency_max": Rule(r"[1-9]\d*", "a whole number, at least provisioned_concurrency"),
    "business_hours": BUSINESS_HOURS,
    "business_hours_concurrency": Rule(r"[1-9]\d*", "a whole number, at least provisioned_concurrency"),
    "events_dataset": rules.DATASET,
    "attach": rules.WORKLOAD,
    "layers": rules.LAYER_TARGET,
    "terraform_roles": rules.ROLE,
    "terraform_start": Rule("by-hand|on-deploy", "by-hand or on-deploy"),
    "on_unreachable": rules.ON_UNREACHABLE,
    "reconcile": rules.RECONCILE,
}
LISTS = frozenset({"attach", "layers", "terraform_roles"})
FLAGS = frozenset({"adopt", "audit_logs"})


def _as_object(context: Any) -> Mapping[str, Any]:
    if isinstance(context, str):
        try:
            context = json.loads(context)
        except json.JSONDecodeError as error:
            raise SettingsError(f"context '{CONTEXT_KEY}' is not JSON: {error}. {REMEDY}") from error
    if not isinstance(context, Mapping):
        raise SettingsError(f"context '{CONTEXT_KEY}' is not set. {REMEDY}")
    return context


def _broken(name: str, rule: Rule, value: Any) -> str | None:
    if value is None or value == "":
        return None
    items = value if name in LISTS else [value]
    if not isinstance(items, list):
        return f"'{name}' is {described(value)}, but must be a list, each item {rule.meaning}"
    wrong = next((item for item in items if not rule.accepts(str(item))), None)
    where = f"'{name}'" if name not in LISTS else f"an item of '{name}'"
    return None if wrong is None else f"{where} {rule.refusal(wrong)}"


def _unusable(endpoint: Any) -> list[str]:
    problem = rules.endpoint_problem(str(endpoint)) if endpoint else ""
    return [f"'google_endpoint' is {described(endpoint)}, but {problem}"] if problem else []


def _unscalable(values: Mapping[str, Any]) -> list[str]:
    """Numbers of environments that contradict each other."""
    order = ("provisioned_concurrency", "business_hours_concurrency", "provisioned_concurrency_max")
    given = [(name, int(values[name])) for name in order if values.get(name)]
    return [
        f"'{name}' is {number}, less than '{less}' with {least}"
        for (less, least), (name, number) in pairwise(given)
        if number < least
    ]
