"""A batch that is killed at random moments and resumed, against one that nobody disturbed.

    python tests/benchmarks/batch_kills.py FOLDER CALM -o work/ [--kills 10] [--longest 30]

CALM holds the outputs of ``skullfix batch complete FOLDER -o CALM``, never interrupted. The same
batch is begun again and again and ended by SIGKILL after a time drawn between nothing and --longest
seconds; then it may end. Exit code 1 unless all files are the same (but for times, memory and
places) and the journal has every case done exactly once.
"""

from __future__ import annotations

import argparse
import json
import random
import shutil
import subprocess
import sys
from collections import Counter
from pathlib import Path

from batch import COMMAND, same_files


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path, help="of the cases")
    parser.add_argument("calm", type=Path, help="outputs of an undisturbed batch")
    parser.add_argument("-o", "--work", type=Path, required=True, help="folder to work in")
    parser.add_argument("--kills", type=int, default=10)
    parser.add_argument("--longest", type=float, default=30.0, help="seconds until a kill")
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args()
    shutil.rmtree(options.work, ignore_errors=True)
    draw = random.Random(options.seed)
    command = [*COMMAND, "batch", "complete", str(options.folder), "-o", str(options.work), "-q"]
    for number in range(options.kills):
        wait = draw.uniform(0, options.longest)
        killed = not ends_within(command, wait)
        left = len(list(options.work.rglob(".skullfix-*")))
        ends = sum(done(options.work).values())
        print(f"{number}: {'killed' if killed else 'ENDED'} after {wait:.1f} s, {ends} cases done,",
              f"{left} half-written", flush=True)  # fmt: skip
    last = subprocess.run(command, check=False)
    counts = done(options.work)
    once = all(count == 1 for count in counts.values())
    names = [path.name for path in options.work.iterdir() if path.name.startswith(".skullfix-")]
    print(f"exit code {last.returncode}, done: {dict(counts)}, left over: {names}")
    same = same_files(options.calm, options.work, skip=("journal", "summary", ".batch"))
    return 0 if same and once and not last.returncode and not names else 1


def ends_within(command: list[str], seconds: float) -> bool:
    """Run a command; kill it after a time, unless it has ended before."""
    process = subprocess.Popen(command)
    try:
        process.wait(seconds)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()
        return False
    return True


def done(out: Path) -> Counter[str]:
    """Count how often the journal has each case done; a line torn by the kill does not count."""
    journal = out / "journal.jsonl"
    found: Counter[str] = Counter()
    for line in journal.read_text(encoding="utf-8").splitlines() if journal.exists() else []:
        try:
            event = json.loads(line)
        except ValueError:
            continue
        found.update([event["case"]] if event["event"] == "done" else [])
    return found


if __name__ == "__main__":
    sys.exit(main())
