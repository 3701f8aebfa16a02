"""Long-running operations: the first look finds each unfinished, so that a program has to poll as Google wants."""

import secrets
from dataclasses import dataclass
from typing import Any

from local.google.errors import not_found


@dataclass(slots=True)
class Operation:
    """One operation and the answer it will give."""

    name: str
    response: dict[str, Any]
    done: bool = False

    def json(self) -> dict[str, Any]:
        """The operation as it stands."""
        return {"name": self.name, "done": True, "response": self.response} if self.done else {"name": self.name}


class Operations:
    """All operations."""

    def __init__(self) -> None:
        self._operations: dict[str, Operation] = {}

    def start(self, prefix: str, response: dict[str, Any]) -> dict[str, Any]:
        """A new operation, not done yet, as JSON."""
        operation = Operation(f"{prefix}{secrets.token_hex(12)}", response)
        self._operations[operation.name] = operation
        return operation.json()

    def poll(self, name: str) -> dict[str, Any]:
        """The operation; each poll but the first finds it done."""
        if name not in self._operations:
            raise not_found()
        operation = self._operations[name]
        seen, operation.done = operation.json(), True
        return seen
