# SPDX-License-Identifier: ISC
"""The report: one HTML page that needs nothing beside it, and charts for the README."""
import html
import math
import textwrap
from pathlib import Path

from . import charts, digest, plan

PEERS = (*plan.HYPER, "go", "php", "node")
HYPERS = '"hyper\'s" is that of hyper as in the article'


def escape(text):
    return html.escape(str(text))


def number(value, unit=""):
    """Three digits that matter, thousands kept apart."""
    if value is None or math.isnan(value):
        return "–"
    if unit in ("1/s", "KiB") or abs(value) >= 1000:
        text = f"{value:,.0f}" if abs(value) >= 100 else f"{value:,.1f}"
    elif abs(value) >= 100:
        text = f"{value:.0f}"
    elif abs(value) >= 10:
        text = f"{value:.1f}"
    elif abs(value) >= 0.1 or value == 0:
        text = f"{value:.2f}"
    else:
        text = f"{value:.2g}"
    return text


def percent(share):
    return f"{100 * share:.0f} %" if share >= 0.1 else f"{100 * share:.2g} %"


UNITS = {"us": "µs", "1/s": "/s"}


def with_unit(value, unit):
    shown = UNITS.get(unit, unit)
    return number(value, unit) + (("" if shown.startswith("/") else " ") + shown if shown else "")


class View:
    """The experiment, easily asked."""

    def __init__(self, experiment):
        self.experiment, self.meta = experiment, experiment["meta"]
        self.by = {f["name"]: f for f in experiment["figures"]}
        self.trials = digest.Trials(experiment["trials"])
        self.cores = self.meta["machine"]["cores"]
        self.ours = f"percore-{self.cores}.nginx"

    def figure(self, subject, metric):
        return self.by.get(f"{subject}/{metric}")

    def median(self, subject, metric):
        found = self.figure(subject, metric)
        return found["median"] if found else None

    def subjects(self, metric, front=None):
        names = [f["subject"] for f in self.experiment["figures"] if f["metric"] == metric]
        order = {s.name: n for n, s in enumerate(plan.computing(self.cores))}
        return sorted((n for n in names if front is None or plan.subject_named(n).front == front),
                      key=lambda n: order.get(n, 99))

    def held(self, subject):
        """The highest rate within the limit: as searched, or else the highest of the rates tried."""
        knee = self.median(subject, "knee")
        if knee:
            return knee, True
        tried = [(f["rate_per_s"], f["median"]) for f in self.experiment["figures"]
                 if f["subject"] == subject and f["metric"].startswith("p99-at-")]
        good = [rate for rate, p99 in tried if p99 <= self.meta["slo_ms"]]
        return (max(good), False) if good else (None, False)

    def limiter(self, kind, subject):
        return self.experiment["limiters"].get(f"{kind}/{subject}", {"by": "unknown"})


# ---- The answer, in three sentences.

NEEDS = {"the rate at which p99 degrades": "rates or knee", "the CPU time of a request": "cost",
         "what one queue gains": "loads"}


def answer(view):
    sentences = [answer_rate(view), answer_cost(view), answer_queue(view)]
    missing = [f"{what} (from {kinds})" for (what, kinds), s in zip(NEEDS.items(), sentences) if not s]
    return [s for s in sentences if s] + [s for s in (answer_unfinished(view), answer_missing(view, missing)) if s]


def answer_missing(view, missing):
    if not missing or not view.experiment["trials"]:
        return None
    return f"No answer yet to {listed(missing)}; what was measured is below."


def answer_unfinished(view):
    """Of a run that was cut short: what there is, and what is missing."""
    if not view.experiment["trials"]:
        return "Nothing was measured yet."
    whole, part, none = [], [], []
    for kind, of in view.experiment["progress"].items():
        if of["ended"] >= of["planned"]:
            whole.append(kind)
        elif of["ended"]:
            part.append(f"{kind} ({of['ended']} of {of['planned']} trials)")
        else:
            none.append(kind)
    if not part and not none:
        return None
    told = [("measured in full", whole), ("in part", part), ("missing", none)]
    return "The run is unfinished; " + "; ".join(f"{how}: {listed(kinds)}" for how, kinds in told if kinds) + "."


def listed(parts):
    return ", ".join(parts[:-1]) + " and " + parts[-1] if len(parts) > 1 else parts[0]


def answer_rate(view):
    counts = sorted({plan.subject_named(f["subject"]).workers for f in view.experiment["figures"]
                     if f["subject"].startswith("percore-") and f["subject"].endswith(".nginx")
                     and (f["metric"] == "knee" or f["metric"].startswith("p99-at-"))})
    held = {n: view.held(f"percore-{n}.nginx") for n in counts}
    held = {n: h for n, h in held.items() if h[0] is not None}
    if not held:
        return None
    least = "" if all(searched for _, searched in held.values()) else "at least "
    rates = listed([f"{rate:,.0f}" for rate, _ in held.values()])
    plural = "s" if list(held) != [1] else ""
    other, searched = view.held(f"article-hyper-{view.cores}.nginx")
    beside = (f"; {digest.LABELS['article-hyper']}, carries {'' if searched else 'at least '}{other:,.0f} with "
              f"{view.cores} threads" if other else "")
    return (f"On {view.cores} cores that it shares with nginx and the load generator, percore carries {least}{rates} "
            f"requests a second with {listed([str(n) for n in held])} worker{plural} before its 99th percentile passes "
            f"{view.meta['slo_ms']} ms{beside}.")


