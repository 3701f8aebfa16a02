"""Resources of which this cloud knows no more than a document and a policy, such as topics and secrets."""

from typing import Any

from local.google.errors import already_exists, not_found
from local.google.iam.policies import Policies

Json = dict[str, Any]


class Resources:
    """The documents by the resources' names."""

    def __init__(self, policies: Policies) -> None:
        self._policies = policies
        self._documents: dict[str, Json] = {}

    def create(self, name: str, document: Json) -> Json:
        """A new resource, or 409."""
        if name in self._documents:
            raise already_exists(f"Resource already exists in the project (resource={name.rpartition('/')[2]}).")
        self._documents[name] = {**document, "name": name}
        return self._documents[name]

    def get(self, name: str) -> Json:
        """The resource's document, or 404."""
        if name not in self._documents:
            raise not_found(f"Resource not found (resource={name.rpartition('/')[2]}).")
        return self._documents[name]

    def below(self, prefix: str) -> list[Json]:
        """Those named `prefix` and one part more, by name."""
        return [
            document for name, document in sorted(self._documents.items()) if name.rpartition("/")[0] + "/" == prefix
        ]

    def delete(self, name: str) -> None:
        """Delete a resource with its policy and what lies in it, or 404."""
        self.get(name)
        kept = self._documents.items()
        self._documents = {other: d for other, d in kept if other != name and not other.startswith(f"{name}/")}
        self._policies.drop(name)
