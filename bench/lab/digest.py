# SPDX-License-Identifier: ISC
"""From trials to figures: each with its values by round, median, interval, and whether it was measured.

measured: seen as it is.  emulated: seen, but of work that sleeps where it would compute, so that few cores can carry
many workers, or of work that a cgroup's quota holds to shares of a core.  projected: calculated from other figures.
"""
import collections
import math
import re

from . import plan, queues, stats, targets

LABELS = {"percore": "percore", "article-hyper": "hyper, as in the article", "hyper": "hyper, tuned",
          "go": "Go net/http/fcgi", "php": "php-fpm", "node": "Node", "plain": "plain libfcgi loop"}
KIND_OF = {"article-hyper": "thread", "hyper": "thread", "go": "core", "php": "process", "node": "process",
           "plain": "process", "percore": "worker"}


def label(subject, front=True):
    """As people read it: percore, 2 workers, behind nginx."""
    s = plan.subject_named(subject) if isinstance(subject, str) else subject
    plural = "" if s.workers == 1 else "es" if KIND_OF[s.app] == "process" else "s"
    text = f"{LABELS[s.app]}, {s.workers} {KIND_OF[s.app]}{plural}"
    where = {"direct": "direct", "nginx": "nginx", "lighttpd": "lighttpd"}[s.front]
    return f"{text}, {where}" if front and s.front != "nginx" or front == "always" else text


class Trials:
    """The trials by kind and subject: {round: trial}."""

    def __init__(self, trials):
        self.by = collections.defaultdict(dict)
        for trial in trials:
            kind, subject, number = trial["name"].split("/")
            self.by[kind, subject][int(number)] = trial

    def subjects(self, kind):
        return [s for k, s in self.by if k == kind]

    def usable(self, kind, subject):
        """What was not spoiled; where all were, all that came to an end."""
        ended = {n: t for n, t in self.by.get((kind, subject), {}).items()
                 if not t.get("invalid_because", "").startswith("failed")}
        return {n: t for n, t in ended.items() if t.get("valid", True)} or ended


def figure(subject, metric, unit, better, values, kind="measured", text=None, invalid=0):
    numbers = [v for _, v in sorted(values.items())]
    low, high = stats.interval(numbers)
    return {"name": f"{subject}/{metric}", "subject": subject, "metric": metric, "text": text or metric, "unit": unit,
            "better": better, "kind": kind, "median": stats.median(numbers), "low": low, "high": high,
            "least": min(numbers), "most": max(numbers), "rounds": {str(n): v for n, v in sorted(values.items())},
            "invalid": invalid}


SIMPLE = [  # kind of trial, field, metric, unit, factor, better, text
    ("saturation", "throughput_per_s", "saturation", "1/s", 1, "higher", "saturation"),
    ("saturation", "app_us", "full-app-cpu", "us", 1, "lower", "CPU a request at saturation, application"),
    ("saturation", "web_us", "full-web-cpu", "us", 1, "lower", "CPU a request at saturation, web server"),
    ("cost", "app_us", "app-cpu", "us", 1, "lower", "CPU a request, application"),
    ("cost", "web_us", "web-cpu", "us", 1, "lower", "CPU a request, web server"),
    ("cost", "p50_ns", "p50", "ms", 1e-6, "lower", "p50 at the fixed rate"),
    ("cost", "p99_ns", "p99", "ms", 1e-6, "lower", "p99 at the fixed rate"),
    ("cost", "p99.9_ns", "p99.9", "ms", 1e-6, "lower", "p99.9 at the fixed rate"),
    ("bare", "app_us", "bare-cpu", "us", 1, "lower", "CPU a request without the work, application"),
    ("bare", "full_app_us", "full-bare-cpu", "us", 1, "lower",
     "CPU a request without the work at saturation, application"),
    ("start", "first_answer_ms", "first-answer", "ms", 1, "lower", "start to first answer"),
    ("calls", "total", "system-calls", "", 1, "lower", "system calls a request"),
    ("memory", "worker_kib", "worker-memory", "KiB", 1, "lower", "own memory of a worker"),
    ("memory", "all_kib", "memory", "KiB", 1, "lower", "own memory of all processes"),
    ("scaling", "throughput_per_s", "wait-saturation", "1/s", 1, "higher", "saturation, 2 ms of waiting"),
    ("scaling", "app_us", "wait-cpu", "us", 1, "lower", "CPU a request, 2 ms of waiting"),
    ("quota", "throughput_per_s", "quota-saturation", "1/s", 1, "higher", "saturation, a share of a core a worker"),
    ("quota", "app_us", "quota-cpu", "us", 1, "lower", "CPU a request, a share of a core a worker"),
]


