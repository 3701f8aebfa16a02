"""How a stack wants its half to be kept: what it may take over, leave and log, what it brakes, and when it looks."""

from dataclasses import dataclass
from typing import Any

from hypothesis import strategies as st

Json = dict[str, Any]
LOGGED = ("sts.googleapis.com", "iam.googleapis.com", "storage.googleapis.com")


@dataclass(frozen=True, slots=True)
class Upkeep:
    """`leave` is on_unreachable="leave", `always` is reconcile="always"; None says nothing about a brake."""

    adopt: bool = False
    leave: bool = False
    always: bool = False
    disabled: bool | None = None
    pool_disabled: bool | None = None
    logs: tuple[str, ...] = ()

    def whole(self, deployment: int, *, anew: bool) -> Json:
        """What concerns the federation as a whole; `anew` has this one deployment look, whatever is said."""
        return {
            **({"Adopt": "true"} if self.adopt else {}),
            **({"OnUnreachable": "leave"} if self.leave else {}),
            **({"Reconcile": str(deployment)} if self.always or anew else {}),
            **({"AuditLogs": list(self.logs)} if self.logs else {}),
        }

    @property
    def provider(self) -> Json:
        """What concerns the provider."""
        return _said(self.disabled)

    @property
    def pool(self) -> Json:
        """What concerns the pool."""
        return _said(self.pool_disabled)


def says_leave_alone(before: Json, now: Json) -> bool:
    """Whether an update only says anew what a deletion does without Google: it must not ask Google for anything."""
    beside = {"OnUnreachable": None, "Reconcile": None}
    return before.get("OnUnreachable") != now.get("OnUnreachable") and {**before, **beside} == {**now, **beside}


def upkeeps() -> st.SearchStrategy[Upkeep]:
    """Mostly little of it."""
    return st.builds(
        Upkeep,
        adopt=st.sampled_from((False, True)),
        leave=st.sampled_from((False, False, True)),
        always=st.sampled_from((False, True)),
        disabled=st.sampled_from((None, None, None, True, False)),
        pool_disabled=st.sampled_from((None, None, None, True, False)),
        logs=st.one_of(st.just(()), st.lists(st.sampled_from(LOGGED), max_size=2, unique=True).map(tuple)),
    )


def _said(disabled: bool | None) -> Json:
    return {} if disabled is None else {"Disabled": str(disabled).lower()}
