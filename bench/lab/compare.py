# SPDX-License-Identifier: ISC
"""What changed between two experiments, beyond noise.

A figure changed when three things hold: its medians differ by more than --threshold (more for percentiles, which
wander), the 95 % intervals do not overlap, and so far apart two samples of one kind come by chance less than once in a
hundred (Mann and Whitney).  Few rounds cannot reach the third; then no value of one may lie within the other's range,
and the threshold doubles.  A figure taken once has the threshold alone; a knee, the range of its searches.
"""
from . import digest, report, stats

WANDERS = {"p50": 3, "p99": 4, "p99.9": 8, "first-answer": 3, "knee": 1.5, "knee-saturation": 1.5, "saturation": 1.5,
           "quota-saturation": 1.5}


def threshold_of(figure, threshold):
    return threshold * WANDERS.get(figure["metric"].split("-at-")[0], 1)


def differ(old, new):
    """Whether two samples are beyond noise, and how sure that can be: (yes, sentence)."""
    a, b = list(old["rounds"].values()), list(new["rounds"].values())
    if len(a) == 1 or len(b) == 1:
        apart = old["high"] < new["low"] or new["high"] < old["low"]
        return apart, 1, "taken once"
    if min(len(a), len(b)) < 5:
        return max(a) < min(b) or max(b) < min(a), 2, f"{len(a)} and {len(b)} rounds: no value of one within the other"
    p = stats.rank_test(a, b)
    apart = old["high"] < new["low"] or new["high"] < old["low"]
    return apart and p < 0.01, 1, f"p {p:.2g}"


def change(old, new, threshold):
    """None, or how a figure changed: better, worse, or other where neither is."""
    if not old["median"]:
        return None
    share = new["median"] / old["median"] - 1
    beyond, stricter, why = differ(old, new)
    if not beyond or abs(share) < threshold_of(new, threshold) * stricter:
        return None
    better = {"higher": share > 0, "lower": share < 0}.get(new["better"])
    return {"figure": new, "old": old, "share": share, "why": why,
            "way": "other" if better is None else "better" if better else "worse"}


def compared(old, new, threshold):
    before = {f["name"]: f for f in old["figures"]}
    after = {f["name"]: f for f in new["figures"]}
    changes = [change(before[name], after[name], threshold) for name in after if name in before]
    return [c for c in changes if c], sorted(before.keys() - after.keys()), sorted(after.keys() - before.keys())


def unlike(old, new):
    """What makes the two hard to compare."""
    found = []
    for key, name in (("cores", "cores"), ("cpu", "CPU"), ("kernel", "kernel")):
        a, b = old["meta"]["machine"][key], new["meta"]["machine"][key]
        if a != b:
            found.append(f"another {name}: {a}, {b}")
    for key in ("size", "rate_per_s", "price", "wait_us"):
        if old["meta"][key] != new["meta"][key]:
            found.append(f"another {key}: {old['meta'][key]}, {new['meta'][key]}")
    shares = [e["meta"].get("share_of_core") for e in (old, new)]
    if None not in shares and shares[0] != shares[1]:
        found.append(f"another share of a core: {shares[0]}, {shares[1]}")
    for side, experiment in (("old", old), ("new", new)):
        others = experiment["validity"]["others_median_cores"]
        if others > 0.2:
            found.append(f"the {side} run did not have its machine alone: others used {others:.2f} cores")
    return found


def subject_text(figure):
    if figure["subject"].endswith(".none"):
        return figure["subject"].removesuffix("-1.none")
    return digest.label(figure["subject"], "always") + (", waiting" if figure["subject"].endswith(".wait") else "")


def text(changes, gone, come, warnings, counted):
    lines = [f"! {w}" for w in warnings]
    for way in ("worse", "better", "other"):
        for c in sorted((c for c in changes if c["way"] == way), key=lambda c: -abs(c["share"])):
            f, unit = c["figure"], c["figure"]["unit"]
            before, after = report.with_unit(c["old"]["median"], unit), report.with_unit(f["median"], unit)
            lines.append(f"{way:7} {subject_text(f):58} {f['text']:34} {before:>12} -> {after:>12}  {c['share']:+.1%}  "
                         f"({c['why']})")
    if gone or come:
        lines.append(f"in one of the two only: {len(gone)} figures of the old, {len(come)} of the new")
    counts = {way: sum(c["way"] == way for c in changes) for way in ("worse", "better", "other")}
    lines.append(f"{counted} figures compared: {counts['worse']} worse, {counts['better']} better beyond noise"
                 + (f", {counts['other']} other" if counts["other"] else ""))
    return "\n".join(lines)
