#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""What a project survives: kill -9, a full disk, two processes at once, a clock that goes back.

  survive.py kill PROGRAM TROUBLE [--stride 7 | --random 200]
  survive.py full PROGRAM TROUBLE [--stride 7]
  survive.py tmpfs PROGRAM             a real file system of 1 MB; needs the right to mount
  survive.py two PROGRAM

PROGRAM is tests/store/fake_project, TROUBLE the library tests/store/trouble.c. A whole project is run
undisturbed and then with trouble; picks.csv and curve.csv must come out byte for byte the same, no answer
may be lost, and the record must hold.
"""
import argparse
import contextlib
import csv
import fcntl
import io
import json
import os
import random
import signal
import sqlite3
import subprocess
import sys
import tempfile
import time

ROUNDS = 3
SAMPLES = 45
CLASSES = ["clear", "polyp"]


def make_data(folder):
    """45 samples in groups of three, the last five groups the test set; labels of the test set alone."""
    os.makedirs(os.path.join(folder, "img"))
    truth = {}
    with open(os.path.join(folder, "manifest.csv"), "w") as out:
        out.write("path,label,group,split\n")
        for i in range(SAMPLES):
            label = (i // 3) % 2
            test = i // 3 >= SAMPLES // 3 - 5
            truth[f"img/{i}.png"] = label
            with open(os.path.join(folder, f"img/{i}.png"), "wb"):
                pass  # only its name is looked at: pictures are made from the class
            out.write(f"img/{i}.png,{CLASSES[label] if test else ''},video_{i // 3},"
                      f"{'test' if test else 'pool'}\n")
    with open(os.path.join(folder, "truth.csv"), "w") as out:
        out.write("path,label\n" + "".join(f"{path},{label}\n" for path, label in truth.items()))
    return truth


class Failure(Exception):
    pass


class Runner:
    """One project, driven from its status as a person would."""

    def __init__(self, program, data, truth, project, trouble=None, beside=None):
        self.program, self.data, self.truth, self.project = program, data, truth, project
        self.trouble = trouble
        self.beside = beside or project  # where tasks and answers lie
        self.answers = 0  # that a call of label has confirmed

    def call(self, *arguments, environment=None, check=True):
        env = dict(os.environ, **(environment or {}))
        if environment:
            env["LD_PRELOAD"] = self.trouble
        done = subprocess.run([self.program, *arguments], env=env, stdout=subprocess.PIPE,
                              stderr=subprocess.PIPE, text=True)
        if check and done.returncode != 0:
            raise Failure(f"{' '.join(arguments)}: {done.returncode} {done.stderr}")
        return done

    def status(self):
        return json.loads(self.call("status", "-p", self.project, "--json").stdout)

    def ask(self, sql):
        """Straight from the database: a call of the program costs ten times as much."""
        with contextlib.closing(sqlite3.connect(os.path.join(self.project, "project.db"))) as db:
            return db.execute(sql).fetchall()

    def step(self):
        """The next command, or None at the end."""
        if not os.path.exists(os.path.join(self.project, "project.db")):
            return ["init", "-p", self.project, "--data", os.path.join(self.data, "manifest.csv"),
                    "--classes", ",".join(CLASSES), "--budget", "5", "--seed", "3"]
        answers = self.ask("SELECT count(*) FROM labels")[0][0]
        if answers < self.answers:
            raise Failure(f"answers were lost: {answers} instead of {self.answers}")
        if self.ask("SELECT 1 FROM rounds WHERE closed = 0"):
            if self.open_picks():
                return ["label", "-p", self.project, self.answer_file()]
            return ["train", "-p", self.project]
        if self.ask("SELECT 1 FROM facts WHERE name = 'current_model' AND value <> '-1' AND NOT EXISTS "
                    "(SELECT 1 FROM scorings WHERE model = CAST(value AS INTEGER))"):
            return ["train", "-p", self.project]
        if self.ask("SELECT count(*) FROM rounds")[0][0] < ROUNDS:
            return ["query", "-p", self.project, "--csv", self.beside + ".tasks.csv"]
        return None

    def open_picks(self):
        return self.ask("SELECT sid, path FROM picks JOIN rounds ON rounds.number = round AND closed = 0 "
                        "JOIN samples ON samples.number = picks.sample JOIN names ON names.sample = "
                        "picks.sample WHERE NOT EXISTS (SELECT 1 FROM labels WHERE labels.sample = "
                        "picks.sample) ORDER BY rank")

    def answer_file(self):
        name = self.beside + ".answers.csv"
        with open(name, "w", newline="") as out:
            writer = csv.writer(out)
            writer.writerow(["sample", "label", "comment"])
            for sid, path in self.open_picks():
                writer.writerow([sid, CLASSES[self.truth[path]], "seen"])
        return name

    def confirmed(self, step):
        if step[0] == "label":
            self.answers = self.ask("SELECT count(*) FROM labels")[0][0]

    def finish(self):
        while (step := self.step()) is not None:
            self.call(*step)
            self.confirmed(step)

    def result(self):
        out = self.beside + ".out"
        self.call("export", "-p", self.project, "--out", out)
        verify = self.call("audit", "verify", "-p", self.project, check=False)
        if verify.returncode != 0:
            raise Failure(verify.stdout)
        files = {}
        for name in ("picks.csv", "curve.csv", "model.safetensors"):
            with open(os.path.join(out, name), "rb") as file:
                files[name] = file.read()
        return files


def undisturbed(arguments, work):
    data = os.path.join(work, "data")
    truth = make_data(data)
    runner = Runner(arguments.program, data, truth, os.path.join(work, "calm"))
    runner.finish()
    return data, truth, runner.result()


def same(expected, found, what):
    for name, content in expected.items():
        if found[name] != content:
            raise Failure(f"{what}: {name} differs:\n{content[:2000]!r}\n{found[name][:2000]!r}")


def kill(arguments, work):
    data, truth, expected = undisturbed(arguments, work)
    kills = 0
    projects = 0
    generator = random.Random(arguments.seed)
    while True:
        projects += 1
        runner = Runner(arguments.program, data, truth, os.path.join(work, f"kill{projects}"),
                        arguments.trouble)
        at = 1
        longest = arguments.longest
        while (step := runner.step()) is not None:
            if arguments.random:
                # At a moment of the clock: most of a command's time is spent between writes.
                child = subprocess.Popen([arguments.program, *step], stdout=subprocess.DEVNULL,
                                         stderr=subprocess.DEVNULL)
                time.sleep(generator.uniform(0, longest))
                child.send_signal(signal.SIGKILL)
                code = child.wait()
            else:
                code = runner.call(*step, environment={"AIFT_KILL_AT": str(at)},
                                   check=False).returncode
            if code == -signal.SIGKILL:
                kills += 1
                at += arguments.stride
                longest *= 1.1  # so that a slow machine comes to the end of the command, too
            elif code == 0:
                longest = arguments.longest
                runner.confirmed(step)
                at = 1 + generator.randrange(arguments.stride)
            else:
                raise Failure(f"{step} ended with {code}")
        same(expected, runner.result(), f"project {projects} after {kills} kills")
        if not arguments.random or kills >= arguments.random:
            break
    print(f"{kills} kills in {projects} projects: picks, metrics and model are byte for byte those of "
          "an undisturbed project")


def full(arguments, work):
    data, truth, expected = undisturbed(arguments, work)
    runner = Runner(arguments.program, data, truth, os.path.join(work, "full"), arguments.trouble)
    refusals = 0
    at = 1
    while (step := runner.step()) is not None:
        done = runner.call(*step, environment={"AIFT_FULL_AT": str(at)}, check=False)
        if done.returncode == 0:
            runner.confirmed(step)
            at = 1
            continue
        if done.returncode not in (1, 2) or done.stderr.count("\n") < 1:
            raise Failure(f"{step}: {done.returncode} {done.stderr}")
        refusals += 1
        at += arguments.stride
    same(expected, runner.result(), "a full disk")
    print(f"{refusals} times the disk was full: each was told, and the end is the same")


def tmpfs(arguments, work):
    data, truth, expected = undisturbed(arguments, work)
    disk = os.path.join(work, "disk")
    os.makedirs(disk)
    mounted = subprocess.run(["mount", "-t", "tmpfs", "-o", "size=1m", "tmpfs", disk],
                             stderr=subprocess.PIPE, text=True)
    if mounted.returncode != 0:
        print(f"SKIPPED: a file system cannot be mounted here ({mounted.stderr.strip()})")
        return
    try:
        runner = Runner(arguments.program, data, truth, os.path.join(disk, "p"),
                        beside=os.path.join(work, "tmpfs"))
        refusals = 0
        generator = random.Random(arguments.seed)
        filler = os.path.join(disk, "filler")
        while (step := runner.step()) is not None:
            room = os.statvfs(disk)
            left = room.f_bavail * room.f_bsize
            with open(filler, "wb") as file:
                file.write(b"\0" * max(0, left - generator.randrange(0, 120_000)))
            done = runner.call(*step, check=False)
            os.remove(filler)
            if done.returncode not in (0, 1, 2) or (done.returncode != 0 and not done.stderr):
                raise Failure(f"{step}: {done.returncode} {done.stderr}")
            if done.returncode != 0:
                refusals += 1
                runner.call(*step)  # with room again
            runner.confirmed(step)
        same(expected, runner.result(), "a full tmpfs")
        print(f"a file system of 1 MB, full {refusals} times: each was told, and the end is the same")
    finally:
        subprocess.run(["umount", disk], check=False)


def two(arguments, work):
    """Two processes on one project: the second waits, or says who holds it."""
    data = os.path.join(work, "data")
    truth = make_data(data)
    runner = Runner(arguments.program, data, truth, os.path.join(work, "two"))
    for _ in range(2):  # init, query
        runner.call(*runner.step())
    held = os.open(os.path.join(runner.project, "lock"), os.O_RDWR | os.O_CREAT)
    fcntl.flock(held, fcntl.LOCK_EX)
    os.write(held, b"aift train, process 4711\n")
    refused = runner.call("add", "-p", runner.project, "--wait", "0.2",
                          os.path.join(data, "manifest.csv"), check=False)
    if refused.returncode != 2 or "aift train, process 4711" not in refused.stderr:
        raise Failure(f"a held project: {refused.returncode} {refused.stderr}")
    if runner.status()["rounds"] != 1:  # looking needs no lock
        raise Failure("status of a held project")
    waiting = subprocess.Popen([arguments.program, "query", "-p", runner.project, "--wait", "20",
                                "--csv", os.devnull], stderr=subprocess.PIPE, text=True)
    time.sleep(0.3)
    if waiting.poll() is not None:
        raise Failure(f"the second did not wait: {waiting.stderr.read()}")
    os.close(held)
    if waiting.wait(timeout=20) != 0:
        raise Failure(f"the second failed after waiting: {waiting.stderr.read()}")

    # Ten at once: all answers arrive, none twice.
    rows = list(csv.DictReader(io.StringIO(
        runner.call("query", "-p", runner.project, "--csv", "-").stdout)))
    children = []
    for reader in range(10):
        name = os.path.join(work, f"reader{reader}.csv")
        with open(name, "w") as out:
            out.write("sample,label\n" + "".join(f"{row['sample']},clear\n" for row in rows))
        children.append(subprocess.Popen([arguments.program, "label", "-p", runner.project, "--wait",
                                          "30", "--reader", f"reader {reader}", name],
                                         stdout=subprocess.DEVNULL))
    if any(child.wait() != 0 for child in children):
        raise Failure("one of ten readers at once was refused")
    if runner.status()["answers"] != 10 * len(rows):
        raise Failure(f"{runner.status()['answers']} answers of 10 readers, not {10 * len(rows)}")
    print("two processes: the second waits, or says who holds the project; ten at once lose nothing")


def main():
    parser = argparse.ArgumentParser(description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("what", choices=["kill", "full", "tmpfs", "two"])
    parser.add_argument("program")
    parser.add_argument("trouble", nargs="?")
    parser.add_argument("--stride", type=int, default=1, help="kill at every n-th call")
    parser.add_argument("--random", type=int, default=0, help="so many kills at random moments")
    parser.add_argument("--longest", type=float, default=0.1, help="seconds that a kill may come after")
    parser.add_argument("--seed", type=int, default=1)
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as work:
        try:
            {"kill": kill, "full": full, "tmpfs": tmpfs, "two": two}[arguments.what](arguments, work)
        except Failure as failure:
            print(f"FAILED: {failure}")
            sys.exit(1)


if __name__ == "__main__":
    main()
