"""What can go wrong with one event, as values that a person can read and hypothesis can draw."""

from collections.abc import Mapping
from dataclasses import dataclass

from hypothesis import strategies as st

# A call's kind: its method, the last collection in its path, and the verb. What is read and written on the way.
READS = (
    "GET projects/*",
    "GET services:batchGet",
    "GET operations/*",
    "GET workloadIdentityPools/*",
    "GET providers/*",
    "GET providers",
    "GET serviceAccounts",
    "GET serviceAccounts/*",
    "POST serviceAccounts/*:getIamPolicy",
    "POST projects/*:getIamPolicy",
    "GET datasets/*",
    "POST tables/*:getIamPolicy",
)
STARTS = (
    "POST services:batchEnable",
    "POST workloadIdentityPools",
    "POST workloadIdentityPools/*:undelete",
    "PATCH workloadIdentityPools/*",
    "DELETE workloadIdentityPools/*",
    "POST providers",
    "POST providers/*:undelete",
    "PATCH providers/*",
    "DELETE providers/*",
)
WRITES = (
    *STARTS,
    "POST serviceAccounts",
    "PATCH serviceAccounts/*",
    "DELETE serviceAccounts/*",
    "POST serviceAccounts/*:setIamPolicy",
    "POST projects/*:setIamPolicy",
    "PATCH datasets/*",
    "POST tables/*:setIamPolicy",
)
POLICIES = tuple(kind for kind in WRITES if "setIamPolicy" in kind or "datasets" in kind)
PASSING = ("429", "500", "503", "timeout", "no connection")
LOST, MEDDLE, KILL, KILL_AFTER = "lost answer", "someone else writes first", "killed before it", "killed after it"
REFUSED, UNREACHABLE = "400 for good", "Google is unreachable from here on"
# A proxy's answers in Google's place: 200, and no answer. What was asked for is done all the same, or is not.
GARBAGE = {
    "an empty answer": b"",
    "an HTML page": b"<!doctype html><title>Sign in</title>",
    "a cut answer": b'{"name": "projects/keyless-local/loc',
    "an empty object": b"{}",
    "a list": b'[{"name": "x", "etag": "x", "state": "ACTIVE"}]',
    "wrong types": (
        b'{"name": 7, "email": {}, "uniqueId": 1, "etag": "x", "id": 1, "state": "ACTIVE", "done": "true",'
        b' "access": {}, "bindings": {}, "accounts": {}, "services": {}, "workloadIdentityPoolProviders": "",'
        b' "projectNumber": 1}'
    ),
}
DONE, NOT_DONE = "and it is done", "and nothing is done"
GARBLED = tuple(f"{form}, {done}" for form in GARBAGE for done in (DONE, NOT_DONE))
OPERATIONS = ("operation fails undone", "operation fails though done", "operation never ends")


CLASSES = {"a read": READS, "a write": WRITES, "an operation": STARTS, "a policy's write": POLICIES}


@dataclass(frozen=True, slots=True)
class Fault:
    """`what` happens `at` the `nth` call of a kind or of a class of them; `lasting`: at all later ones, too."""

    what: str
    at: str
    nth: int = 0
    lasting: bool = False

    def meets(self, places: Mapping[str, int]) -> bool:
        """Whether this call is the one; `places` has its number in each group that it belongs to."""
        found = places.get(self.at, -1)
        return found >= self.nth if self.lasting else found == self.nth


def groups(kind: str) -> list[str]:
    """What a call is one of."""
    return ["a call", kind, *(name for name, kinds in CLASSES.items() if kind in kinds)]


@dataclass(frozen=True, slots=True)
class Trouble:
    """What one event meets: faults of calls, and of what lies around them.

    `deaf`: so many answers CloudFormation's address refuses. `propagation`: seconds for which what was just made
    is unknown. `repeated`: Lambda tries again after a kill, before CloudFormation gives up. `twice`: the event is
    delivered again at once; `late`: after the next one.
    """

    faults: tuple[Fault, ...] = ()
    deaf: int = 0
    propagation: int = 0
    repeated: bool = False
    twice: bool = False
    late: bool = False

    @property
    def gentle(self) -> bool:
        """Whether the event should get over it by itself: twice unanswered may mean that nobody is there."""
        unanswered = [fault for fault in self.faults if fault.what in ("timeout", "no connection", LOST, *GARBLED)]
        return len(unanswered) < 2 and all(
            not fault.lasting and fault.what in (*PASSING, LOST, MEDDLE, *GARBLED) for fault in self.faults
        )


CALM = Trouble()


def _fault() -> st.SearchStrategy[Fault]:
    first, early, place = st.sampled_from((0, 0, 1)), st.integers(0, 6), st.integers(0, 14)
    anywhere = (st.just("a call"), place)
    passing, garbled = st.sampled_from(PASSING), st.sampled_from(GARBLED)
    return st.one_of(
        st.builds(Fault, passing, st.sampled_from((*WRITES, *READS)), first),
        st.builds(Fault, passing, *anywhere),
        st.builds(Fault, garbled, st.sampled_from((*WRITES, *READS)), first),
        st.builds(Fault, garbled, *anywhere),
        st.builds(Fault, st.just(LOST), st.just("a write"), early),
        st.builds(Fault, st.just(REFUSED), st.just("a write"), early, st.just(True)),
        st.builds(Fault, st.one_of(passing, garbled, st.just(REFUSED)), *anywhere, st.just(True)),
        st.builds(Fault, st.sampled_from((KILL, KILL_AFTER)), st.just("a write"), early),
        st.builds(Fault, st.sampled_from((KILL, KILL_AFTER)), *anywhere),
        st.builds(Fault, st.just(MEDDLE), st.just("a policy's write"), first),
        st.builds(Fault, st.sampled_from(OPERATIONS), st.just("an operation"), first),
        st.builds(Fault, st.just(UNREACHABLE), *anywhere, st.just(True)),
    )


def troubles() -> st.SearchStrategy[Trouble]:
    """What one event may meet; nothing at all, too."""
    rarely = st.sampled_from((False, False, False, False, False, True))
    return st.builds(
        Trouble,
        faults=st.one_of(st.tuples(_fault()), st.tuples(_fault(), _fault()), st.tuples(_fault(), _fault(), _fault())),
        deaf=st.sampled_from((0, 0, 0, 0, 0, 1, 3, 5)),
        propagation=st.sampled_from((0, 0, 0, 0, 0, 5, 60)),
        repeated=rarely,
        twice=rarely,
        late=rarely,
    )
