"""Read, plan, apply: the one way in which Google's half is created, updated and deleted."""

from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from itertools import groupby

from google.auth.exceptions import RefreshError

from keyless_federation.errors import FederationError
from keyless_federation.google.apis import missing_apis, plan_apis
from keyless_federation.google.client import Google
from keyless_federation.google.step import Step
from keyless_federation.model.federation import Federation
from keyless_federation.plan import plan
from keyless_federation.policies.entitlements import left, missing, wanted
from keyless_federation.read import AT_ONCE, read
from keyless_federation.skipping import is_refused, nothing_seen

Say = Callable[[str], None]


@dataclass(frozen=True, slots=True)
class Outcome:
    """The number of steps that were taken, 0 when all was well already; and what was passed over, in sentences."""

    changes: int = 0
    passed_over: tuple[str, ...] = ()

    def __add__(self, other: "Outcome") -> "Outcome":
        return Outcome(self.changes + other.changes, (*self.passed_over, *other.passed_over))


def reconcile(
    google: Google,
    desired: Federation,
    previous: Federation | None,
    say: Say,
    begin: Callable[[], None] = lambda: None,
) -> Outcome:
    """Bring Google to the `desired` state. `begin` is called when everything was read, before the first write.

    APIs that the reading needs are enabled even before that, since they stay in any case; the others only when there
    is no conflict.
    """
    first, others = enabling(google, desired, previous)
    apply(google, first, say)
    actual = read(google, desired, previous)
    steps = [*others, *plan(desired, actual)]
    passed_over = (*actual.passed_over.values(), *(missing(desired, actual) if desired.skip_unreadable else ()))
    for told in (*left(desired, actual), *passed_over):
        say(told)
    if steps:
        begin()
    apply(google, steps, say)
    return Outcome(len(first) + len(steps), passed_over)


def reconcile_if_shown(
    google: Google, desired: Federation, previous: Federation | None, say: Say, begin: Callable[[], None]
) -> Outcome:
    """Reconcile; if `desired` skips what it may not read and Google shows nothing, leave everything and say so."""
    begun = False

    def really() -> None:
        nonlocal begun
        begun = True
        begin()

    try:
        return reconcile(google, desired, previous, say, really)
    except (FederationError, RefreshError) as error:
        if begun or not desired.skip_unreadable or not is_refused(error):
            raise
        say(told := nothing_seen(desired, error))
        return Outcome(passed_over=(told,))


def enabling(google: Google, desired: Federation, previous: Federation | None) -> tuple[list[Step], list[Step]]:
    """What enables the APIs that are off: those without which nothing can be read, and the others."""
    if desired.skip_unreadable and not desired.present:
        return [], []
    services = {"cloudresourcemanager", "iam", *(on.kind.service for one in (desired, previous) for on in wanted(one))}
    looked = {api for api in desired.apis if api.removesuffix(".googleapis.com") in services}
    missing = missing_apis(google, desired.project, desired.apis if desired.present else looked)
    first = [api for api in missing if api in looked]
    others = [api for api in missing if api not in looked]
    return list(plan_apis(desired.project, first)), list(plan_apis(desired.project, others))


def apply(google: Google, steps: Sequence[Step], say: Say) -> None:
    """Take the steps in order; neighbours that may run side by side do."""
    with ThreadPoolExecutor(AT_ONCE) as pool:
        for _, alike in groupby(steps, key=lambda step: step.beside or id(step)):
            first, *others = alike
            beside = pool.map(lambda step: _take(google, step, say), others)
            _take(google, first, say)
            list(beside)


def _take(google: Google, step: Step, say: Say) -> None:
    say(str(step))
    step.apply(google)