def answer_cost(view):
    app, web = view.median(view.ours, "app-cpu"), view.median(view.ours, "web-cpu")
    if not app:
        return None
    peers = []
    for name in PEERS:
        other = view.median(f"{name}-{view.cores}.nginx", "app-cpu")
        if other:
            peers.append(f"{digest.LABELS[name]}: {number(other)}")
    beside = f" ({'; '.join(peers)})" if peers else ""
    million = view.median(view.ours, "cost-per-million")
    cents = (f", so that 5 cents buy {5 / million:.0f} million of them at {view.meta['price']:g} a core hour "
             "(projected)") if million else ""
    return (f"At {view.meta['rate_per_s']:,.0f} requests a second a request costs {number(app)} µs of CPU time in the "
            f"application{beside} and {number(web)} µs in nginx{cents}.")


def answer_queue(view):
    ours = view.figure("percore-4.nginx.wait", "p99-at-0.80")
    theirs = view.figure("article-hyper-4.nginx.wait", "p99-at-0.80")
    if not ours:
        return None
    beside = f" and hyper's with a queue for each {number(theirs['median'])} ms" if theirs else ""
    return (f"With 4 workers whose requests wait {view.meta['wait_us'] / 1000:g} ms, at 80 % of their capacity, the "
            f"99th percentile of percore's one queue is {number(ours['median'])} ms{beside} (emulated).")


# ---- Charts.

def said(text, x, y, x_unit, y_unit):
    return f"{text}: {y:.3g} {y_unit} at {x:,.0f} {x_unit}"


def style_of(subject):
    """Workers by dash and point, so that colour is never alone."""
    s = plan.subject_named(subject)
    return {1: 1, 2: 0, 4: 2, 8: 3, 16: 4}.get(s.workers, 5)


def ramp_subjects(view):
    known = [s for s in view.trials.subjects("ramp") if view.trials.usable("ramp", s)]
    ours = sorted((s for s in known if s.startswith("percore-") and s.endswith(".nginx")),
                  key=lambda s: plan.subject_named(s).workers)
    return ours + [s for s in (f"{app}-{view.cores}.nginx" for app in (*plan.HYPER, "go", "php")) if s in known]


