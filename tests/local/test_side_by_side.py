"""What does not depend on each other is asked of Google at the same time."""

import threading
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any

from tests.local.federation_properties import account
from tests.local.federation_stack import Stack
from tests.local.local_google import LocalGoogle
from tests.local.proxy import Proxy


@dataclass(slots=True)
class Together:
    """Lets nobody on until so many are there at once, or the first has waited in vain."""

    most: int
    barrier: threading.Barrier = field(init=False)
    met: bool = False
    over: threading.Event = field(default_factory=threading.Event)

    def __post_init__(self) -> None:
        self.barrier = threading.Barrier(self.most, timeout=20)

    def wait(self) -> None:
        """Wait for the others, until they met once."""
        if not self.over.is_set():
            with suppress(threading.BrokenBarrierError):
                self.barrier.wait()
                self.met = True
            self.over.set()
            self.barrier.abort()


def test_policies_are_read_and_written_side_by_side(google: LocalGoogle) -> None:
    names = [f"aws-beside-{number}" for number in range(8)]
    accounts = [account(name, "beside-role", grants=()) for name in names]
    stack = Stack(google, "beside").change(ServiceAccounts=accounts)
    together = {verb: Together(4) for verb in ("getIamPolicy", "setIamPolicy")}

    def meet(method: str, path: str) -> Any:
        _, found, verb = path.rpartition("gserviceaccount.com:")
        return together[verb].wait if found else None

    with Proxy(google.url, meet).serving() as proxy:
        stack.endpoint = proxy.url
        stack.succeed("Create")
        assert [meeting.met for meeting in together.values()] == [True, True]
        together["getIamPolicy"] = Together(4)
        assert stack.succeed("Update") == 0
    assert together["getIamPolicy"].met
