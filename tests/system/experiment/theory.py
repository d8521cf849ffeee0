# SPDX-License-Identifier: ISC
"""The simulation and the statistics of bench/lab against closed formulas and known answers; run in bench/."""
import math
import os
import random
import sys

sys.path.insert(0, os.getcwd())
from lab import plan, queues, stats  # noqa: E402

failures = 0


def near(what, got, wanted, within):
    global failures
    if not abs(got - wanted) <= within:
        failures += 1
        print(f"{what}: got {got:.4g}, wanted {wanted:.4g} within {within:.3g}")


def mean(values):
    return sum(values) / len(values)


def erlang_c(servers, load):
    """The chance to wait in M/M/c."""
    offered = servers * load
    last = offered ** servers / math.factorial(servers) / (1 - load)
    return last / (sum(offered ** k / math.factorial(k) for k in range(servers)) + last)


def one_server_with_fixed_service_waits_as_pollaczek_and_khinchine_say():
    for load in (0.5, 0.8):
        near(f"M/D/1, mean stay at {load}", mean(queues.sojourns(1, load, 300000)), 1 + load / 2 / (1 - load), 0.08)


def many_servers_with_exponential_service_wait_as_erlang_says():
    for servers, load in ((1, 0.7), (4, 0.8), (16, 0.9)):
        wanted = 1 + erlang_c(servers, load) / servers / (1 - load)
        near(f"M/M/{servers}, mean stay at {load}", mean(queues.sojourns(servers, load, 300000, "exponential")), wanted,
             0.06 * wanted)


def one_queue_carries_what_the_design_says():
    for servers, wanted in ((1, 0.56), (4, 0.87), (16, 0.96)):
        near(f"highest load, {servers} workers", queues.highest_load(servers, requests=200000), wanted, 0.02)
    near("p99 at 80 %, one queue", queues.p99(4, 0.8, 100000), 3.3, 0.3)
    near("p99 at 80 %, own queues", queues.p99(1, 0.8, 300000), 11, 1)


def intervals_hold_the_median_as_often_as_they_say():
    dice = random.Random(7)
    held = 0
    for n in range(60):
        low, high = stats.interval([dice.gauss(10, 1) for _ in range(9)], seed=n)
        held += low <= 10 <= high
    near("intervals that hold the median, of 60", held, 57, 6)
    near("ranks wholly apart, 5 and 5", stats.rank_test([1, 2, 3, 4, 5], [6, 7, 8, 9, 10]), 2 / 252, 1e-9)
    near("ranks alike", stats.rank_test([1, 2, 3], [1, 2, 3]), 1, 1e-9)


def the_scalability_law_is_found_again():
    def law(n):
        return 500 * n / (1 + 0.05 * (n - 1) + 0.002 * n * (n - 1))
    fit = stats.scalability({n: law(n) for n in (1, 2, 4, 8, 16, 32)})
    near("contention", fit["contention"], 0.05, 1e-6)
    near("coherency", fit["coherency"], 0.002, 1e-6)
    if stats.scalability({n: law(n) for n in (1, 2, 4, 8, 16)}) is not None:
        near("a fit of five points", 1, 0, 0)


def a_plan_visits_each_subject_once_a_round():
    for size in plan.SIZES.values():
        names = [s.name for s in plan.steps(size, 2, set(plan.APPS))]
        near(f"steps of {size.name} that come twice", len(names) - len(set(names)), 0, 0)
        for name in names:
            if plan.subject_named(name.split("/")[1]).name != name.split("/")[1]:
                near(f"{name} read back", 1, 0, 0)


for check in [c for name, c in sorted(globals().items()) if callable(c) and "_" in name and name != "erlang_c"]:
    check()
sys.exit(failures > 0)
