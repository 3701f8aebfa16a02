"""Less than one core, as small functions have: a share of CPU time, given by the kernel."""

import contextlib
import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

PERIOD = 20_000
"""Microseconds in which the share is handed out."""

_GROUPS = Path("/sys/fs/cgroup")


@dataclass(frozen=True, slots=True)
class Throttle:
    """A control group with a share of one core; use `of`."""

    group: Path
    outside: Path

    @classmethod
    @contextlib.contextmanager
    def of(cls, share: float) -> Iterator["Throttle | None"]:
        """A group that gets `share` of one core; None where this user or kernel does not allow it."""
        quota, name = int(PERIOD * share), f"keyless-bench-{os.getpid()}"
        old, new = _GROUPS / "cpu" / name, _GROUPS / name
        group = old if old.parent.is_dir() else new
        made = False
        try:
            group.mkdir()
            made = True
            if group is old:
                (group / "cpu.cfs_period_us").write_text(str(PERIOD))
                (group / "cpu.cfs_quota_us").write_text(str(quota))
            else:
                (group / "cpu.max").write_text(f"{quota} {PERIOD}")
            throttle = cls(group, group.parent)
        except OSError:
            throttle = None
        try:
            yield throttle
        finally:
            if made:
                with contextlib.suppress(OSError):
                    group.rmdir()

    @contextlib.contextmanager
    def on(self, pid: int) -> Iterator[None]:
        """While inside, the process has its share and no more."""
        (self.group / "cgroup.procs").write_text(str(pid))
        try:
            yield
        finally:
            with contextlib.suppress(OSError):
                (self.outside / "cgroup.procs").write_text(str(pid))