def simple_figures(trials):
    found = []
    for kind, field, metric, unit, factor, better, text in SIMPLE:
        for subject in trials.subjects(kind):
            usable = trials.usable(kind, subject)
            values = {n: t[field] * factor for n, t in usable.items() if field in t}
            if metric.endswith("web-cpu") and ".direct" in subject or not values:
                continue
            spoiled = sum(not t.get("valid", True) for t in trials.by[kind, subject].values())
            label_of = "emulated" if subject.endswith(".wait") or kind == "quota" else "measured"
            found.append(figure(subject, metric, unit, better, values, label_of, text, spoiled))
    return found


def load_figures(trials):
    """The percentile at each rate, and at each share of the waiting workers' capacity."""
    found = []
    for kind in ("rates", "loads"):
        for subject in trials.subjects(kind):
            by_rate = collections.defaultdict(dict)
            for number, trial in trials.usable(kind, subject).items():
                for run in trial.get("runs", []):
                    by_rate[run["rate_per_s"], run.get("share")][number] = run
            for (rate, share), runs in by_rate.items():
                runs = {n: r for n, r in runs.items() if r["valid"]} or runs
                at = f"{share:.0%} of capacity" if share else f"{rate:.0f}/s"
                for field, name in (("p50_ns", "p50"), ("p99_ns", "p99"), ("p99.9_ns", "p99.9")):
                    values = {n: r[field] / 1e6 for n, r in runs.items()}
                    metric = f"{name}-at-{share:.2f}" if share else f"{name}-at-{rate:.0f}"
                    made = figure(subject, metric, "ms", "lower", values, "emulated" if share else "measured",
                                  f"{name} at {at}", sum(not r["valid"] for r in runs.values()))
                    made["rate_per_s"] = rate
                    found.append(made)
    return found


def knee_figures(trials):
    found = []
    for subject in trials.subjects("knee"):
        for trial in trials.usable("knee", subject).values():
            kind = "emulated" if subject.endswith(".wait") else "measured"
            for field, text in (("knee", "knee: p99 within 10 ms up to"), ("saturation", "saturation, in the search")):
                part = trial.get(field) or {}
                if not part.get("median_per_s"):
                    continue
                made = figure(subject, field if field == "knee" else "knee-saturation", "1/s", "higher",
                              {1: part["median_per_s"]}, kind, text, trial.get("invalid_trials", 0))
                made.update(low=part["least_per_s"], high=part["most_per_s"], least=part["least_per_s"],
                            most=part["most_per_s"], searches=True)
                found.append(made)
            if trial.get("knee", {}).get("median_per_s") and (trial.get("saturation") or {}).get("median_per_s"):
                share = trial["knee"]["median_per_s"] / trial["saturation"]["median_per_s"]
                found.append(figure(subject, "knee-share", "", "higher", {1: share}, kind, "knee / saturation"))
    return found


def cost_figures(figures, price):
    """What the CPU time of a million requests costs; the generator's is not counted."""
    by = {f["name"]: f for f in figures}
    found = []
    for app in [f for f in figures if f["metric"] == "app-cpu"]:
        subject = app["subject"]
        web = by.get(f"{subject}/web-cpu")
        rounds = {}
        for number, value in app["rounds"].items():
            both = value + (web["rounds"].get(number, math.nan) if web else 0)
            if not math.isnan(both):
                rounds[int(number)] = both / 3600 * price * 100  # us a request are seconds a million
        if rounds:
            found.append(figure(subject, "cost-per-million", "cents", "lower", rounds, "projected",
                                "cost of a million requests"))
    return found


def size_figures(meta):
    return [figure(f"{app}-1.none", "executable", "KiB", "lower", {1: round(size["bytes"] / 1024, 1)}, "measured",
                   "executable, stripped") for app, size in meta.get("executables", {}).items()]


def ratio(figures, above, below):
    """Of two figures, by round."""
    by = {f["name"]: f for f in figures}
    a, b = by.get(above), by.get(below)
    if not a or not b:
        return None
    values = {n: a["rounds"][n] / b["rounds"][n] for n in a["rounds"] if b["rounds"].get(n)}
    if not values:
        return None
    kind = "emulated" if "emulated" in (a["kind"], b["kind"]) else a["kind"]
    return figure(above.split("/")[0], f"{above} / {below}", "", "", values, kind)


