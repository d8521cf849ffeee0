# SPDX-License-Identifier: ISC
"""One measurement each: takes a subject that runs, returns what was seen, as it goes into the results.

A trial that the machine spoiled (percore-load calls it INVALID) is repeated a few times, then kept and marked.
"""
import json
import os
import subprocess
import time
from pathlib import Path

from . import build, plan, quota, subjects

CORES = len(os.sched_getaffinity(0))
LAX = ["--max-lateness", "1h", "--max-cpu", "1000"]  # a closed model has no schedule to be late for


class Failed(Exception):
    pass


class Late(Failed):
    pass


def longest_s(arguments):
    """How long percore-load may take: its duration, and a minute for what is in flight then."""
    return float(arguments[arguments.index("--duration") + 1].rstrip("s")) + 60


def jiffies():
    """Of all cores: busy, stolen, all; ticks of 10 ms."""
    n = [int(x) for x in Path("/proc/stat").read_text().splitlines()[0].split()[1:9]]
    return sum(n) - n[3] - n[4] - n[7], n[7], sum(n)


class Load:
    """percore-load, and what it, the subject and everybody else on the machine used meanwhile."""

    def __init__(self, running, folder, program=None):
        self.running, self.folder = running, Path(folder)
        self.program = program or build.BUILD / "percore-load"

    def warm(self, seconds=0.4):
        self.call(["--clients", "32", "--duration", f"{seconds}s", *LAX])

    def call(self, arguments, timeout_s=None):
        path = self.folder / "load.json"
        path.unlink(missing_ok=True)
        command = [str(self.program), "--quiet", "--json", str(path), *map(str, arguments), self.running.url]
        timeout_s = timeout_s or longest_s(arguments)
        try:
            done = subprocess.run(command, text=True, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, check=False,
                                  timeout=timeout_s, process_group=0)
        except subprocess.TimeoutExpired as reason:
            raise Late(f"percore-load did not end within {timeout_s:.0f} s") from reason
        if done.returncode not in (0, 1, 2, 3) or not path.exists():
            raise Failed(f"percore-load ended with {done.returncode}: {done.stdout.strip()[-300:]}")
        result = json.loads(path.read_text())
        if "good" in result and result["good"] <= result["errors"]["all"]:
            kinds = {k: v for k, v in result["errors"].items() if v}
            raise Failed(f"{result['good']} good answers; errors: {kinds}")
        return result

    def measure(self, arguments, keep=()):
        busy, stolen, ticks = jiffies()
        app, web = self.running.cpu()
        begin = time.monotonic_ns()
        result = self.call(arguments)
        wall_ns = time.monotonic_ns() - begin
        app, web = (after - before for after, before in zip(self.running.cpu(), (app, web)))
        busy, stolen, ticks = (after - before for after, before in zip(jiffies(), (busy, stolen, ticks)))
        requests = max(1, result["good"] + result["errors"]["all"])
        ours = app + web + result["generator"]["cpu_ns"]
        seen = {
            "valid": result["valid"], "invalid_because": result["invalid_because"],
            "good": result["good"], "errors": result["errors"]["all"], "planned": result["planned"],
            "throughput_per_s": round(result["throughput_per_s"], 1),
            "app_us": round(app / requests / 1000, 3), "web_us": round(web / requests / 1000, 3),
            "generator_us": round(result["generator"]["cpu_ns"] / requests / 1000, 3),
            "app_cores": round(app / wall_ns, 3), "web_cores": round(web / wall_ns, 3),
            "generator_cores": round(result["generator"]["cpu_share"], 3),
            "others_cores": round(max(0, busy * 1e7 - ours) / wall_ns, 3),
            "steal_share": round(stolen / max(1, ticks), 4),
            "lateness_p99_ns": result["generator"]["lateness"]["p99_ns"],
            **{name: result["corrected"][name] for name in ("p50_ns", "p90_ns", "p95_ns", "p99_ns", "p99.9_ns",
                                                            "max_ns", "mean_ns")},
        }
        if result["errors"]["all"]:
            seen["errors_by_kind"] = {k: v for k, v in result["errors"].items() if v and k != "all"}
        if "histogram" in keep:
            seen["histogram"] = result["corrected"]["histogram"]
        if "seconds" in keep:
            seen["seconds"] = [{k: s[k] for k in ("good", "errors", "connections", "p50_ns", "p95_ns", "p99_ns",
                                                  "p99.9_ns")} for s in result["seconds"]]
        return seen

    def measure_valid(self, tries, arguments, keep=()):
        for attempt in range(1, tries + 1):
            seen = self.measure(arguments, keep)
            seen["attempts"] = attempt
            if seen["valid"]:
                break
        return seen


def connections(subject):
    return 256 if subject.wait else 64


def open_model(subject, rate, seconds):
    return ["--rate", f"{rate:.0f}", "--duration", f"{seconds}s", "--connections", connections(subject), "--check",
            "--timeout", "5s", "--drain", "1s"]


def saturation(load, size, seconds=None):
    clients = max(32, 4 * load.running.subject.workers)
    return load.measure(["--clients", clients, "--duration", f"{seconds or size.saturation_s}s", "--check", *LAX])


