# SPDX-License-Identifier: ISC
"""What is measured: subjects, trials, their order, and how long it takes.

A subject is named APP-WORKERS.FRONT, with .wait behind it where a request waits WAIT_US instead of computing.
A trial is KIND/SUBJECT/ROUND; that name is its place in the results, so that a run goes on where it was stopped.
"""
import random
from dataclasses import dataclass, field

WAIT_US = 2000
WORK = 100  # the article's rounds of formatting
HYPER = ("article-hyper", "hyper")  # with the article's own code, which is what targets mean; tuned, as C would do it
BARE = ("percore", *HYPER)  # these can leave the rounds out
SCALED = ("percore", *HYPER)  # those of which there are charts over workers
APPS = ["percore", *HYPER, "go", "php", "node", "plain"]
KINDS = {
    "start": "from the start of the process to its first answer",
    "saturation": "32 clients, each asks again when it is answered: the most it can do",
    "cost": "Poisson arrivals at one rate for all: CPU time a request, percentiles",
    "bare": "as saturation and cost, of requests that format nothing: what serving alone costs",
    "scaling": "requests that wait 2 ms, more and more workers: the most they can do",
    "quota": "requests that compute, held by a cgroup to more and more shares of a core: the most it can do",
    "calls": "system calls a request, by strace",
    "memory": "of its own, with 1 worker and with 64",
    "rates": "Poisson arrivals at rising rates: percentiles",
    "loads": "requests that wait 2 ms, at shares of the workers' capacity: percentiles",
    "ramp": "the article's: 8 clients more each second, 500 at most",
    "knee": "percore-load --find-knee: the highest rate with a p99 of 10 ms at most",
}


@dataclass(frozen=True)
class Subject:
    app: str
    workers: int
    front: str
    wait: bool = False

    @property
    def name(self):
        return f"{self.app}-{self.workers}.{self.front}" + (".wait" if self.wait else "")

    @property
    def wait_us(self):
        return WAIT_US if self.wait else 0


def subject_named(name):
    app, front = name.split(".", 1)
    app, workers = app.rsplit("-", 1)
    return Subject(app, int(workers), front.removesuffix(".wait"), front.endswith(".wait"))


@dataclass
class Size:
    """How long a run takes; seconds, and how often."""
    name: str
    rounds: int             # of saturation, cost and start
    saturation_s: float
    cost_s: float
    rates_rounds: int
    rates_s: float
    rates: list
    ramp_rounds: int
    ramp_s: int
    calls_s: float
    wait_rounds: int
    wait_s: float
    wait_loads: list        # in shares of the capacity
    wait_workers: list
    knee: list              # percore-load's arguments
    knee_s: float           # an estimate, each
    knee_workers: list      # of the waiting work
    knee_peers: bool
    quota_rounds: int
    quota_s: float
    quota_shares: list      # and as many workers
    launch_per_s: float = 8
    clients: int = 500
    tries: int = 3          # of a trial that the machine spoils
    peers: set = field(default_factory=set)


def knee(trial_s, warmup_s, trials, needed, searches):
    return ["--trial", f"{trial_s}s", "--trial-warmup", f"{warmup_s}s", "--trials", str(trials), "--trials-needed",
            str(needed), "--searches", str(searches)]


SHARES = [1, 2, 3, 4, 6, 8]  # six, for the fit
RATES = [1000, 2000, 4000, 6000, 8000, 10000, 12000, 15000, 20000, 25000, 30000, 40000]
SIZES = {
    "smoke": Size("smoke", 1, 0.5, 0.5, 1, 0.5, [1000, 4000], 1, 3, 0.5, 1, 1, [0.8], [1, 4],
                  knee(0.5, 0.1, 1, 1, 1) + ["--max-lateness", "1h", "--max-cpu", "1000"], 8, [4], False, 1, 0.5,
                  [1, 4], launch_per_s=20, clients=40, tries=1),
    "quick": Size("quick", 3, 1, 1.5, 1, 1, [1000, 4000, 8000, 12000, 16000], 1, 12, 1, 1, 4, [0.5, 0.8, 0.9],
                  [1, 2, 4, 16], knee(1, 0.2, 1, 1, 1), 11, [4], False, 2, 1, [1, 2, 4, 8],
                  launch_per_s=40),
    "hour": Size("hour", 7, 2, 2, 1, 2, RATES, 1, 60, 2, 3, 6, [0.5, 0.7, 0.8, 0.9, 0.95], [1, 2, 4, 8, 16, 32],
                 knee(3, 0.5, 3, 2, 1), 55, [4, 16], True, 3, 1.5, SHARES),
    "full": Size("full", 9, 4, 4, 3, 4, RATES, 3, 60, 2, 5, 12, [0.5, 0.6, 0.7, 0.8, 0.85, 0.9, 0.95],
                 [1, 2, 4, 8, 16, 32], knee(10, 2, 5, 4, 3), 780, [4, 16], True, 7, 3, SHARES),
}