def median_seconds(view, subject, field):
    rounds = [t["seconds"] for t in view.trials.usable("ramp", subject).values() if "seconds" in t]
    length = min((len(r) for r in rounds), default=0)
    return [sorted(r[n][field] for r in rounds)[len(rounds) // 2] for n in range(length)]


def ramp_chart(view, field, factor, axis, log):
    series = []
    clients = field == "connections"
    for number_of, subject in enumerate(ramp_subjects(view)[:1 if clients else None]):
        s = plan.subject_named(subject)
        points = [(n + 1, v * factor, said(digest.label(s), n + 1, v * factor, "s", axis))
                  for n, v in enumerate(median_seconds(view, subject, field)) if v > 0]
        style = style_of(subject) if s.app == "percore" else 3 + number_of % 3
        series.append(charts.line("clients of every subject" if clients else digest.label(s), points,
                                  "plain" if clients else s.app, style, number_of))
    options = ['set xlabel "seconds"', f'set ylabel "{axis}"', 'set format y "%g"']
    return charts.svg(series, options + (["set logscale y"] if log else ["set yrange [0:*]"]))


def rate_series(view, metric, wanted):
    series = []
    for n, subject in enumerate(wanted):
        s = plan.subject_named(subject)
        points = sorted((f["rate_per_s"], f["median"]) for f in view.experiment["figures"]
                        if f["subject"] == subject and f["metric"].startswith(metric + "-at-"))
        label = digest.label(s)
        series.append(charts.line(label, [(x, y, said(label, x, y, "/s", "ms")) for x, y in points], s.app,
                                  style_of(subject) if s.app == "percore" else n, n))
    return series


def farthest(series):
    return max(x for s in series for x, _, _ in s["points"])


def rate_lines(view):
    """p99 against the rate, of what is compared, and the limit; [] where no rates were measured."""
    n = view.cores
    wanted = [f"percore-{w}.nginx" for w in sorted({1, 2, 4, n})] + [f"{a}-{n}.nginx" for a in PEERS]
    series = rate_series(view, "p99", wanted)
    series = [s for s in series if s["points"]]
    if not series:
        return []
    most = farthest(series)
    limit = view.meta["slo_ms"]
    return [*series, charts.line(f"limit: {limit} ms", [(0, limit, ""), (most, limit, "")], "limit", 2, plain=True)]


def rate_chart(view, size=(860, 460), below=()):
    """below: what the page says beside it, for where there is no page."""
    series = rate_lines(view)
    if not series:
        return ""
    under = r"\n".join(["requests a second", *below])
    return charts.svg(series, [f'set xlabel "{under}" noenhanced', 'set ylabel "99th percentile, ms"', "set logscale y",
                               'set format y "%g"', "set format x \"%'.0f\"", f"set xrange [0:{farthest(series) * 1.03}]",
                               "set key maxcols 2"], size)


def rate_text(view):
    """The same in letters: with as many workers as cores, and with one."""
    ours = {digest.label(f"percore-{n}.nginx") for n in (1, view.cores)}
    series = [s for s in rate_lines(view) if s["app"] != "percore" or s["name"] in ours]
    return charts.text(series, ["set logscale y", 'set format y "%g"', "set format x \"%'.0f\"",
                                "set yrange [0.1:1000]",
                                'set xlabel "p99 in ms at so many requests a second (measured)"'])


def spectrum_chart(view):
    """Percentiles on an axis where each further nine takes as much room."""
    series = []
    n = view.cores
    for index, subject in enumerate([view.ours] + [f"{a}-{n}.nginx" for a in PEERS]):
        counts = {}
        for trial in view.trials.usable("cost", subject).values():
            for low, high, count in trial.get("histogram", []):
                counts[(low + high) / 2] = counts.get((low + high) / 2, 0) + count
        total, below, points = sum(counts.values()), 0, []
        for value, count in sorted(counts.items()):
            below += count
            if total - below >= max(1, total / 20000):
                share = total / (total - below)
                points.append((share, value / 1e6, f"{digest.label(subject)}: {100 * below / total:.5g} % within "
                               f"{value / 1e6:.3g} ms"))
        series.append(charts.line(digest.label(subject), thinned(points), plan.subject_named(subject).app, index,
                                  index))
    ticks = ", ".join(f'"{100 - 100 / 10 ** k:g} %%" {10 ** k}' for k in range(1, 5))
    return charts.svg(series, ['set xlabel "share of the requests"', 'set ylabel "answered within, ms"',
                               "set logscale xy", f'set xtics ("0" 1, "50 %%" 2, {ticks})', 'set format y "%g"',
                               "set key maxcols 2"])


def thinned(points, most=90):
    """As many as can be seen, evenly along a logarithmic axis."""
    kept, last = [], 0
    for point in points:
        if math.log(point[0] + 1e-9) - last >= 10 / most / 1.0 or not kept:
            kept.append(point)
            last = math.log(point[0] + 1e-9)
    return kept


def scaling_chart(view):
    series = []
    for index, app in enumerate(plan.SCALED):
        figures = sorted((plan.subject_named(f["subject"]).workers, f["median"]) for f in view.experiment["figures"]
                         if f["metric"] == "wait-saturation" and f["subject"].startswith(app + "-"))
        label = f"{digest.LABELS[app]}: saturation"
        series.append(charts.line(label, [(x, y, said(label, x, y, "workers", "/s")) for x, y in figures], app, index,
                                  index))
        knees = sorted((plan.subject_named(f["subject"]).workers, f["median"]) for f in view.experiment["figures"]
                       if f["metric"] == "knee" and f["subject"].endswith(".wait")
                       and f["subject"].startswith(app + "-"))
        label = f"{digest.LABELS[app]}: knee"
        series.append(charts.line(label, [(x, y, said(label, x, y, "workers", "/s")) for x, y in knees], app, 2,
                                  4 + index))
    if not series[0]["points"]:
        return ""
    most = farthest(series)
    ideal = [(x, x * 1e6 / view.meta["wait_us"], "") for x in (1, most)]
    series.append(charts.line("workers / 2 ms: no more is possible", ideal, "plain", 3, plain=True))
    ticks = ", ".join(f"{2 ** k}" for k in range(10) if 2 ** k <= most)
    return charts.svg(series, ['set xlabel "workers"', 'set ylabel "requests a second"', "set logscale xy",
                               f"set xtics ({ticks})", "set format y \"%'.0f\"", f"set xrange [0.9:{most * 1.15}]"])


def share_text(view):
    return f"{100 * view.meta.get('share_of_core', 0):g} % of a core"


def quota_chart(view):
    series, most = [], 1
    for index, app in enumerate(plan.SCALED):
        points = sorted(digest.points_of(view.experiment["figures"], "quota-saturation", app).items())
        label = digest.LABELS[app]
        series.append(charts.line(label, [(x, y, said(label, x, y, "shares", "/s")) for x, y in points], app, index,
                                  index))
        most = max([most] + [x for x, _ in points])
    first = dict(p[:2] for p in series[0]["points"]).get(1)
    if not series[0]["points"]:
        return ""
    if first:
        linear = [(1, first, ""), (most, most * first, "")]
        series.append(charts.line("as many times percore's first (projected)", linear, "plain", 3, plain=True))
    ticks = ", ".join(str(n) for n in range(1, most + 1))
    return charts.svg(series, [f'set xlabel "workers, and shares of {share_text(view)}"',
                               'set ylabel "requests a second"', f"set xtics ({ticks})", "set format y \"%'.0f\"",
                               "set yrange [0:*]", f"set xrange [0:{most * 1.05}]"])


def capacity_chart(view):
    """The simulation, and where percore and hyper were measured on it; a queue for each is what hyper has."""
    simulated = view.experiment.get("simulation")
    if not simulated:
        return ""
    rows = simulated["highest_load"]
    series = [charts.line(name, [(r["workers"], r[key], f"{name}: {r[key]:.2f} with {r['workers']} workers")
                                 for r in rows], app, style, point, plain=True)
              for name, key, app, style, point in (("one queue for all, simulated", "one_queue", "percore", 0, 0),
                                                   ("a queue for each, simulated", "own_queues", "article-hyper", 1,
                                                    1))]
    for index, app in enumerate(plan.SCALED):
        points = sorted((plan.subject_named(f["subject"]).workers, f["median"]) for f in view.experiment["figures"]
                        if f["metric"] == "knee-share" and f["subject"].endswith(".wait")
                        and f["subject"].startswith(app + "-"))
        label = f"{digest.LABELS[app]}, knee / saturation as seen"
        series.append(charts.line(label, [(x, y, f"{label}: {y:.2f} with {x} workers") for x, y in points], app, index,
                                  index, line_too=False))
    ticks = ", ".join(f"{r['workers']}" for r in rows)
    return charts.svg(series, ['set xlabel "workers"', 'set ylabel "share of the capacity within the limit"',
                               "set logscale x", f"set xtics ({ticks})", "set yrange [0:1.05]", "set xrange [0.9:300]"])


def load_chart(view, workers):
    """p99 against load: simulated lines, measured points."""
    simulated = view.experiment.get("simulation")
    if not simulated:
        return ""
    service_ms = view.meta["wait_us"] / 1000
    series = []
    for name, key, app, style in (("one queue, simulated", str(workers), "percore", 0),
                                  ("a queue for each, simulated", "own_queues", "article-hyper", 1)):
        if key in simulated["p99"][0]:
            points = [(r["load"], r[key] * service_ms, "") for r in simulated["p99"]]
            series.append(charts.line(name, points, app, style, plain=True))
    for index, app in enumerate(plan.SCALED):
        subject = f"{app}-{workers}.nginx.wait"
        saturation = view.median(subject, "wait-saturation")
        points = []
        for f in view.experiment["figures"]:
            if saturation and f["subject"] == subject and f["metric"].startswith("p99-at-"):
                load = f["rate_per_s"] / saturation
                points.append((round(load, 4), f["median"], f"{digest.LABELS[app]}: p99 {f['median']:.3g} ms at "
                               f"{percent(load)} of its saturation"))
        series.append(charts.line(f"{digest.LABELS[app]}, {workers} {digest.KIND_OF[app]}s", points, app, index, index,
                                  line_too=False))
    if not any(s["points"] and not s["plain"] for s in series):
        return ""
    return charts.svg(series, ['set xlabel "load, in shares of the saturation"', 'set ylabel "99th percentile, ms"',
                               "set logscale y", 'set format y "%g"', "set xrange [0.45:1]"])


def chart(view_svg, title, note, kind, limited):
    """A chart with what it shows, how that was got, and what limited it."""
    limit = f"<b>Limited by:</b> {escape(limited)}." if view_svg else ""
    return (f'<figure><h3>{escape(title)} <span class="kind">{escape(kind)}</span></h3>'
            f'<div class="chart">{charts.for_page(view_svg, title)}</div>'
            f'<figcaption>{note if view_svg else ""} {limit}</figcaption></figure>')


def limited_by(view, kind, subjects):
    """What limited these trials; where it was not the same for all, for whom it was what."""
    found = {}
    for subject in subjects:
        what = view.limiter(kind, subject)
        if what["by"] != "unknown":
            found.setdefault(what["by"], []).append((digest.label(subject, "always"), what["shares"]))
    parts, every = [], sum(map(len, found.values()))
    for what, of in sorted(found.items(), key=lambda f: -len(f[1])):
        whom = f" for {' and '.join(n for n, _ in of)}" if parts and len(of) <= 2 else f" for {len(of)} of {every}"
        parts.append(what + (whom if len(found) > 1 else "")
                     + (shares_text([s for _, s in of]) if "together" in what else ""))
    return "; ".join(parts) or "not measured in this run"


def shares_text(of):
    """Who used the cores, from least to most."""
    told = []
    for who in of[0]:
        values = sorted(s[who] for s in of)
        low, high = percent(values[0]), percent(values[-1])
        told.append(f"{who} {low}" if low == high else f"{who} {low} to {high}")
    return f" ({', '.join(told)})"


# ---- Bars, in HTML.

def bars(view, subjects, parts, unit, title):
    """Stacked; the second part is hatched.  parts: (metric, name)."""
    totals = {s: [view.median(s, metric) or 0 for metric, _ in parts] for s in subjects}
    most = max((sum(t) for t in totals.values()), default=0)
    if not most:
        return '<p class="none">not measured in this run</p>'
    rows = []
    for subject, values in totals.items():
        pieces = "".join(f'<i class="part{k}" style="width:{100 * v / most:.2f}%"></i>' for k, v in enumerate(values))
        parts_text = " + ".join(number(v) for v in values if v)
        together = f" = {number(sum(values))}" if sum(bool(v) for v in values) > 1 else ""
        app = plan.subject_named(subject).app
        name = escape(digest.label(subject, "always"))
        rows.append(f'<div class="row" style="--bar:var(--{app})"><span>{name}</span>'
                    f'<div class="track">{pieces}</div><span class="num">{parts_text}{together} {unit}</span></div>')
    legend = " ".join(f'<span class="swatch part{k}"></span>{escape(name)}' for k, (_, name) in enumerate(parts))
    legend = f'<p class="legend" style="--bar:var(--ink)">{legend}</p>' if len(parts) > 1 else ""
    return f'<div class="bars" role="img" aria-label="{escape(title)}">{legend}{"".join(rows)}</div>'


# ---- Tables.

def targets_table(view):
    rows = []
    for t in view.experiment["targets"]:
        got = "–" if "value" not in t else number(t["value"])
        if "value" in t and t["low"] != t["high"]:
            got += f' <small>{number(t["low"])} to {number(t["high"])}</small>'
        verdict = t["verdict"] + ("" if t.get("sure", True) else ", within the noise")
        sign = {"met": "✓", "missed": "✗"}.get(t["verdict"], "–")
        note = f' <small>{escape(t["note"])}</small>' if t["note"] else ""
        kind = f' <span class="kind">{t["kind"]}</span>' if "kind" in t else ""
        rows.append(f'<tr class="{t["verdict"].replace(" ", "-")}"><td>{escape(t["text"])}{note}{kind}</td>'
                    f'<td class="num">{"≥" if t["relation"] == ">=" else "≤"} {t["limit"]:g}</td>'
                    f'<td class="num">{got}</td><td>{sign} {verdict}</td></tr>')
    return ('<table><thead><tr><th>target</th><th class="num">wanted</th><th class="num">found, 95 % interval</th>'
            f'<th>verdict</th></tr></thead><tbody>{"".join(rows)}</tbody></table>')


def summary_table(view):
    """A row a subject: what people compare."""
    columns = [("saturation", "requests/s at most"), ("knee", "knee, p99 ≤ 10 ms"), ("p50", "p50, ms"),
               ("p99", "p99, ms"), ("p99.9", "p99.9, ms"), ("app-cpu", "CPU µs, app"), ("web-cpu", "CPU µs, web"),
               ("system-calls", "calls"), ("cost-per-million", "a million, cents (projected)")]
    head = "".join(f'<th class="num">{escape(name)}</th>' for _, name in columns)
    rows = []
    for subject in view.subjects("saturation"):
        cells = []
        for metric, _ in columns:
            f = view.figure(subject, metric)
            cells.append('<td class="num">' + (number(f["median"], f["unit"]) if f else "–") + "</td>")
        rows.append(f'<tr><td>{escape(digest.label(subject, "always"))}</td>{"".join(cells)}</tr>')
    return f'<table><thead><tr><th>subject</th>{head}</tr></thead><tbody>{"".join(rows)}</tbody></table>'


def once_table(view):
    """What does not depend on load: memory, size, start."""
    rows = []
    for app in ["percore", "percore-static"] + plan.APPS[1:]:
        front = "direct" if app in plan.HYPER else "nginx"
        size = view.median(f"{app}-1.none", "executable")
        beside = view.meta.get("executables", {}).get(app, {})
        libraries = f' <small>+ {number(beside["libraries_bytes"] / 1024, "KiB")} of libraries</small>' \
            if beside.get("libraries_bytes") else ""
        first = view.figure(f"{app}-1.{'nginx' if app != 'percore-static' else 'none'}", "first-answer")
        cells = [view.median(f"{app}-{n}.{front}", "worker-memory") for n in (1, 64)]
        if size is None and first is None and not any(cells):
            continue
        name = "percore, one static executable" if app == "percore-static" else digest.LABELS[app]
        rows.append(f'<tr><td>{escape(name)}</td>'
                    f'<td class="num">{number(first["median"]) if first else "–"}</td>'
                    + "".join(f'<td class="num">{number(c, "KiB")}</td>' for c in cells)
                    + f'<td class="num">{number(size, "KiB")}{libraries}</td></tr>')
    return ('<table><thead><tr><th>subject</th><th class="num">start to first answer, ms</th>'
            '<th class="num">own KiB a worker, 1 worker</th><th class="num">with 64</th>'
            f'<th class="num">executable, KiB</th></tr></thead><tbody>{"".join(rows)}</tbody></table>')


def from_to(low, high, unit):
    return "–" if low == high else f"{number(low, unit)} to {number(high, unit)}"


def every_figure(view):
    groups = {}
    for f in view.experiment["figures"]:
        groups.setdefault(f["text"], []).append(f)
    parts = []
    for text, figures in groups.items():
        for f in figures:
            interval, spread = from_to(f["low"], f["high"], f["unit"]), from_to(f["least"], f["most"], f["unit"])
            subject = ("percore, static" if f["subject"].startswith("percore-static")
                       else digest.label(f["subject"], "always") if not f["subject"].endswith(".none")
                       else digest.LABELS[plan.subject_named(f["subject"]).app])
            spoiled = f', {f["invalid"]} invalid' if f["invalid"] else ""
            waiting = ", waiting" if f["subject"].endswith(".wait") else ""
            parts.append(f'<tr><td>{escape(text)}</td><td>{escape(subject)}{waiting}</td>'
                         f'<td class="num">{with_unit(f["median"], f["unit"])}</td><td class="num">{interval}</td>'
                         f'<td class="num">{spread}</td><td class="num">{len(f["rounds"])}{spoiled}</td>'
                         f'<td>{f["kind"]}</td></tr>')
    return ('<table class="all"><thead><tr><th>figure</th><th>subject</th><th class="num">median</th>'
            '<th class="num">95 % interval</th><th class="num">least to most</th><th class="num">rounds</th>'
            f'<th>kind</th></tr></thead><tbody>{"".join(parts)}</tbody></table>')


def calls_list(view):
    rows = []
    for subject in view.trials.subjects("calls"):
        for trial in view.trials.usable("calls", subject).values():
            listed = ", ".join(f"{name} {count:g}" for name, count in
                               sorted(trial.get("calls", {}).items(), key=lambda c: -c[1]))
            rows.append(f"<li>{escape(digest.label(subject))}: {escape(listed)}</li>")
    return f'<ul>{"".join(sorted(rows))}</ul>' if rows else '<p class="none">not measured in this run</p>'


# ---- Validity.

def doubts(view):
    """What a reader should know before believing a figure."""
    v, found = view.experiment["validity"], []
    if view.meta["size"] != "full":
        found.append(f"This was a short run (--{view.meta['size']}): fewer rounds and shorter searches than the "
                     "figures deserve.")
    if v["others_median_cores"] > 0.1:
        found.append(f"The machine was not ours alone: others used {v['others_median_cores']:.2f} cores "
                     f"(median; at most {v['others_most_cores']:.2f}) while we measured.")
    if v["steal_most"] > 0.02:
        found.append(f"The hypervisor took up to {percent(v['steal_most'])} of the CPU time.")
    if v["invalid"]:
        reasons = "; ".join(f"{r} ({n})" for r, n in v["reasons"].items())
        found.append(f"{v['invalid']} of {v['runs']} runs stayed invalid after being repeated: {reasons}. "
                     "They count only where nothing valid was to be had.")
    if v["errors"]:
        found.append(f"{v['errors']:,} of {v['requests'] + v['errors']:,} requests failed.")
    unfinished = answer_unfinished(view)
    if unfinished:
        found.insert(0, unfinished)
    for app, reason in view.meta.get("left_out", {}).items():
        found.append(f"{digest.LABELS.get(app, app)} is left out: {reason}")
    missing = [k for k in plan.KINDS if k not in v["kinds"] and k not in view.meta.get("left_out", {})]
    if missing and not unfinished:
        found.append(f"Not measured: {', '.join(missing)}.")
    return found + [f"Failed: {text}" for text in v["failed"]]


def validity_box(view):
    v, m = view.experiment["validity"], view.meta["machine"]
    facts = [("machine", f"{m['cores']} cores of {m['cpu']}, {m['memory_mib'] / 1024:.0f} GiB, Linux {m['kernel']}; "
                         f"load average at the start {m['load_average_at_start']}"),
             ("run", f"{view.meta['started']}, percore at {view.meta['commit']}: {view.meta['command']}"),
             ("steal", f"at most {percent(v['steal_most'])}"),
             ("lateness of the generator, p99", f"median {v['lateness_median_ms']:.2f} ms, "
                                                f"at most {v['lateness_most_ms']:.2f} ms"),
             ("others on the machine", f"{v['others_median_cores']:.2f} cores, at most {v['others_most_cores']:.2f}"),
             ("runs", f"{v['runs']}, of them invalid {v['invalid']}; repeated {v['repeated']} times"),
             ("requests", f"{v['requests']:,} good, {v['errors']:,} failed"),
             *view.meta["versions"].items()]
    rows = "".join(f"<dt>{escape(k)}</dt><dd>{escape(t)}</dd>" for k, t in facts)
    warnings = "".join(f"<li>{escape(t)}</li>" for t in doubts(view))
    return (f'<section class="validity" id="validity"><h2>Validity</h2>{f"<ul>{warnings}</ul>" if warnings else ""}'
            f"<dl>{rows}</dl></section>")


METHOD = """<p>Every subject does the same work: 100 rounds of formatting a string, then a JSON object. hyper does it in
two ways: as in the article, whose code makes a new string each round and owns what it serialises; and tuned, over one
buffer, as percore does. Targets are judged against the first, which is also what waits. Each subject is started
anew for each trial behind the same nginx (hyper also direct), on the same machine as the load generator, over loopback;
subjects take turns in random order, in rounds; ratios are taken within a round. percore-load checks every body. FastCGI
goes over a Unix socket, hyper and Node over TCP. percore's protection against overload is off, because its peers have
none and the ramp overloads on purpose. The intervals are of the median, by bootstrap.</p>
<p><b>measured</b>: seen as it is. <b>emulated</b>: seen, but of requests that sleep 2 ms where work would compute, so
that few cores carry many workers, or of an application that a CPU quota holds to shares of a core. <b>projected</b>:
calculated from other figures.</p>"""


def fit_text(view, metric):
    """The law's two numbers, or why it was not fitted, app by app."""
    made, none = [], {}
    for app, fit in view.experiment["scaling_fits"][metric].items():
        law, name = fit["law"], digest.LABELS[app]
        if law:
            made.append(f"{name} contention {law['contention']:.4f}, coherency {law['coherency']:.6f}, on "
                        f"{fit['points']} points")
        elif fit["points"]:
            none.setdefault(fit["none_because"], []).append(name)
    return ((" Universal Scalability Law, projected: " + "; ".join(made) + "; below zero is noise." if made else "")
            + "".join(f" No Universal Scalability Law is fitted for {'; '.join(names)}: {why}."
                      for why, names in none.items()))


def most_rates(view):
    """Under what the highest of the fixed rates was."""
    return "at the highest rate tried, " + limited_by(view, "rates", view.trials.subjects("rates")) \
        if view.trials.subjects("rates") else "not measured in this run"


def waiting_limit(view, kind, workers):
    subjects = [f"{app}-{n}.nginx.wait" for app in plan.SCALED for n in workers]
    return limited_by(view, kind, subjects)


QUOTA_TITLE = "More shares of a core, requests that compute"


def quota_figure(view):
    """The chart of the shares, or why there is none."""
    left_out = view.meta.get("left_out", {}).get("quota")
    if left_out:
        return f'<figure><h3>{QUOTA_TITLE}</h3><p class="none">left out: {escape(left_out)}</p></figure>'
    limited = limited_by(view, "quota", view.subjects("quota-saturation"))
    note = (f"The application runs in a cgroup that lets all its workers together use {share_text(view)} for each "
            "worker; web server and generator are not held." + fit_text(view, "quota-saturation"))
    return chart(quota_chart(view), QUOTA_TITLE, escape(note), "emulated", limited)


def scaling_table(view):
    """Workers that wait, and shares of a core: a row each, percore and those of hyper that were measured side by
    side."""
    apps = [app for app in plan.SCALED if any(digest.points_of(view.experiment["figures"], metric, app)
                                              for metric in ("wait-saturation", "quota-saturation"))]
    rows = []
    for metric, cpu, kind, what in (("wait-saturation", "wait-cpu", "scaling", "waits 2 ms"),
                                    ("quota-saturation", "quota-cpu", "quota", f"computes, {share_text(view)} each")):
        for subject in sorted((s for s in view.subjects(metric) if s.startswith("percore-")),
                              key=lambda s: plan.subject_named(s).workers):
            each = [subject.replace("percore-", app + "-") for app in apps]
            cells = "".join(f'<td class="num">{number(view.median(s, m), unit)}</td>' for s in each
                            for m, unit in ((metric, "1/s"), (cpu, "us")))
            rows.append(f'<tr><td>{escape(what)}</td><td class="num">{plan.subject_named(subject).workers}</td>{cells}'
                        f'<td>{escape(view.limiter(kind, subject)["by"])}</td></tr>')
    head = "".join(f'<th class="num">{escape(digest.LABELS[app])}: {what}</th>' for app in apps
                   for what in ("requests/s", "CPU µs"))
    if not rows:
        return '<p class="none">not measured in this run</p>'
    return (f'<table class="told"><thead><tr><th>work</th><th class="num">workers</th>{head}'
            f'<th>percore was limited by</th></tr></thead><tbody>{"".join(rows)}</tbody></table>')


def sections(view):
    ramped = ramp_subjects(view)
    ramp_limit = limited_by(view, "ramp", ramped)
    first = (f"{view.meta.get('ramp', 'Clients come one after the other')}; each asks again when it is answered.")
    panels = "".join(chart(ramp_chart(view, field, factor, axis, log), f"Ramp: {title}", first if n == 0 else "",
                           "measured", ramp_limit)
                     for n, (title, field, factor, axis, log) in enumerate((
                         ("throughput", "good", 1, "requests a second", False), ("p50", "p50_ns", 1e-6, "ms", True),
                         ("p95", "p95_ns", 1e-6, "ms", True), ("p99", "p99_ns", 1e-6, "ms", True),
                         ("p99.9", "p99.9_ns", 1e-6, "ms", True),
                         ("clients", "connections", 1, "clients", False))))
    cpu = bars(view, view.subjects("app-cpu"), [("app-cpu", "application"), ("web-cpu", "web server")], "µs",
               "CPU time a request")
    cost = bars(view, view.subjects("cost-per-million"), [("cost-per-million", "cost")], "cents",
                "cost of a million requests")
    saturation_limit = limited_by(view, "saturation", view.subjects("saturation"))
    rate = f"{view.meta['rate_per_s']:,.0f}"
    simulated = "The workers' number, by simulation; the points are where the search found the knee."
    loads = "".join(chart(load_chart(view, n), f"p99 against load, {n} workers",
                          "Lines are simulated, points were seen: between them is what a real machine adds.",
                          "emulated and projected", "at the highest load, " + waiting_limit(view, "loads", [n]))
                    for n in (4, 16) if f"percore-{n}.nginx.wait/p99-at-0.80" in view.by)
    return f"""
<section><h2>99th percentile against rate</h2><div class="grid one">
{chart(rate_chart(view), "p99 at fixed rates, behind nginx",
       "Independent arrivals; latency counts from the intended start.", "measured", most_rates(view))}</div></section>
<section><h2>CPU time of a request <span class="kind">measured</span></h2>
<p>At {rate} requests a second for all: the figure that repeats best on a small machine. <b>Limited by:</b> the
chosen rate.</p>{cpu}</section>
<section><h2>Side by side <span class="kind">measured</span></h2>
<p>Percentiles and CPU time at {rate} requests a second. <b>At most is limited by:</b>
{escape(saturation_limit)}.</p><div class="scroll">{summary_table(view)}</div></section>
<section><h2>The ramp of the article</h2><div class="grid">{panels}</div></section>
<section><h2>Percentiles and scaling</h2><div class="grid">
{chart(spectrum_chart(view), f"Percentile spectrum at {rate}/s", "How many requests are answered within what time.",
       "measured", "the chosen rate")}
{chart(scaling_chart(view), "More workers, requests that wait 2 ms",
       "On few cores, so many workers can only be seen with work that waits."
       + escape(fit_text(view, "wait-saturation")), "emulated",
       limited_by(view, "scaling", view.subjects("wait-saturation")))}
{quota_figure(view)}
{chart(capacity_chart(view), "What one queue gains", simulated, "projected and emulated",
       waiting_limit(view, "scaling", [4, 16]))}
{loads}</div>
<h3 class="after">More workers, more shares <span class="kind">emulated</span></h3>
<div class="scroll">{scaling_table(view)}</div></section>
<section><h2>What a million requests cost <span class="kind">projected</span></h2>
<p>CPU time of application and web server at {rate} requests a second, at {view.meta['price']:g} a core
hour, were every second used; who keeps within the limit leaves some idle: divide by knee / saturation.
<b>Limited by:</b> the chosen rate.</p>
{cost}</section>
<section><h2>Start, memory, size <span class="kind">measured</span></h2><div class="scroll">{once_table(view)}</div>
<h3>System calls a request</h3>{calls_list(view)}</section>
<section><h2>Every figure</h2><details><summary>{len(view.experiment['figures'])} figures with their spread</summary>
<div class="scroll">{every_figure(view)}</div></details></section>"""


def page(experiment):
    view = View(experiment)
    style = (Path(__file__).parent / "report.css").read_text(encoding="utf-8")
    colours = "".join(f"--{app}:{c};" for app, c in charts.COLOURS.items())
    dark = "".join(f"--{app}:{c};" for app, c in charts.DARK.items())
    sentences = "".join(f"<p>{escape(s)}</p>" for s in answer(view)) 
    doubt = doubts(view)  # the first is shown at the top, unless the answer says it already
    first = [d for d in doubt if d != answer_unfinished(view)]
    warning = (f'<p class="doubt">{escape(first[0] if first else "")} <a href="#validity">{len(doubt)} '
               f'remark{"s" if len(doubt) > 1 else ""} on validity</a></p>') if doubt else ""
    met = sum(t["verdict"] == "met" for t in experiment["targets"])
    known = sum(t["verdict"] != "not measured" for t in experiment["targets"])
    return f"""<!doctype html>
<html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark"><title>percore: the experiment</title>
<style>:root{{{colours}}}@media(prefers-color-scheme:dark){{:root{{{dark}}}}}
{style}</style></head><body><main>
<header><h1>How many requests a second before the 99th percentile degrades, and what they cost</h1>
<p class="meta">{escape(view.meta['versions']['percore'])}, {escape(view.meta['started'])},
{view.cores} cores; <a href="experiment.json">raw figures</a></p></header>
<section class="answer">{sentences}{warning}</section>
<section><h2>Targets: {met} of {known} met</h2><div class="scroll">{targets_table(view)}</div>
<p>{escape(HYPERS)}.</p></section>
{sections(view)}
{validity_box(view)}
<section><h2>Method</h2>{METHOD}</section>
</main></body></html>
"""


def write_plots(folder, experiment):
    """The main chart for the README."""
    view = View(experiment)
    plot = rate_chart(view, (760, 470), ["measured; limited by:", *textwrap.wrap(most_rates(view), 84)])
    if plot:
        (Path(folder) / "p99.svg").write_text(plot, encoding="utf-8")