def cost(load, size, rate):
    seen = load.measure_valid(size.tries, open_model(load.running.subject, rate, size.cost_s), {"histogram"})
    return {"rate_per_s": rate, **seen}


def bare(load, size, rate):
    full = saturation(load, size)
    return {**cost(load, size, rate), "full_app_us": full["app_us"]}


def rates(load, size):
    """p50 to p99.9 at fixed rates, until it cannot follow."""
    runs, lost = [], 0
    for rate in size.rates:
        seen = load.measure_valid(size.tries, open_model(load.running.subject, rate, size.rates_s))
        runs.append({"rate_per_s": rate, **seen})
        lost += seen["p99_ns"] > 50e6 or seen["good"] < 0.97 * seen["planned"]
        if lost >= (1 if size.name == "smoke" else 2):
            break
    return {"runs": runs}


def ramp(load, size):
    return load.measure(["--launch", f"{size.launch_per_s:g}/s", "--max-clients", size.clients, "--duration",
                         f"{size.ramp_s}s", *LAX], {"seconds"})


def loads(load, size, capacity_per_s):
    """Waiting work at shares of the capacity that the workers have on paper: the same rates for every subject."""
    runs = []
    for share in size.wait_loads:
        seen = load.measure_valid(size.tries, open_model(load.running.subject, share * capacity_per_s, size.wait_s))
        runs.append({"share": share, "rate_per_s": round(share * capacity_per_s), **seen})
        if seen["p99_ns"] > 500e6:
            break
    return {"capacity_per_s": round(capacity_per_s), "runs": runs}


def knee(load, size):
    slow = size.knee_s * 4 + 60
    arguments = ["--find-knee", "--slo", "p99<=10ms", "--knee-limits", "none", *size.knee, "--connections",
                 connections(load.running.subject)]
    try:
        result = load.call(arguments, timeout_s=slow)
    except Late:
        return {"valid": False, "invalid_because": f"no knee within {slow:.0f} s"}
    found = result.get("knee") or {}
    tried = result.get("trials", [])
    return {"valid": bool(found.get("median_per_s")), "invalid_because": result.get("invalid_because", ""),
            "knee": found, "saturation": result.get("saturation"), "trials": len(tried),
            "invalid_trials": sum(not t.get("valid", True) for t in tried)}


def calls(load, size):
    """System calls of the application a request, by name."""
    out = load.folder / "strace"
    pids = [f"-p{p}" for p in load.running.app_tree()]
    with subprocess.Popen(["strace", "-c", "-f", "-U", "calls,name", "-o", out, *pids], stdin=subprocess.DEVNULL,
                          stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, process_group=0) as tracer:
        time.sleep(0.6)
        try:
            result = load.call(["--clients", "32", "--duration", f"{size.calls_s}s", *LAX])
        finally:
            tracer.send_signal(2)
            subjects.ended(tracer, 10)
    requests, found = max(1, result["good"]), {}
    for line in out.read_text().splitlines():
        parts = line.split()
        if len(parts) == 2 and parts[0].isdigit() and parts[1] != "total" and int(parts[0]) / requests >= 0.01:
            found[parts[1]] = round(int(parts[0]) / requests, 2)
    return {"valid": bool(found), "invalid_because": "" if found else "strace saw nothing", "calls": found,
            "total": round(sum(found.values()), 2)}


def under_quota(load, size, group):
    """The most that it can do with so many shares of a core."""
    periods, used_up = group.throttled()
    seen = saturation(load, size, size.quota_s)
    periods, used_up = (after - before for after, before in zip(group.throttled(), (periods, used_up)))
    return {"quota_cores": round(group.cores, 3), "used_up_share": round(used_up / max(1, periods), 3), **seen}


def memory(load, _size):
    load.warm(1)
    worker, everything = load.running.memory()
    return {"valid": worker > 0, "invalid_because": "" if worker else "not allowed to read smaps_rollup",
            "worker_kib": round(worker, 1), "all_kib": everything}


def start(load, _size):
    return {"valid": True, "invalid_because": "", "first_answer_ms": round(load.running.first_answer_ns / 1e6, 3)}


def run_under_quota(step, size, programs, folder):
    cores = step.subject.workers * plan.share_of_core(CORES)
    with quota.Group(cores) as group, subjects.Running(step.subject, programs, folder, group) as running:
        load = Load(running, folder)
        load.warm()
        return under_quota(load, size, group)


def run(step, size, programs, folder, rate):
    """One step of the plan, from starting the subject to stopping it."""
    if step.kind == "quota":
        return run_under_quota(step, size, programs, folder)
    work = 0 if step.kind == "bare" else plan.WORK
    with subjects.Running(step.subject, programs, folder, work=work) as running:
        load = Load(running, folder)
        if step.kind in ("saturation", "cost", "bare", "ramp", "rates", "calls", "scaling", "loads"):
            load.warm()
        if step.kind in ("cost", "bare"):
            return globals()[step.kind](load, size, rate)
        if step.kind == "scaling":
            return saturation(load, size, size.wait_s / 2)
        if step.kind == "loads":
            return loads(load, size, step.subject.workers * 1e6 / (step.subject.wait_us + 70))
        return globals()[step.kind](load, size)