def computing(cores):
    """The subjects whose requests compute: what is compared first comes first."""
    several = sorted({1, 2, 4, cores})
    return ([Subject("percore", n, "nginx") for n in several]
            + [Subject("article-hyper", n, "nginx") for n in sorted({1, cores})]
            + [Subject("article-hyper", cores, "direct"), Subject("hyper", cores, "nginx"),
               Subject("go", cores, "nginx"), Subject("php", cores, "nginx"),
               Subject("node", cores, "nginx"), Subject("plain", cores, "nginx"),
               Subject("percore", cores, "lighttpd")]
            + [Subject("plain", n, "lighttpd") for n in sorted({1, cores})])


def waiting(size):
    """hyper as in the article alone: beside 2 ms of waiting, how it formats does not show."""
    return [Subject(app, n, "nginx", True) for n in size.wait_workers for app in ("percore", "article-hyper")]


def share_of_core(cores):
    """How much of a core a share is, so that the most shares leave the web server and the generator enough: they use
    twice what the application does and more."""
    return min(1, max(1, round(20 * cores * 0.25 / SHARES[-1])) / 20)


def under_quota(size):
    return [Subject(app, n, "nginx") for n in size.quota_shares for app in SCALED]


def with_knee(size, cores):
    if size.name == "smoke":
        return [s for s in waiting(size) if s.workers in size.knee_workers]
    keep = [s for s in computing(cores)
            if s.app == "percore" and s.front == "nginx" or size.knee_peers and s.app != "plain"
            or s.app in HYPER and s.front == "nginx" and s.workers == cores]
    return keep + [s for s in waiting(size) if s.workers in size.knee_workers]


@dataclass(frozen=True)
class Step:
    kind: str
    subject: Subject
    round: int

    @property
    def name(self):
        return f"{self.kind}/{self.subject.name}/{self.round}"


OVERHEAD_S = 1.3  # starting, warming up and stopping a subject


def seconds_of(step, size):
    busy = {"saturation": size.saturation_s, "cost": size.cost_s, "start": 0,
            "bare": size.saturation_s + size.cost_s, "calls": size.calls_s, "memory": 1,
            "ramp": size.ramp_s + 1, "rates": sum(size.rates[:8]) and (size.rates_s + 0.3) * min(len(size.rates), 9),
            "scaling": size.wait_s / 2, "quota": size.quota_s,
            "loads": (size.wait_s + 0.3) * len(size.wait_loads), "knee": size.knee_s}
    return OVERHEAD_S + busy[step.kind]


def steps(size, cores, available, seed=1):
    """Every trial in its order.  Each kind has rounds, and in a round each subject comes once, in random order:
    what drifts on the machine meets all alike.  Kinds take turns too."""
    dice = random.Random(seed)
    compute = [s for s in computing(cores) if s.app in available]
    wait = [s for s in waiting(size) if s.app in available]
    knees = [s for s in with_knee(size, cores) if s.app in available]
    memory = [Subject(app, n, front) for app, front in
              (("percore", "nginx"), ("article-hyper", "direct"), ("go", "nginx"), ("php", "nginx"),
               ("plain", "nginx"))
              for n in (1, 64) if app in available]
    one_each = {s.app: s for s in reversed(compute) if s.front == "nginx" and s.workers == cores}
    kinds = [("start", size.rounds, [Subject(a, 1, s.front) for a, s in one_each.items()]),
             ("saturation", size.rounds, compute), ("cost", size.rounds, compute),
             ("bare", size.rounds, [s for a, s in one_each.items() if a in BARE]),
             ("scaling", size.wait_rounds, wait),
             ("quota", size.quota_rounds, [s for s in under_quota(size) if s.app in available]),
             ("calls", 1, list(one_each.values())), ("memory", 1, memory),
             ("rates", size.rates_rounds, compute),
             ("loads", size.wait_rounds, [s for s in wait if s.workers in (4, 16)]),
             ("ramp", size.ramp_rounds, compute), ("knee", 1, knees)]
    order = []
    for number in range(1, max(rounds for _, rounds, _ in kinds) + 1):
        for kind, rounds, subjects in kinds:
            if number <= rounds:
                shuffled = list(subjects)
                dice.shuffle(shuffled)
                order += [Step(kind, s, number) for s in shuffled]
    return order
