"""What one deployment is told from outside: the AWS side, the Google side, and who deploys on Google's."""

import json
import re
from collections.abc import Mapping
from dataclasses import MISSING, dataclass, fields
from itertools import pairwise
from typing import Any, Self

CONTEXT_KEY = "keyless"


class SettingsError(ValueError):
    """The context object `keyless` is absent, incomplete or malformed; the message lists every problem."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """Synth-time settings, read from the CDK context object `keyless`, as `python -m infra.bootstrap` prints it.

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
    def upkeep(self) -> dict[str, Any]:
        """What is said of the upkeep of Google's half, as arguments of `GcpFederation`."""
        return {name: getattr(self, name) for name in ("adopt", "on_unreachable", "reconcile", "audit_logs")}

    @classmethod
    def from_context(cls, context: Any) -> Self:
        """Read the context value (an object, or JSON text as `-c keyless=...` gives it).

        Raises `SettingsError` with every missing, unknown and malformed setting at once.
        """
        values = _as_object(context)
        known = {field.name: field for field in fields(cls)}
        problems = [f"'{name}' is not a setting" for name in values if name not in known]
        problems += [
            f"'{name}' is missing" for name, field in known.items() if field.default is MISSING and not values.get(name)
        ]
        problems += [problem for name, rule in RULES.items() if (problem := _broken(name, rule, values.get(name)))]
        problems += [
            f"'{name}' is {values[name]!r}, but must be true or false"
            for name in sorted(FLAGS & set(values))
            if not isinstance(values[name], bool)
        ]
        problems += [] if problems else _unscalable(values)
        if problems:
            raise SettingsError(f"context '{CONTEXT_KEY}': {'; '.join(problems)}. {REMEDY}")
        given: dict[str, Any] = {name: tuple(value or ()) if name in LISTS else value for name, value in values.items()}
        return cls(**given)


REMEDY = "Run `python -m infra.bootstrap` and put the object that it prints into cdk.context.json."

DAYS = "(MON|TUE|WED|THU|FRI|SAT|SUN)"
HOURS = r"(?P<first>1?\d|2[0-3])-(?P<last>1?\d|2[0-3])"
BUSINESS_HOURS = (
    rf"(?P<days>{DAYS}(-{DAYS})?) {HOURS} (?P<zone>\w+(/[\w+-]+)*)",
    "days, full hours and a time zone such as 'MON-FRI 8-18 Europe/Dublin'",
)

RULES = {
    "account": (r"\d{12}", "an AWS account number, 12 digits"),
    "region": (r"[a-z]{2}(-[a-z]+)+-\d", "an AWS region such as eu-west-1"),
    "stage": (r"[a-z][a-z0-9]{0,8}", "1-9 lower-case letters and digits, a letter first"),
    "project": (r"[a-z][a-z0-9.:-]{4,}[a-z0-9]", "a Google project ID"),
    "project_number": (r"\d+", "Google's project number, digits only; `gcloud projects describe` prints it"),
    "deployer_audience": (
        r"//iam\.googleapis\.com/projects/\d+/locations/global/workloadIdentityPools/[a-z0-9-]+/providers/[a-z0-9-]+",
        "the full name of the bootstrap provider, with the project's number",
    ),
    "deployer_service_account": (r"[a-z0-9-]+@[a-z0-9.:-]+", "the e-mail address of a service account"),
    "runtime": (r"python3\.1[1-4]", "python3.11 to python3.14"),
    "architecture": (r"arm64|x86_64", "arm64 or x86_64"),
    "provisioned_concurrency": (r"\d+", "a whole number; 0 switches it off"),
    "provisioned_concurrency_max": (r"[1-9]\d*", "a whole number, at least provisioned_concurrency"),
    "business_hours": BUSINESS_HOURS,
    "business_hours_concurrency": (r"[1-9]\d*", "a whole number, at least provisioned_concurrency"),
    "events_dataset": (r"\w{1,1024}", "a dataset's ID: letters, digits and underscores"),
    "google_endpoint": (r"https?://.*\{service\}.*", "a URL with {service} in it"),
    "attach": (r"[\w+=,.@-]{1,64}/[\w-]{1,64}", 'a list of "ROLE/FUNCTION"'),
    "layers": (r"python3\.1[1-4]/(arm64|x86_64)", 'a list of "RUNTIME/ARCHITECTURE", such as "python3.12/x86_64"'),
    "terraform_roles": (
        r"(projects/[^/]+/)?roles/[\w.]+",
        'a list of roles on the project, such as "roles/bigquery.user"',
    ),
    "terraform_start": ("by-hand|on-deploy", "by-hand or on-deploy"),
    "on_unreachable": ("fail|leave", "fail or leave"),
    "reconcile": ("on-change|always", "on-change or always"),
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


def _broken(name: str, rule: tuple[str, str], value: Any) -> str | None:
    pattern, meaning = rule
    if name in LISTS and value is not None and not isinstance(value, list):
        return f"'{name}' is {value!r}, but must be {meaning}"
    items = value if name in LISTS else [value]
    if value is None or value == "" or all(re.fullmatch(pattern, str(item)) for item in items):
        return None
    return f"'{name}' is {value!r}, but must be {meaning}"


def _unscalable(values: Mapping[str, Any]) -> list[str]:
    """Numbers of environments that contradict each other."""
    order = ("provisioned_concurrency", "business_hours_concurrency", "provisioned_concurrency_max")
    given = [(name, int(values[name])) for name in order if values.get(name)]
    return [
        f"'{name}' is {number}, less than '{less}' with {least}"
        for (less, least), (name, number) in pairwise(given)
        if number < least
    ]
