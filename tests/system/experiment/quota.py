# SPDX-License-Identifier: ISC
"""Where bench/lab looks for a CPU-quota cgroup, and what it writes there, by both versions; run in bench/."""
import os
import sys
import tempfile
from pathlib import Path

sys.path.insert(0, os.getcwd())
from lab import digest, plan, quota  # noqa: E402

scratch = Path(tempfile.mkdtemp(dir=sys.argv[1]))


def made(version):
    """What a group of 0.4 cores has in its files, in a folder that only looks like a cgroup's."""
    parent = scratch / f"v{version}"
    parent.mkdir()
    group = quota.Group(0.4, (version, parent))
    with group:
        found = {f.name: f.read_text().strip() for f in group.folder.iterdir()}
        for file in group.folder.iterdir():
            file.unlink()
    assert not group.folder.exists(), "the group is still there"
    return found


assert made(2) == {"cpu.max": "8000 20000"}, "cpu.max"
assert scratch.joinpath("v2").exists()
assert made(1) == {"cpu.cfs_period_us": "20000", "cpu.cfs_quota_us": "8000"}

# ---- The nearest group first, then those above it, in what of the tree is mounted.
deep = scratch / "two" / "user.slice" / "mine"
deep.mkdir(parents=True)
v2 = f"30 1 0:26 / {scratch}/two rw,nosuid - cgroup2 cgroup rw"
assert quota.parents(v2, "0::/user.slice/mine\n") == [(2, deep), (2, deep.parent), (2, deep.parent.parent)]
assert quota.parents(v2, "0::/../other\n") == [(2, scratch / "two")]
part = f"30 1 0:26 /user.slice {scratch}/two/user.slice rw - cgroup2 cgroup rw"
assert quota.parents(part, "0::/user.slice/mine\n") == [(2, deep), (2, deep.parent)]
v1 = (f"31 1 0:27 / {scratch}/two rw - cgroup cgroup rw,cpuacct,cpu\n"
      f"32 1 0:28 / {scratch}/v1 rw - cgroup cgroup rw,cpuset")
assert quota.parents(v1, "5:cpu,cpuacct:/\n4:cpuset:/\n0::/\n") == [(1, scratch / "two")]
assert not quota.parents("33 1 0:29 / /proc rw - proc proc rw", "0::/\n")

# ---- An empty group whose maker is gone is swept, one of a maker that lives is not.
nobody = int(Path("/proc/sys/kernel/pid_max").read_text()) + 1
for pid in (nobody, os.getppid()):
    (scratch / f"{quota.NAME}{pid}").mkdir()
quota.swept(scratch)
assert [f.name for f in scratch.glob(quota.NAME + "*")] == [f"{quota.NAME}{os.getppid()}"]

# ---- The law: on six points, and the plans of an hour and more have them, waiting and by quota.
for size in ("hour", "full"):
    assert len(plan.SIZES[size].wait_workers) >= 6 and len(plan.SIZES[size].quota_shares) >= 6, size
for counts, wanted in (([1, 2, 3, 4, 6, 8], ""), ([1, 2, 4, 8], "that takes 6 points, there are 4")):
    figures = [{"subject": f"percore-{n}.nginx", "metric": "quota-saturation", "median": 4000 * n / (1 + 0.03 * (n - 1))}
               for n in counts]
    fit = digest.fit_of(figures, "quota-saturation", "percore")
    assert fit["none_because"] == wanted and fit["kind"] == "projected", fit
    assert not fit["law"] or abs(fit["law"]["contention"] - 0.03) < 1e-6, fit

# ---- Who was the limit.
trial = {"app_cores": 0.39, "web_cores": 0.5, "generator_cores": 0.2, "others_cores": 0, "quota_cores": 0.4,
         "throughput_per_s": 20000}
assert digest.limiter(trial, "percore-8.nginx", 2)["by"] == "the CPU quota"
assert digest.limiter({**trial, "app_cores": 0.2}, "percore-8.nginx", 2)["by"] == "nothing (cores were idle)"
