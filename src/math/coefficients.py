#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Coefficients of include/aift/math/{log,exp}.hpp: minimax polynomials by Remez' exchange (mpmath).

    log1p(f) = f + f^2 (-1/2 + f P(f))   on [sqrt(1/2) - 1, sqrt(2) - 1]
    exp(r)   = 1 + r + r^2 (1/2 + r Q(r)) on [-ln(2)/2, ln(2)/2]
    exp(r)   = 1 + r + r^2 Q(r)           on the same, for exp_nonpositive
weighted so that the error relative to the result is equal everywhere. Degrees in use:

    coefficients.py 19 8 9 4 9 4      (log double, log float, exp double, exp float,
                                       exp_nonpositive double, float)

A comma-separated list tries several. Prints the coefficients from the
constant term on, and the largest relative error of the polynomial alone in units of 2^-53 / 2^-24.
"""
import sys

import mpmath as mp

mp.mp.prec = 250


def remez(target, weight, low, high, degree):
    """Coefficients of the polynomial p that minimises max |weight (p - target)| on [low, high]."""
    count = degree + 2
    nodes = [(low + high) / 2 + (high - low) / 2 * mp.cos(mp.pi * (2 * i + 1) / (2 * count))
             for i in range(count)][::-1]
    grid = [low + (high - low) * mp.mpf(i) / 4000 for i in range(4001)]
    wanted = [target(x) for x in grid]
    weights = [weight(x) for x in grid]
    for _ in range(12):
        rows = mp.matrix(count, count)
        right = mp.matrix(count, 1)
        for i, x in enumerate(nodes):
            for k in range(degree + 1):
                rows[i, k] = x ** k
            rows[i, count - 1] = (-1) ** i / weight(x)
            right[i] = target(x)
        solution = mp.lu_solve(rows, right)
        p = [solution[k] for k in range(degree + 1)]
        error = [weights[i] * (mp.polyval(p[::-1], x) - wanted[i]) for i, x in enumerate(grid)]
        # The largest error of every run of equal sign; the exchange keeps `count` of them.
        runs = [0]
        for i in range(1, len(grid)):
            if (error[i] > 0) == (error[runs[-1]] > 0):
                if abs(error[i]) > abs(error[runs[-1]]):
                    runs[-1] = i
            else:
                runs.append(i)
        while len(runs) > count:
            runs.pop(0 if abs(error[runs[0]]) < abs(error[runs[-1]]) else -1)
        if len(runs) < count:
            break
        nodes = [grid[i] for i in runs]
        if abs(error[runs[0]]) / max(abs(error[i]) for i in runs) > 0.999:
            break
    return p, max(abs(e) for e in error)


def series(f, x, terms):
    return sum(f(k) * x ** k for k in range(terms))


def log_tail(x):
    """(log1p(x) - x + x^2/2) / x^3"""
    if abs(x) < mp.mpf(2) ** -20:
        return series(lambda k: mp.mpf((-1) ** k) / (k + 3), x, 16)
    return (mp.log1p(x) - x + x * x / 2) / x ** 3


def exp_tail(x):
    """(exp(x) - 1 - x - x^2/2) / x^3"""
    if abs(x) < mp.mpf(2) ** -20:
        return series(lambda k: 1 / mp.factorial(k + 3), x, 16)
    return (mp.exp(x) - 1 - x - x * x / 2) / x ** 3


def short_exp_tail(x):
    """(exp(x) - 1 - x) / x^2"""
    if abs(x) < mp.mpf(2) ** -20:
        return series(lambda k: 1 / mp.factorial(k + 2), x, 16)
    return (mp.exp(x) - 1 - x) / x ** 2


def main():
    log_low, log_high = mp.sqrt(0.5) - 1, mp.sqrt(2) - 1
    half = mp.log(2) / 2
    log_weight = lambda x: x ** 3 / mp.log1p(x) if x != 0 else mp.mpf(0)
    log_weight_safe = lambda x: max(abs(log_weight(x)), mp.mpf(10) ** -12)
    exp_weight = lambda x: max(abs(x) ** 3 / mp.exp(x), mp.mpf(10) ** -12)
    wanted = [("log double", log_tail, log_weight_safe, log_low, log_high, int(a), 53)
              for a in sys.argv[1].split(",")]
    wanted += [("log float", log_tail, log_weight_safe, log_low, log_high, int(a), 24)
               for a in sys.argv[2].split(",")]
    wanted += [("exp double", exp_tail, exp_weight, -half, half, int(a), 53)
               for a in sys.argv[3].split(",")]
    wanted += [("exp float", exp_tail, exp_weight, -half, half, int(a), 24)
               for a in sys.argv[4].split(",")]
    short_exp_weight = lambda x: max(x ** 2 / mp.exp(x), mp.mpf(10) ** -12)
    wanted += [("exp_nonpositive double", short_exp_tail, short_exp_weight, -half, half, int(a), 53)
               for a in sys.argv[5].split(",")]
    wanted += [("exp_nonpositive float", short_exp_tail, short_exp_weight, -half, half, int(a), 24)
               for a in sys.argv[6].split(",")]
    for name, target, weight, low, high, degree, bits in wanted:
        p, error = remez(target, weight, low, high, degree)
        print(f"{name} degree {degree}: {mp.nstr(error * mp.mpf(2) ** bits, 4)} x 2^-{bits}")
        for c in p:
            with mp.workprec(bits):
                rounded = +c
            print("   ", float(rounded).hex() + ("F" if bits == 24 else ""))


if __name__ == "__main__":
    main()
