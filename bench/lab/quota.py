# SPDX-License-Identifier: ISC
"""A CPU-quota cgroup for one application: more of a core, step by step, where there are few cores.

A Group limits all processes in it together to so much of a core, in periods of PERIOD_US.  It is made for one trial,
beneath the first of our own groups (or of those above) that lets us, by either version of the interface, and removed
afterwards; nothing is moved into it but what begin() starts.  No controller is switched on or changed for it.
"""
import functools
import os
import subprocess
import time
from pathlib import Path

PERIOD_US = 20000   # short, so that a trial of a second sees many
LEAST_US = 1000     # the kernel takes no smaller quota
NAME = "percore-experiment-"


class Unavailable(Exception):
    pass


def own_path(version, cgroup_text):
    """Which group we are in: /proc/self/cgroup has lines of NUMBER:CONTROLLERS:PATH."""
    for line in cgroup_text.splitlines():
        number, controllers, path = line.split(":", 2)
        if (version == 1 and "cpu" in controllers.split(",")) or (version == 2 and number == "0"):
            return path
    return None


def mounts(mountinfo_text):
    """(version, where it is mounted, what of the tree), the older version first: there the controller is its own."""
    found = []
    for line in mountinfo_text.splitlines():
        left, _, right = line.partition(" - ")
        fields, (kind, _, options) = left.split(), right.split(" ", 2)
        if kind == "cgroup2":
            found.append((2, fields[4], fields[3]))
        elif kind == "cgroup" and "cpu" in options.split(","):
            found.append((1, fields[4], fields[3]))
    return sorted(found)


def parents(mountinfo_text, cgroup_text):
    """Groups in which one of ours may be made, (version, folder), the nearest first."""
    found = []
    for version, where, root in mounts(mountinfo_text):
        path = own_path(version, cgroup_text)
        if path is None:
            continue
        inside = Path(path.removeprefix(root if root != "/" else "").lstrip("/"))
        if ".." in inside.parts:  # we are in a group outside of what is mounted
            inside = Path()
        found += [(version, Path(where) / up) for up in [inside, *inside.parents] if (Path(where) / up).is_dir()]
    return list(dict.fromkeys(found))


def swept(parent):
    """What a run that was killed left behind; an empty group whose maker is gone."""
    for left in parent.glob(NAME + "*"):
        maker = left.name.removeprefix(NAME)
        if maker.isdigit() and not Path(f"/proc/{maker}").exists():
            try:
                left.rmdir()
            except OSError:
                pass


class Group:
    """With Group(...) as group: a quota of so many cores, all processes in it together."""

    def __init__(self, cores, place=None):
        self.version, parent = place or find()
        self.cores, self.folder = cores, parent / f"{NAME}{os.getpid()}"

    def __enter__(self):
        quota_us = max(LEAST_US, round(self.cores * PERIOD_US))
        try:
            swept(self.folder.parent)
            self.folder.mkdir(exist_ok=True)
            if self.version == 2:
                self.write("cpu.max", f"{quota_us} {PERIOD_US}")
            else:
                self.write("cpu.cfs_period_us", PERIOD_US)
                self.write("cpu.cfs_quota_us", quota_us)
            return self
        except BaseException:
            self.remove()
            raise

    def __exit__(self, *_):
        self.remove()

    def write(self, name, value):
        (self.folder / name).write_text(f"{value}\n", encoding="ascii")

    def begin(self, command):
        """The command that runs COMMAND in the group from its first instruction on, under the same pid."""
        return ["/bin/sh", "-c", 'echo $$ >"$0" && exec "$@"', self.folder / "cgroup.procs", *command]

    def throttled(self):
        """Periods so far, and those in which the quota was used up."""
        try:
            lines = dict(line.split() for line in (self.folder / "cpu.stat").read_text().splitlines())
        except OSError:
            return 0, 0
        return int(lines.get("nr_periods", 0)), int(lines.get("nr_throttled", 0))

    def remove(self):
        """Its processes have been stopped; the kernel may need a moment to let go of them."""
        for _ in range(100):
            try:
                self.folder.rmdir()
                return
            except FileNotFoundError:
                return
            except OSError:
                time.sleep(0.02)


def works(place):
    """Tries it with a process that ends at once."""
    with Group(0.5, place) as group:
        done = subprocess.run(group.begin(["true"]), check=False, capture_output=True, text=True, timeout=10)
        if done.returncode != 0:
            raise OSError(f"no process may be moved into it: {done.stderr.strip()[-200:]}")


@functools.cache
def find():
    """Where a group can be made; says why where it cannot."""
    reasons = []
    for version, folder in parents(Path("/proc/self/mountinfo").read_text(), Path("/proc/self/cgroup").read_text()):
        switched_on = folder / "cgroup.subtree_control"
        try:
            if version == 2 and "cpu" not in switched_on.read_text().split():
                raise OSError("cpu is not in its cgroup.subtree_control")
            works((version, folder))
            return version, folder
        except (OSError, subprocess.SubprocessError) as reason:
            reasons.append(f"{folder}: {getattr(reason, 'strerror', None) or reason}")
    raise Unavailable("no cgroup lets us set a CPU quota (" + ("; ".join(reasons) or "none is mounted") + ")")
