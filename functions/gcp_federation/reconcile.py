"""Read, plan, apply: the one way in which Google's half is created, updated and deleted."""

from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from itertools import groupby

from .actual import AT_ONCE, read
from .apis import plan_apis
from .desired import Federation
from .entitlements import left, wanted
from .google import Google
from .plan import plan
from .steps import Step

Say = Callable[[str], None]


def reconcile(google: Google, desired: Federation, previous: Federation | None, say: Say) -> int:
    """Make `desired` so; the number of steps that it took, 0 when all was well already.

    APIs come first, for without them the rest cannot even be read: for a deletion, too, those that it goes through.
    """
    apis = missing_apis(google, desired, previous)
    apply(google, apis, say)
    actual = read(google, desired, previous)
    steps = plan(desired, actual)
    for told in left(desired, actual):
        say(told)
    apply(google, steps, say)
    return len(apis) + len(steps)


def missing_apis(google: Google, desired: Federation, previous: Federation | None) -> list[Step]:
    """What enables the APIs that this takes and that are off."""
    return list(plan_apis(google, desired.project, _apis(desired, previous)))


def _apis(desired: Federation, previous: Federation | None) -> list[str]:
    if desired.present:
        return list(desired.apis)
    services = {"cloudresourcemanager", "iam", *(on.kind.service for on in wanted(previous))}
    return [api for api in desired.apis if api.removesuffix(".googleapis.com") in services]


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
