#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Selectors beside what a researcher would otherwise use: plain NumPy and scikit-activeml.

Everything runs on the same arrays and the same number of threads, alternately; the figure is the median
of the repetitions, ratios are those of medians. Picks are compared where the method leaves no choice
(k-center, margin), and BADGE's as a distribution.

    python3 benchmarks/select/peers.py --program build/release/bin/bench_selectors --out build/peers

With --venv the peers are installed from PyPI into a virtual environment below --out on the first call,
which then runs this script. Nothing is installed elsewhere, and no test needs them.
"""
import argparse
import json
import os
import pathlib
import subprocess
import sys
import time

PEERS = ["numpy==2.4.6", "scikit-activeml==1.0.0"]


def into_venv(out):
    venv = out / "venv"
    python = venv / "bin" / "python"
    if not python.is_file():
        subprocess.run([sys.executable, "-m", "venv", venv], check=True)
        subprocess.run([python, "-m", "pip", "install", "--quiet", *PEERS], check=True)
    if pathlib.Path(sys.prefix).resolve() != venv.resolve():
        arguments = [word for word in sys.argv if word != "--venv"]
        os.execv(python, [str(python), *arguments])


def median(values):
    ordered = sorted(values)
    middle = len(ordered) // 2
    return (ordered[middle] + ordered[-middle - 1]) / 2


# ---------------------------------------------------------------- NumPy, written plainly

def k_center_numpy(x, budget):
    import numpy as np

    first = int(((x - x.mean(0)) ** 2).sum(1).argmin())  # the most central one, as ours begins
    squares = (x * x).sum(1)
    picks = [first]
    nearest = squares - 2 * (x @ x[first]) + squares[first]
    for _ in range(budget - 1):
        nearest[picks[-1]] = -1
        pick = int(nearest.argmax())
        picks.append(pick)
        nearest = np.minimum(nearest, squares - 2 * (x @ x[pick]) + squares[pick])
        nearest[picks] = -1
    return picks


def badge_numpy(x, p, budget, rng):
    """Gradients as products of two factors, k-means++ on them."""
    import numpy as np

    a = p.copy()
    a[np.arange(len(a)), p.argmax(1)] -= 1
    a = a.astype(np.float32)
    length = (a * a).sum(1) * (x * x).sum(1)
    picks = [int(length.argmax())]
    nearest = np.full(len(x), np.inf, np.float32)
    while len(picks) < budget:
        c = picks[-1]
        to = length + length[c] - 2 * (a @ a[c]) * (x @ x[c])
        nearest = np.minimum(nearest, np.maximum(to, 0))
        nearest[picks] = 0
        chance = nearest.astype(np.float64)
        picks.append(int(rng.choice(len(x), p=chance / chance.sum())))
    return picks


def facility_numpy(x, budget, weight=None):
    """Greedy facility location on the Gaussian kernel, all gains in every step."""
    import numpy as np

    x = x / np.linalg.norm(x, axis=1, keepdims=True)
    squares = (x * x).sum(1)
    kernel = np.exp(-np.maximum(squares[:, None] - 2 * (x @ x.T) + squares, 0)).astype(np.float32)
    covered = np.zeros(len(x), np.float32)
    weight = np.ones(len(x), np.float32) if weight is None else weight.astype(np.float32)
    picks = []
    for _ in range(budget):
        gains = weight @ np.maximum(kernel - covered[:, None], 0)
        gains[picks] = -1
        picks.append(int(gains.argmax()))
        covered = np.maximum(covered, kernel[:, picks[-1]])
    return picks


# ---------------------------------------------------------------- the comparison

class Bench:
    def __init__(self, program, out, threads, repeat):
        self.program, self.out, self.threads, self.repeat = program, out, threads, repeat
        self.rows = []

    def ours(self, name, budget, options=(), repeat=1):
        command = [self.program, "--features", self.out / "x.npy", "--means", self.out / "p.npy",
                   "--budget", str(budget), "--threads", str(self.threads), "--repeat", str(repeat),
                   name, *options]
        return json.loads(subprocess.run(command, check=True, capture_output=True, text=True).stdout)

    def compare(self, what, name, budget, peers, options=(), same=(), repeat=None):
        """peers: name -> function giving picks; same: those whose picks must be ours."""
        times = {"aift": [], **{peer: [] for peer in peers}}
        picks, peak = {}, 0
        for _ in range(repeat or self.repeat):
            mine = self.ours(name, budget, options)
            times["aift"] += mine["seconds"]
            picks["aift"], peak = mine["picks"], max(peak, mine["peak_mib"])
            for peer, run in peers.items():
                begin = time.perf_counter()
                picks[peer] = [int(i) for i in run()]
                times[peer].append(time.perf_counter() - begin)
        row = {"what": what, "peak_mib": peak,
               "seconds": {k: [median(v), min(v), max(v)] for k, v in times.items()},
               "ratio": {k: median(v) / median(times["aift"]) for k, v in times.items() if k != "aift"},
               "same_picks": {k: picks[k] == picks["aift"] for k in same},
               "same_set": {k: set(picks[k]) == set(picks["aift"]) for k in same}}
        self.rows.append(row)
        print(json.dumps(row), flush=True)


def make(out, n, d, classes, seed):
    import numpy as np

    rng = np.random.default_rng(seed)
    x = rng.normal(size=(100, d))[rng.integers(100, size=n)] + rng.normal(size=(n, d))
    logits = x @ rng.normal(size=(d, classes)) / d ** 0.5
    p = np.exp(logits - logits.max(1, keepdims=True))
    x, p = x.astype(np.float32), p / p.sum(1, keepdims=True)
    np.save(out / "x.npy", x)
    np.save(out / "p.npy", p)
    return x, p


class Known:
    """A classifier of scikit-activeml's kind that says what it is told to say."""

    def __new__(cls, p):
        import numpy as np
        from skactiveml.base import SkactivemlClassifier

        class Classifier(SkactivemlClassifier):
            def __init__(self, table=None, classes=None, missing_label=np.nan, cost_matrix=None,
                         random_state=None):
                super().__init__(classes=classes, missing_label=missing_label,
                                 cost_matrix=cost_matrix, random_state=random_state)
                self.table = table

            def fit(self, X, y, sample_weight=None):
                self._validate_data(X, y, sample_weight)
                return self

            def predict_proba(self, X):
                assert len(X) == len(self.table)
                return self.table

        return Classifier(p, classes=list(range(p.shape[1])))


