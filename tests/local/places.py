"""What roles are granted on, made in the local Google and seen as its administrator sees it."""

from tests.local.local_google import PROJECT, Json, LocalGoogle

BUCKETS = "storage/storage/v1/b"
VERSION = {"options.requestedPolicyVersion": "3"}


class Place:
    """Something that roles are granted on: how a grant names it, and its policy as an administrator sees it."""

    def __init__(self, google: LocalGoogle, kind: str, name: str) -> None:
        self.google, self.kind, self.name = google, kind, name
        self.grant: Json = getattr(self, f"_make_{kind}")()

    def policy(self) -> Json:
        """The whole policy."""
        if self.kind == "bucket":
            return self.google.call("GET", f"{BUCKETS}/{self.name}/iam", optionsRequestedPolicyVersion="3")
        if self.kind in ("topic", "secret"):
            return self.google.call("GET", f"{self.path}:getIamPolicy", None, **VERSION)
        if self.kind == "account":
            return self.google.call("POST", f"{self.path}:getIamPolicy", None, **VERSION)
        return self.google.call("POST", f"{self.path}:getIamPolicy", {"options": {"requestedPolicyVersion": 3}})

    def put(self, policy: Json) -> None:
        """Put another in its place."""
        if self.kind == "bucket":
            self.google.call("PUT", f"{BUCKETS}/{self.name}/iam", policy)
        else:
            self.google.call("POST", f"{self.path}:setIamPolicy", {"policy": policy})

    def bind(self, role: str, member: str) -> None:
        """Add a binding, as another administrator would."""
        policy = self.policy()
        self.put({**policy, "bindings": [*policy.get("bindings", []), {"role": role, "members": [member]}]})

    def bindings(self) -> list[Json]:
        """Its bindings."""
        found: list[Json] = self.policy().get("bindings", [])
        return found

    def members(self, role: str) -> set[str]:
        """Who has the role, under whatever condition."""
        return {member for entry in self.bindings() if entry["role"] == role for member in entry["members"]}

    def remove(self) -> None:
        """Delete it, as somebody might by hand."""
        self.google.call("DELETE", f"{BUCKETS}/{self.name}" if self.kind == "bucket" else self.path)

    def _make_table(self) -> Json:
        below = f"of_{self.name.replace('-', '_')}"
        dataset = self.google.dataset(below)
        self.path = f"{dataset}/tables/{self.name}"
        schema = {"fields": [{"name": "n", "type": "INTEGER"}]}
        reference = {"projectId": PROJECT, "datasetId": below, "tableId": self.name}
        self.google.call("POST", f"{dataset}/tables", {"tableReference": reference, "schema": schema})
        return {"Dataset": below, "Table": self.name}

    def _make_bucket(self) -> Json:
        uniform = {"uniformBucketLevelAccess": {"enabled": True}}
        self.google.call("POST", BUCKETS, {"name": self.name, "iamConfiguration": uniform}, project=PROJECT)
        return {"Bucket": self.name}

    def _make_topic(self) -> Json:
        self.path = f"pubsub/v1/projects/{PROJECT}/topics/{self.name}"
        self.google.call("PUT", self.path, {})
        return {"Resource": f"//pubsub.googleapis.com/projects/{PROJECT}/topics/{self.name}"}

    def _make_secret(self) -> Json:
        path = f"secretmanager/v1/projects/{PROJECT}/secrets"
        self.path = f"{path}/{self.name}"
        self.google.call("POST", path, {"replication": {"automatic": {}}}, secretId=self.name)
        return {"Resource": f"//secretmanager.googleapis.com/projects/{PROJECT}/secrets/{self.name}"}

    def _make_account(self) -> Json:
        path = f"iam/v1/projects/{PROJECT}/serviceAccounts"
        made = self.google.call("POST", path, {"accountId": self.name})
        self.path = f"{path}/{made['email']}"
        return {"ServiceAccount": made["email"]}
