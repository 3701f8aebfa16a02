"""How the script begins: what it is for whoever reads it, and the functions that keep it from doing harm."""

HEADER = """\
#!/bin/sh
# Keyless: Google's half of the bootstrap, printed by `keyless bootstrap --print-gcloud`.
#
{purpose}. No key is made.
# Every line is plain gcloud: read it, then run it as someone who may administer IAM in {homes}
# (docs/bootstrap.md lists the roles).
# Running it again is safe: what is there is brought up to date, what others made is not touched.
{warnings}set -eu
export CLOUDSDK_CORE_DISABLE_PROMPTS=1
"""
PURPOSE = """\
# It lets the AWS {roles} of the account {account} work as the service account
# {email}, which makes workload identity federations
# in the project {project}"""
WARNING = """\
#
# Know this: it may set the policy of every service account of {project}, so it can become any of them.
# Google can bound which roles it grants on the project, not which accounts it administers. Let {project}
# hold nothing but identities, and grant them rights on your other projects (--grants-only).
"""
UNBOUNDED = """\
# It may grant any role, to anyone, on each of these resources of {project}: {kinds}.
"""
ONLY_GRANTS = """\
# It lets the service account {email}
# grant roles in the project {project}"""
FUNCTIONS = """
# Stops rather than take over what somebody else made: ours carry a marker in their description.
require_ours() { # WHAT, ITS DESCRIPTION, MARKER
    case "$2" in *"$3"*) return 0 ;; esac
    echo "$1 is there, but was not made by this bootstrap, and is not taken over. Delete or rename it first." >&2
    exit 1
}

# Stops rather than take away what an earlier run gave.
require_kept() { # WHAT IS THERE, WHAT WILL BE, both separated by spaces
    for name in $1; do
        case " $2 " in *" $name "*) continue ;; esac
        echo "An earlier bootstrap gave $name, too. Print this script with every --stage, --region and" >&2
        echo "--grantable-role that is in use, or run keyless bootstrap, which keeps the earlier ones." >&2
        exit 1
    done
}

# Google undeletes a role for seven days only.
blocked() { # ROLE
    echo "$1 was deleted more than seven days ago, and Google blocks its ID for 37 days from then. Wait until these" >&2
    echo "are over, or run keyless bootstrap, which makes the role under another ID." >&2
    exit 1
}

# What was made a moment ago is not known everywhere at once.
patiently() {
    for pause in 2 4 8 16 32; do
        "$@" && return
        echo "(again in $pause s)" >&2
        sleep $pause
    done
    "$@"
}

# The quoted names in the last list of a condition.
listed() { printf '%s' "$1" | sed -n "s/.*\\[\\([^][]*\\)\\][^][]*$/\\1/p" | tr -d "',"; }
"""
