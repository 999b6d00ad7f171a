#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""What the commands of a project tell on the way: `told.py PROGRAM`, which is tests/store/fake_project."""
import csv
import os
import sys
import tempfile

from survive import Failure, Runner, make_data


def expect(text, wanted, what):
    if wanted not in text:
        raise Failure(f"{what}: expected {wanted!r}, got {text!r}")


def answer_some(runner, count):
    """Answers to the first `count` open picks."""
    with open(runner.answer_file(), newline="") as file:
        lines = list(csv.reader(file))
    name = runner.beside + ".some.csv"
    with open(name, "w", newline="") as out:
        csv.writer(out).writerows(lines[:1 + count])
    runner.call("label", "-p", runner.project, name)


def main():
    with tempfile.TemporaryDirectory() as work:
        data = os.path.join(work, "a data set")
        truth = make_data(data)
        runner = Runner(sys.argv[1], data, truth, os.path.join(work, "a project"))
        runner.call(*runner.step())  # init
        status = lambda: runner.call("status", "-p", runner.project).stdout
        query = lambda: runner.call("query", "-p", runner.project, "--csv",
                                    runner.beside + ".tasks.csv").stderr
        expect(status(), "5 labels a round (time not known yet), training not known yet; 30 of the "
               "pool are left", "status of a new project")
        expect(query(), "5 samples to label\n", "a new round")
        expect(query(), "5 samples to label\n", "the same round again")
        answer_some(runner, 2)
        expect(query(), "5 samples to label, 2 of them answered\n", "a round with two answers")
        answer_some(runner, 3)
        expect(query(), "5 samples to label, all of them answered; train next\n", "an answered round")
        runner.call("train", "-p", runner.project)
        expect(query(), "5 samples to label\n", "the next round")
        for sid, path in runner.ask("SELECT sid, path FROM samples JOIN names ON names.sample = number "
                                    "WHERE split = 0 AND NOT EXISTS (SELECT 1 FROM labels WHERE "
                                    "labels.sample = number)"):
            with open(runner.beside + ".one.csv", "a", newline="") as out:
                if out.tell() == 0:
                    csv.writer(out).writerow(["sample", "label"])
                csv.writer(out).writerow([sid, "polyp" if truth[path] else "clear"])
        runner.call("label", "-p", runner.project, runner.beside + ".one.csv")
        expect(status(), "go on     every sample of the pool has an answer\n", "nobody is left")
    print("the commands tell what is known and what is answered")


if __name__ == "__main__":
    try:
        main()
    except Failure as failure:
        sys.exit(f"FAILED: {failure}")
