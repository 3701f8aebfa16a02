"""The way into a function's environment: a private view of the file system, then Lambda's bootstrap.

Run as a script by the runtime's own interpreter, with one argument, a JSON object (see `Plan`).
It imports the standard library only, and `local.aws.functions.runtime` imports the names of its isolations.
"""

import ctypes
import json
import os
import sys
from typing import TypedDict

CLONE_NEWNS, CLONE_NEWUSER = 0x20000, 0x10000000
MS_RDONLY, MS_REMOUNT, MS_BIND, MS_REC, MS_PRIVATE = 1, 32, 4096, 16384, 1 << 18

NO_ISOLATION = "none"
# In order of preference. The words end up in the server's log.
ISOLATIONS = {
    "mounts": "mounted read-only at /opt",
    "user-namespace": "mounted read-only at /opt, in a user namespace",
    NO_ISOLATION: "on sys.path only: this machine lets us mount nothing at /opt",
}


class Plan(TypedDict, total=False):
    """What to prepare: the isolation, the folders of code and layers, the bootstrap script; or only a probe."""

    isolation: str
    task: str
    opt: str
    bootstrap: str
    probe: bool


def main(plan: Plan) -> None:
    """Enter the environment and become the bootstrap (or end at once with 0: a probe)."""
    task, opt = plan.get("task", ""), plan.get("opt", "")
    if plan["isolation"] != NO_ISOLATION:
        _leave_the_hosts_mounts(plan["isolation"])
        if plan.get("probe"):
            _bind(os.path.dirname(os.path.abspath(__file__)), "/opt")
            return
        opt, task = _show_layers(opt), _show_code(task)
    if plan.get("probe"):
        return
    os.environ["LAMBDA_TASK_ROOT"] = os.environ["PWD"] = task
    os.chdir(task)
    # -P keeps the bootstrap's own folder off sys.path. A layer that is not a read-only mount must still
    # stay as it was deployed, hence -B: on Lambda a .pyc that is absent is never written.
    flags = ["-P"] if plan["isolation"] != NO_ISOLATION else ["-P", "-B"]
    command = [sys.executable, *flags, plan["bootstrap"], opt]
    wrapper = os.environ.get("AWS_LAMBDA_EXEC_WRAPPER")
    os.execv(wrapper or command[0], [wrapper, *command] if wrapper else command)  # noqa: S606


def _leave_the_hosts_mounts(isolation: str) -> None:
    flags, identity = CLONE_NEWNS, (os.geteuid(), os.getegid())
    if isolation == "user-namespace":
        flags |= CLONE_NEWUSER
    _call("unshare", flags)
    if isolation == "user-namespace":
        for name, line in (
            ("setgroups", "deny"),
            ("uid_map", f"{identity[0]} {identity[0]} 1"),
            ("gid_map", f"{identity[1]} {identity[1]} 1"),
        ):
            with open(f"/proc/self/{name}", "w") as file:
                file.write(line)
    _call("mount", b"none", b"/", None, MS_PRIVATE | MS_REC, None)


def _show_layers(layers: str) -> str:
    """Put the layers' tree at /opt, keeping in sight what we ourselves need from the host's /opt."""
    # sys.prefix does not know the virtual environment here: that is found by `site`, which -S leaves out.
    ours = {os.path.dirname(os.path.dirname(sys.executable)), sys.base_prefix, os.path.dirname(__file__)}
    needed = [path for path in ours if path.startswith("/opt/")]
    handles = {path: os.open(path, os.O_PATH) for path in needed}
    for path in needed:
        os.makedirs(layers + path.removeprefix("/opt"), exist_ok=True)
    _bind(layers, "/opt")
    for path, handle in handles.items():
        _bind(f"/proc/self/fd/{handle}", path)
        os.close(handle)
    return "/opt"


def _show_code(task: str) -> str:
    # Only where the host has the folder: making it would need root, and would stay behind.
    if not os.path.isdir("/var/task"):
        return task
    _bind(task, "/var/task")
    return "/var/task"


def _bind(source: str, target: str) -> None:
    _call("mount", source.encode(), target.encode(), None, MS_BIND, None)
    # A user namespace may not drop what the host locked (nosuid, nodev ...): repeat the flags as they are.
    locked = os.statvfs(target).f_flag & 0b1111
    _call("mount", None, target.encode(), None, MS_BIND | MS_REMOUNT | MS_RDONLY | locked, None)


def _call(name: str, *arguments: object) -> None:
    numbers_as_long = [ctypes.c_ulong(a) if isinstance(a, int) else a for a in arguments]
    if getattr(ctypes.CDLL(None, use_errno=True), name)(*numbers_as_long) != 0:
        number = ctypes.get_errno()
        raise OSError(number, f"{name}: {os.strerror(number)}", str(arguments[1:2]))


if __name__ == "__main__":
    main(json.loads(sys.argv[1]))