def activeml(name, x, p, budget, seed=0, **options):
    """Picks of a strategy of scikit-activeml on the whole pool, nothing labelled."""
    import numpy as np
    from skactiveml import pool

    y = np.full(len(x), np.nan)
    strategy = getattr(pool, name)(random_state=seed, **options)
    with_classifier = name in ("Badge", "UncertaintySampling")
    extra = {"clf": Known(p), "fit_clf": True} if with_classifier else {}
    return strategy.query(X=x, y=y, batch_size=budget, **extra)


def core_set(x, first, budget):
    """Picks of scikit-activeml's farthest-first behind the pick `first`, which counts as labelled: it has
    no first pick of its own but a random one."""
    import numpy as np
    from skactiveml.pool import CoreSet

    y = np.full(len(x), np.nan)
    y[first] = 0
    return [first, *CoreSet(random_state=0).query(X=x, y=y, batch_size=budget - 1)]


def margin_picks(program, out, x, p, budget):
    """Whether `aift select` and scikit-activeml take the same smallest margins."""
    import numpy as np

    np.save(out / "views.npy", p[:, None, :])
    lines = subprocess.run([program, "select", "--selector", "margin", "--probs", out / "views.npy",
                            "--budget", str(budget)], check=True, capture_output=True,
                           text=True).stdout.splitlines()[1:]
    ours = [int(line.split(",")[1]) for line in lines]
    peer = [int(i) for i in activeml("UncertaintySampling", x, p, budget, method="margin_sampling")]
    return {"what": f"margin, {len(p):,} x {p.shape[1]}, b = {budget}", "seconds": {},
            "same_picks": {"scikit-activeml": ours == peer},
            "same_set": {"scikit-activeml": set(ours) == set(peer)}}


