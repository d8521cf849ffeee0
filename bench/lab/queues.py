# SPDX-License-Identifier: ISC
"""A queue simulation: what one queue for all workers gains over a queue for each, before anything is built.

Requests arrive by Poisson's law; times are in service times.  Own queues, with requests spread by chance, are as many
systems of one worker each at the same load, so their figure does not depend on how many there are.
"""
import heapq
import random

WORKERS = [1, 2, 4, 8, 16, 32, 64, 128, 256]
LIMIT = 5  # service times that the 99th percentile may take: 10 ms for 2 ms of work


def sojourns(workers, load, requests, service="fixed", seed=1):
    """How long each request stays: first come, first served, by whichever worker is idle."""
    dice = random.Random(seed)
    arrive = dice.expovariate
    rate, now, stays = load * workers, 0.0, []
    idle_from = [0.0] * workers
    fixed = service == "fixed"
    for _ in range(requests):
        now += arrive(rate)
        start = idle_from[0] if idle_from[0] > now else now
        end = start + (1.0 if fixed else arrive(1.0))
        heapq.heapreplace(idle_from, end)
        stays.append(end - now)
    return stays[requests // 10:]


def quantile(values, q):
    values = sorted(values)
    return values[min(len(values) - 1, int(q * len(values)))]


def p99(workers, load, requests=200000, seed=1):
    return quantile(sojourns(workers, load, requests, seed=seed), 0.99)


def highest_load(workers, limit=LIMIT, requests=400000, precision=0.004):
    """The load up to which the 99th percentile stays within the limit."""
    low, high = 0.3, 1.0
    while high - low > precision:
        middle = (low + high) / 2
        if p99(workers, middle, requests) <= limit:
            low = middle
        else:
            high = middle
    return round((low + high) / 2, 3)


def simulated(loads, workers):
    """Everything that the report shows of it."""
    own = highest_load(1)
    return {
        "limit": LIMIT,
        "highest_load": [{"workers": n, "one_queue": highest_load(n), "own_queues": own}
                         for n in WORKERS],
        "p99": [{"load": load, "own_queues": round(p99(1, load), 3),
                 **{str(n): round(p99(n, load), 3) for n in workers}} for load in loads],
    }
