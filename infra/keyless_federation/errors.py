"""Everything that the engine, the constructs and the commands raise.

FederationError             the root
 +-- PropertiesError        the properties make no federation; every problem at once
 +-- OwnershipError         something of that name exists and was not made by this stack
 +-- DeadlineError          the time for all this is over
 +-- GoogleError            Google refused, failed or could not be reached
 +-- HiddenConditionError   Google gave out a policy without its conditions
 +-- StaleRequestError      CloudFormation no longer waits for this request
 +-- UnprovenRequestError   CloudFormation does not say that it asks for this
 +-- at synth, also ValueErrors: SettingsError, OptionError, InvalidNameError, ConditionError, AttachError, ScalingError
"""

from collections.abc import Sequence


class FederationError(Exception):
    """The root of the tree above; the message is made for people."""


class PropertiesError(FederationError):
    """The properties make no federation. `problems` holds one sentence for each mistake."""

    def __init__(self, problems: Sequence[str]) -> None:
        self.problems = tuple(problems)
        super().__init__(f"Invalid properties: {'; '.join(problems)}. Nothing was changed.")


class OwnershipError(FederationError):
    """Something of a wanted name exists that this stack did not make. `conflicts` holds one sentence for each."""

    def __init__(self, conflicts: Sequence[str]) -> None:
        self.conflicts = tuple(conflicts)
        super().__init__(f"{' '.join(conflicts)} Nothing was changed.")


class DeadlineError(FederationError):
    """The deadline passed while `attempted` was under way, after the failure `last`; all is safe to do again."""

    def __init__(self, attempted: str, last: Exception | None = None) -> None:
        self.attempted, self.last = attempted, last
        because = f" {str(getattr(last, 'answer', last)).rstrip('.')}." if last else ""
        super().__init__(f"Could not {attempted} in time.{because} Every step can be done again: deploy again.")


class GoogleError(FederationError):
    """Google's answer to one request that failed.

    `status` is the HTTP status (0: no answer at all), `reason` Google's word for it, `words` Google's
    sentence, `attempted` what was tried, `needs` the permissions that the request takes.
    """

    def __init__(self, status: int, reason: str, words: str, *, attempted: str, needs: Sequence[str] = ()) -> None:
        self.status, self.reason, self.words = status, reason, words
        self.attempted, self.needs = attempted, tuple(needs)
        self.answer = f"Google {f'answered {status} {reason}' if status else 'could not be reached'}: {words}"
        super().__init__(f"Could not {attempted}: {self.answer}")


class HiddenConditionError(FederationError):
    """Google gave out the policy of `on` without its conditions: written back, conditional grants would be for ever."""

    def __init__(self, on: str) -> None:
        super().__init__(
            f"{on} has conditional bindings, and Google answered without the conditions (role names with _withcond_). "
            "Its policy is not changed, because the conditions would be lost. Grant the role on it by hand, "
            "or take the conditional bindings away first."
        )


class StaleRequestError(FederationError):
    """CloudFormation no longer waits for an answer to this request: Lambda may deliver one twice, or late."""

    def __init__(self, kind: str, status: str) -> None:
        super().__init__(
            f"Ignored: CloudFormation no longer waits for this {kind} (stack status {status}). Nothing was changed."
        )


class UnprovenRequestError(FederationError):
    """CloudFormation does not say that it asks for this, so nothing is done; `why` follows "because"."""

    def __init__(self, why: str) -> None:
        super().__init__(f"Refused, because {why}. Nothing was changed.")
