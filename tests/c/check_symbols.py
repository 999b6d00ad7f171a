#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Compares what libaift_c exports with the checked-in list and with the header.

    check_symbols.py <nm> <libaift_c.so> <symbols.txt> <aift.h>

The list is the promise to callers: a symbol that disappears or changes its meaning raises
AIFT_ABI_VERSION; a new one is added to the list.
"""
import pathlib
import re
import subprocess
import sys


def main() -> int:
    nm, library, listed, header = sys.argv[1:]
    lines = subprocess.run([nm, "--dynamic", "--defined-only", library], check=True,
                           capture_output=True, text=True).stdout.splitlines()
    exported = sorted(line.split()[-1].split("@")[0] for line in lines)
    promised = pathlib.Path(listed).read_text(encoding="utf-8").split()
    declared = sorted(set(re.findall(r"AIFT_API[^;(]*?\b(aift_\w+)\(",
                                     pathlib.Path(header).read_text(encoding="utf-8"))))
    failed = 0
    for what, names in (("exported", exported), ("declared in aift.h", declared)):
        for name in sorted(set(promised) - set(names)):
            failed += 1
            print(f"{name} is in symbols.txt but not {what}")
        for name in sorted(set(names) - set(promised)):
            failed += 1
            print(f"{name} is {what} but not in symbols.txt")
    print(f"{len(promised)} symbols, {failed} differences")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
