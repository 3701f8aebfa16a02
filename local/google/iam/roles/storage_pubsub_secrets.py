"""The predefined roles of Cloud Storage, Pub/Sub and Secret Manager, as far as this cloud checks their permissions.

https://cloud.google.com/storage/docs/access-control/iam-roles
https://cloud.google.com/pubsub/docs/access-control
https://cloud.google.com/secret-manager/docs/access-control
"""

from local.google.iam.roles.definition import BUCKET, PROJECT, SECRET, TOPIC, Role, names, role

PROJECT_READ = names("resourcemanager.projects", "get list")
BUCKETS = names("storage.buckets", "create delete get getIamPolicy list setIamPolicy update")
OBJECTS = names("storage.objects", "create delete get getIamPolicy list setIamPolicy update")
OBJECT_USE = names("storage.objects", "create delete get list update")
BUCKET_READ = names("storage.buckets", "get") | names("storage.objects", "list")
BUCKET_WRITE = BUCKET_READ | names("storage.objects", "create delete")
BUCKET_OWN = BUCKET_WRITE | names("storage.buckets", "getIamPolicy setIamPolicy update")
TOPICS_READ = names("pubsub.topics", "get list")
TOPICS_EDIT = TOPICS_READ | names("pubsub.topics", "attachSubscription create delete publish update")
TOPICS = TOPICS_EDIT | names("pubsub.topics", "getIamPolicy setIamPolicy")
SECRETS_READ = names("secretmanager.secrets", "get getIamPolicy list")
SECRETS = SECRETS_READ | names("secretmanager.secrets", "create delete setIamPolicy update")
VERSIONS_ADD = names("secretmanager.versions", "add")
VERSIONS_ACCESS = names("secretmanager.versions", "access")

# What the basic roles hold on a project; a bucket's own policy gives those who hold them the rest.
# https://cloud.google.com/storage/docs/access-control/iam-roles#basic-roles-intrinsic
VIEWER = names("storage.buckets", "list") | TOPICS_READ | names("secretmanager.secrets", "get list")
EDITOR = VIEWER | names("storage.buckets", "create delete") | TOPICS_EDIT | names("secretmanager.secrets", "create")
OWNER = EDITOR | TOPICS | SECRETS | VERSIONS_ADD | VERSIONS_ACCESS

PREDEFINED: dict[str, Role] = {
    "roles/storage.admin": role(BUCKETS | OBJECTS | PROJECT_READ, PROJECT, BUCKET),
    "roles/storage.bucketViewer": role(names("storage.buckets", "get list"), PROJECT, BUCKET),
    "roles/storage.objectAdmin": role(OBJECTS | PROJECT_READ, PROJECT, BUCKET),
    "roles/storage.objectCreator": role(names("storage.objects", "create") | PROJECT_READ, PROJECT, BUCKET),
    "roles/storage.objectUser": role(OBJECT_USE | PROJECT_READ, PROJECT, BUCKET),
    "roles/storage.objectViewer": role(names("storage.objects", "get list") | PROJECT_READ, PROJECT, BUCKET),
    "roles/storage.legacyBucketOwner": role(BUCKET_OWN, BUCKET),
    "roles/storage.legacyBucketReader": role(BUCKET_READ, BUCKET),
    "roles/storage.legacyBucketWriter": role(BUCKET_WRITE, BUCKET),
    "roles/storage.legacyObjectOwner": role(names("storage.objects", "get getIamPolicy setIamPolicy update"), BUCKET),
    "roles/storage.legacyObjectReader": role(names("storage.objects", "get"), BUCKET),
    "roles/pubsub.admin": role(TOPICS | PROJECT_READ, PROJECT, TOPIC),
    "roles/pubsub.editor": role(TOPICS_EDIT | PROJECT_READ, PROJECT, TOPIC),
    "roles/pubsub.publisher": role(names("pubsub.topics", "publish"), PROJECT, TOPIC),
    "roles/pubsub.subscriber": role(names("pubsub.topics", "attachSubscription"), PROJECT, TOPIC),
    "roles/pubsub.viewer": role(TOPICS_READ | PROJECT_READ, PROJECT, TOPIC),
    "roles/secretmanager.admin": role(SECRETS | VERSIONS_ADD | VERSIONS_ACCESS | PROJECT_READ, PROJECT, SECRET),
    "roles/secretmanager.secretAccessor": role(VERSIONS_ACCESS | PROJECT_READ, PROJECT, SECRET),
    "roles/secretmanager.secretVersionAdder": role(VERSIONS_ADD | PROJECT_READ, PROJECT, SECRET),
    "roles/secretmanager.viewer": role(SECRETS_READ | PROJECT_READ, PROJECT, SECRET),
}