def badge_distribution(bench, draws):
    """Whether BADGE's second pick has the chances of k-means++ on the full gradients: chi-squared over
    candidates in ten groups of equal chance. The first pick is fixed, the longest gradient."""
    import numpy as np

    x, p = make(bench.out, 300, 16, 5, 4)
    a = p.copy()
    a[np.arange(len(a)), p.argmax(1)] -= 1
    g = (a[:, :, None] * x[:, None, :]).reshape(len(x), -1).astype(np.float64)
    first = int((g * g).sum(1).argmax())
    chance = ((g - g[first]) ** 2).sum(1)
    chance /= chance.sum()
    group = np.searchsorted(np.cumsum(np.sort(chance)), np.linspace(0.1, 0.9, 9) - 1e-12)
    order = np.argsort(chance, kind="stable")
    of = np.zeros(len(x), int)
    of[order] = np.searchsorted(group, np.arange(len(x)), side="right")
    expected = np.bincount(of, chance, 10) * draws
    picks = bench.ours("badge", 2, ["--seeds", str(draws)])["picks_by_seed"]
    if any(pick[0] != first for pick in picks):
        return {"first": "differs"}
    seen = np.bincount(of[[pick[1] for pick in picks]], minlength=10)
    return {"draws": draws, "chi_squared": float(((seen - expected) ** 2 / expected).sum()),
            "freedom": 9, "limit_1_percent": 21.67}


def main():
    parser = argparse.ArgumentParser(description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--program", type=pathlib.Path, required=True)
    parser.add_argument("--aift", type=pathlib.Path, default=pathlib.Path("build/release/bin/aift"))
    parser.add_argument("--out", type=pathlib.Path, required=True)
    parser.add_argument("--venv", action="store_true", help="install the peers and use them")
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--repeat", type=int, default=5)
    arguments = parser.parse_args()
    for program in (arguments.program, arguments.aift):
        if not program.is_file():
            parser.error(f"{program} is not there; build it first")
    arguments.out.mkdir(parents=True, exist_ok=True)
    if arguments.venv:
        into_venv(arguments.out)
    for variable in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"):
        os.environ[variable] = str(arguments.threads)
    try:
        import skactiveml  # noqa: F401
        have = True
    except ImportError:
        have = False
        print("scikit-activeml is not there (--venv installs it); NumPy alone is compared.",
              file=sys.stderr)
    import numpy as np

    bench = Bench(arguments.program, arguments.out, arguments.threads, arguments.repeat)
    x, p = make(arguments.out, 20000, 512, 10, 1)
    bench.compare("k-center, 20,000 x 512, b = 100", "k_center", 100,
                  {"NumPy": lambda: k_center_numpy(x, 100)}, same=["NumPy"])
    for name in ("max_herding", "uherding"):
        bench.compare(f"{name}, 20,000 x 512, b = 100", name, 100, {}, repeat=1)
    x, p = make(arguments.out, 10000, 512, 10, 2)
    rng = np.random.default_rng(0)
    bench.compare("BADGE, 10,000 x 512, K = 10, b = 100", "badge", 100,
                  {"factored NumPy": lambda: badge_numpy(x, p, 100, rng)})
    x, p = make(arguments.out, 5000, 512, 10, 3)
    doubt = 1 - np.diff(np.sort(p, 1)[:, -2:], axis=1)[:, 0]
    bench.compare("MaxHerding, 5,000 x 512, b = 50", "max_herding", 50,
                  {"NumPy": lambda: facility_numpy(x, 50)}, same=["NumPy"])
    bench.compare("UHerding, 5,000 x 512, b = 50", "uherding", 50,
                  {"NumPy": lambda: facility_numpy(x, 50, doubt)}, same=["NumPy"])
    if have:
        bench.repeat = min(3, arguments.repeat)
        first = bench.ours("k_center", 1)["picks"][0]
        bench.compare("k-center, 5,000 x 512, b = 50", "k_center", 50,
                      {"scikit-activeml": lambda: core_set(x, first, 50)},
                      same=["scikit-activeml"])
        row = margin_picks(arguments.aift, arguments.out, x, p, 50)
        bench.rows.append(row)
        print(json.dumps(row), flush=True)
        bench.compare("TypiClust, 5,000 x 512, b = 50", "typiclust", 50,
                      {"scikit-activeml": lambda: activeml("TypiClust", x, p, 50)},
                      options=["normalise=false"])
        x, p = make(arguments.out, 10000, 512, 10, 2)
        bench.compare("BADGE, 10,000 x 512, K = 10, b = 100", "badge", 100,
                      {"scikit-activeml": lambda: activeml("Badge", x, p, 100)})
    distribution = badge_distribution(bench, 20000)
    print(json.dumps({"what": "BADGE's second pick against k-means++", **distribution}), flush=True)
    bench.rows.append({"what": "distribution of BADGE", **distribution})
    (arguments.out / "peers.json").write_text(json.dumps(bench.rows, indent=1) + "\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