def limiter(trial, subject, cores):
    """What kept a trial from more: whoever had no more time to use.  by, and the shares of the cores' time."""
    s = plan.subject_named(subject)
    if "app_cores" not in trial:
        return {"by": "unknown"}
    used = {"workers": trial["app_cores"], "web server": trial["web_cores"], "generator": trial["generator_cores"],
            "others": trial.get("others_cores", 0)}
    busy = {"the workers": used["workers"] / min(s.workers, cores), "the web server": used["web server"] / cores,
            "the load generator": used["generator"]}
    most = max(busy, key=busy.get)
    if "quota_cores" in trial and trial["app_cores"] > 0.85 * trial["quota_cores"]:
        by = "the CPU quota"
    elif s.wait and trial["throughput_per_s"] * s.wait_us / 1e6 > 0.8 * s.workers:
        by = "the workers, all waiting"
    elif busy[most] >= 0.85:
        by = most
    elif sum(used.values()) < 0.85 * cores:
        by = "nothing (cores were idle)"
    else:
        by = f"the {cores} cores together"
    return {"by": by, "shares": {who: round(value / cores, 3) for who, value in used.items()}}


def limiters(trials, cores):
    """By kind of trial and subject; where a trial has runs at several rates, at the highest."""
    found = {}
    for kind in ("saturation", "scaling", "quota", "ramp", "rates", "loads"):
        for subject in trials.subjects(kind):
            usable = [t["runs"][-1] if t.get("runs") else t for t in trials.usable(kind, subject).values()]
            if usable:
                found[f"{kind}/{subject}"] = limiter(usable[0], subject, cores)
    return found


def points_of(figures, metric, app):
    """{workers: median} of that metric."""
    return {plan.subject_named(f["subject"]).workers: f["median"] for f in figures
            if f["metric"] == metric and f["subject"].startswith(app + "-")}


def fit_of(figures, metric, app):
    """The law, on how many points, and why there is none where there is none; calculated, so projected."""
    points = points_of(figures, metric, app)
    law = stats.scalability(points)
    why = "" if law else (f"that takes {stats.POINTS} points, there are {len(points)}" if len(points) < stats.POINTS
                          else "no such law comes near these points")
    return {"points": len(points), "law": law, "none_because": why, "kind": "projected"}


def scaling_fits(figures):
    return {metric: {app: fit_of(figures, metric, app) for app in plan.SCALED}
            for metric in ("wait-saturation", "quota-saturation")}


def progress(meta, trials):
    """By kind: how many trials came to an end, of how many; nothing where the plan was not noted."""
    ended = collections.Counter(kind for (kind, _), rounds in trials.by.items() for t in rounds.values()
                                if not t.get("invalid_because", "").startswith("failed"))
    return {kind: {"ended": ended[kind], "planned": count} for kind, count in meta.get("planned", {}).items()}


def validity(experiment, trials):
    runs = [r for t in experiment["trials"] for r in [t] + t.get("runs", []) if "steal_share" in r]
    broken = [t for t in experiment["trials"] if t.get("invalid_because", "").startswith("failed")]
    invalid = [r for r in runs if not r["valid"]]
    reasons = collections.Counter(re.split(r"[,:(]", r["invalid_because"])[0].strip() for r in invalid)
    others = sorted(r.get("others_cores", 0) for r in runs) or [0]
    late = sorted(r["lateness_p99_ns"] / 1e6 for r in runs if r.get("attempts")) or [0]
    return {"runs": len(runs), "invalid": len(invalid), "reasons": dict(reasons),
            "repeated": sum(r.get("attempts", 1) - 1 for r in runs),
            "failed": [f"{t['name']}: {t['invalid_because']}" for t in broken],
            "errors": sum(r["errors"] for r in runs), "requests": sum(r["good"] for r in runs),
            "steal_most": max([r["steal_share"] for r in runs], default=0),
            "others_median_cores": others[len(others) // 2], "others_most_cores": others[-1],
            "lateness_median_ms": late[len(late) // 2], "lateness_most_ms": late[-1],
            "kinds": sorted({k for k, _ in trials.by})}


def completed(experiment):
    """The experiment with everything that follows from its trials."""
    meta = experiment["meta"]
    trials = Trials(experiment["trials"])
    figures = simple_figures(trials) + load_figures(trials) + knee_figures(trials) + size_figures(meta)
    figures += cost_figures(figures, meta["price"])
    cores, fits = meta["machine"]["cores"], scaling_fits(figures)
    return {**experiment, "figures": figures, "limiters": limiters(trials, cores),
            "fits": {app: fit["law"] for app, fit in fits["wait-saturation"].items()},
            "scaling_fits": fits, "progress": progress(meta, trials), "validity": validity(experiment, trials),
            "targets": targets.judged(figures, trials, cores, experiment.get("simulation") or {}),
            "ideal_limit": queues.LIMIT}
