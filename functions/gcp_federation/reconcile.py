"""Read, plan, apply: the one way in which Google's half is created, updated and deleted."""

from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from itertools import groupby

from .actual import AT_ONCE, read
from .apis import missing_apis, plan_apis
from .desired import Federation
from .entitlements import left, wanted
from .google import Google
from .plan import plan
from .steps import Step

Say = Callable[[str], None]


def reconcile(google: Google, desired: Federation, previous: Federation | None, say: Say) -> int:
    """Make `desired` so; the number of steps that it took, 0 when all was well already.

    APIs that are looked through come first, for a deletion, too; the others only when nothing stands in the way.
    """
    first, others = enabling(google, desired, previous)
    apply(google, first, say)
    actual = read(google, desired, previous)
    steps = [*others, *plan(desired, actual)]
    for told in left(desired, actual):
        say(told)
    apply(google, steps, say)
    return len(first) + len(steps)


def enabling(google: Google, desired: Federation, previous: Federation | None) -> tuple[list[Step], list[Step]]:
    """What enables the APIs that are off: those without which nothing can be read, and the others."""
    services = {"cloudresourcemanager", "iam", *(on.kind.service for one in (desired, previous) for on in wanted(one))}
    looked = {api for api in desired.apis if api.removesuffix(".googleapis.com") in services}
    missing = missing_apis(google, desired.project, desired.apis if desired.present else looked)
    first = [api for api in missing if api in looked]
    others = [api for api in missing if api not in looked]
    return list(plan_apis(desired.project, first)), list(plan_apis(desired.project, others))


def apply(google: Google, steps: Sequence[Step], say: Say) -> None:
    """Take the steps in order; neighbours of one kind concern different resources and go side by side."""
    with ThreadPoolExecutor(AT_ONCE) as pool:
        for _, alike in groupby(steps, key=type):
            first, *others = alike
            beside = pool.map(lambda step: _take(google, step, say), others)
            _take(google, first, say)
            list(beside)


def _take(google: Google, step: Step, say: Say) -> None:
    say(str(step))
    step.apply(google)
