# SPDX-License-Identifier: ISC
"""What percore is to reach, beside its peers in the same run: met, missed, or not measured.

"hyper's" is that of hyper as in the article, whatever the tuned one does.
"""
from . import digest

# What one queue for all carries within a p99 of 5 service times, in shares of the capacity.
ONE_QUEUE = {4: 0.87, 16: 0.96}


def judge(text, found, relation, limit, note=""):
    if found is None:
        return {"text": text, "relation": relation, "limit": limit, "verdict": "not measured", "note": note}
    holds = (lambda v: v >= limit) if relation == ">=" else (lambda v: v <= limit)
    sure = len(found["rounds"]) > 1 and holds(found["low"]) == holds(found["high"])
    return {"text": text, "relation": relation, "limit": limit, "value": found["median"], "low": found["low"],
            "high": found["high"], "verdict": "met" if holds(found["median"]) else "missed",
            "sure": sure or len(found["rounds"]) == 1, "kind": found["kind"], "unit": found["unit"], "note": note}


def judged(figures, trials, cores, _simulation):
    by = {f["name"]: f for f in figures}
    n = cores
    ratio = lambda a, b: digest.ratio(figures, a, b)  # noqa: E731
    rows = []

    def add(*row, **how):
        rows.append(judge(*row, **how))

    ours = f"percore-{n}.nginx"
    add("requests/s / hyper's", ratio(f"{ours}/saturation", f"article-hyper-{n}.nginx/saturation"), ">=", 1.05)
    add("requests/s / Go's", ratio(f"{ours}/saturation", f"go-{n}.nginx/saturation"), ">=", 2)
    add("requests/s / php-fpm's", ratio(f"{ours}/saturation", f"php-{n}.nginx/saturation"), ">=", 3.5)
    add("application CPU a request / hyper's", ratio(f"{ours}/app-cpu", f"article-hyper-{n}.nginx/app-cpu"), "<=", 0.95,
        note="at the fixed rate")
    add("application CPU a request / hyper's",
        ratio(f"{ours}/full-app-cpu", f"article-hyper-{n}.nginx/full-app-cpu"), "<=", 0.95, note="at saturation")
    for metric, where in (("bare-cpu", "at the fixed rate"), ("full-bare-cpu", "at saturation")):
        add("application CPU without the formatting / hyper's",
            ratio(f"{ours}/{metric}", f"article-hyper-{n}.nginx/{metric}"), "<=", 0.95, note=where)
    add("system calls a request", by.get(f"{ours}/system-calls"), "<=", 3.05)
    add("behind lighttpd: requests/s / the plain libfcgi loop's",  # several hide each other's waits
        ratio(f"percore-{n}.lighttpd/saturation", "plain-1.lighttpd/saturation"), ">=", 2.2, note="in 1 process")
    add("p99 at 80 % of capacity, 4 workers that wait 2 ms / hyper's",
        ratio("percore-4.nginx.wait/p99-at-0.80", "article-hyper-4.nginx.wait/p99-at-0.80"), "<=", 0.5)
    for workers, ideal in ONE_QUEUE.items():
        share = by.get(f"percore-{workers}.nginx.wait/knee-share")
        add(f"knee / saturation, {workers} workers that wait 2 ms", share, ">=", round(0.97 * ideal, 3),
            note=f"0.97 of {ideal}, what a single queue can do")
        add(f"knee, {workers} workers that wait 2 ms / hyper's",
            ratio(f"percore-{workers}.nginx.wait/knee", f"article-hyper-{workers}.nginx.wait/knee"), ">=", 1.5)
    add("application CPU a request, 4 workers / 1 worker",
        ratio("percore-4.nginx/app-cpu", "percore-1.nginx/app-cpu"), "<=", 1.03, note="at the fixed rate")
    add("application CPU a request, 4 workers / 1 worker",
        ratio("percore-4.nginx/full-app-cpu", "percore-1.nginx/full-app-cpu"), "<=", 1.03, note="at saturation")
    add("own memory of a worker of 64, KiB", by.get("percore-64.nginx/worker-memory"), "<=", 160)
    add("first answer after the start, ms", by.get("percore-1.nginx/first-answer"), "<=", 20)
    add("one static executable, KiB", by.get("percore-static-1.none/executable"), "<=", 1171, note="1.2 MB")
    return rows
