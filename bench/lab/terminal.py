# SPDX-License-Identifier: ISC
"""The report in short, for a terminal."""
import textwrap

from . import digest, plan, report


def cell(view, subject, metric):
    found = view.figure(subject, metric)
    return report.number(found["median"], found["unit"]) if found else "-"


def table(view):
    head = f"{'':48} {'at most':>8} {'knee':>8} {'p50':>6} {'p99':>6} {'p99.9':>6} {'app':>6} {'web':>6} {'calls':>6}"
    lines = [head, f"{'':48} {'1/s':>8} {'1/s':>8} {'ms':>6} {'ms':>6} {'ms':>6} {'us':>6} {'us':>6}"]
    for subject in view.subjects("saturation"):
        cells = [cell(view, subject, m) for m in ("saturation", "knee", "p50", "p99", "p99.9", "app-cpu", "web-cpu",
                                                  "system-calls")]
        widths = (8, 8, 6, 6, 6, 6, 6, 6)
        lines.append(f"{digest.label(subject, 'always'):48} " + " ".join(c.rjust(w) for c, w in zip(cells, widths)))
    return lines


def scaling(view):
    """More workers, and more shares of a core: requests/s, a row each."""
    lines = []
    for metric, what in (("wait-saturation", "waiting 2 ms"), ("quota-saturation", f"{report.share_text(view)} each")):
        points = {app: digest.points_of(view.experiment["figures"], metric, app) for app in plan.SCALED}
        counts = sorted(set().union(*points.values()))
        if not counts:
            continue
        lines.append(f"{f'workers, {what} (emulated)':48} " + " ".join(str(n).rjust(8) for n in counts))
        for app, found in points.items():
            if found:
                cells = [report.number(found[n], "1/s") if n in found else "-" for n in counts]
                lines.append(f"{digest.LABELS[app] + ', requests/s at most':48} " + " ".join(c.rjust(8) for c in cells))
        lines += textwrap.wrap(report.fit_text(view, metric).strip(), 110) + [""]
    return lines


def targets(view):
    lines = []
    for t in view.experiment["targets"]:
        got = report.number(t["value"]) if "value" in t else "-"
        spread = f"({report.from_to(t['low'], t['high'], '')})" if "value" in t and t["low"] != t["high"] else ""
        verdict = t["verdict"] + ("" if t.get("sure", True) else ", within the noise")
        what = t["text"] + (f" ({t['note']})" if t["note"].startswith(("at ", "in ")) else "")
        verdict += f", {t['kind']}" if t.get("kind", "measured") != "measured" else ""
        lines.append(f"{what:72} {got:>7} {t['relation']} {t['limit']:<6g} {spread:17} {verdict}")
    return lines


def text(experiment):
    view = report.View(experiment)
    lines = []
    for sentence in report.answer(view):
        lines += textwrap.wrap(sentence, 110) + [""]
    rate = f"{view.meta['rate_per_s']:,.0f}"
    lines += table(view) + ["", f"percentiles and CPU time at {rate} requests/s; knee: the highest rate with a p99 of "
                                "10 ms at most", ""]
    lines += [*report.rate_text(view), ""] + scaling(view)
    lines += targets(view)
    judged = [t["verdict"] for t in experiment["targets"] if t["verdict"] != "not measured"]
    lines += ["", report.HYPERS, f"{judged.count('met')} of {len(judged)} targets met"]
    for doubt in report.doubts(view):
        lines += textwrap.wrap("! " + doubt, 110, subsequent_indent="  ")
    return "\n".join(lines) + "\n"
