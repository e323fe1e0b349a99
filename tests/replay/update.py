"""Rewrite differences.json from what the server answers now.

    python tests/replay/update.py                    take out what matches now; refuses when anything new differs
    python tests/replay/update.py --allow-growth     write whatever is found
    options: --area A (repeatable), --report FILE    all differences with their details, as JSON

Starts one server per area, all at once, and stops them.
"""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))
sys.path.insert(0, str(Path(__file__).parents[1]))

import recordings
from recordings import Differences, Steps

from server_process import ServerProcess

PATIENCE = 3.0
"""Seconds that a step may poll: far more than a right answer takes."""


def measure(area: str) -> dict[str, Steps]:
    """All differences of one area: scenario → steps."""
    found: dict[str, Steps] = {}
    with tempfile.TemporaryDirectory() as directory:
        server = ServerProcess(Path(directory) / "data", *recordings.flags(area))
        try:
            where = recordings.target(area, server.start())
            for file in recordings.files(area):
                for scenario in recordings.scenarios(file):
                    name = scenario["name"]
                    if steps := recordings.play(area, scenario, where, [], PATIENCE):
                        found[name] = steps
        finally:
            server.kill()
    return found


def growth(before: Differences, after: Differences) -> list[str]:
    """What differs now and was not listed."""
    return [f"{area}/{name}: {new}" for area, entries in after.items() for name, steps in entries.items()
            if (new := [s for s in steps if s not in before.get(area, {}).get(name, [])])]  # fmt: skip


def write(differences: Differences) -> None:
    """One line a scenario, so that a change of the list reads well."""
    areas = []
    for area in sorted(differences):
        lines = [f"  {json.dumps(name)}: {steps}" for name, steps in sorted(differences[area].items())]
        body = "\n" + ",\n".join(lines) + "\n " if lines else ""
        areas.append(f" {json.dumps(area)}: {{{body}}}")
    recordings.DIFFERENCES.write_text("{\n" + ",\n".join(areas) + "\n}\n")


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--area", action="append", choices=recordings.AREAS)
    parser.add_argument("--allow-growth", action="store_true")
    parser.add_argument("--report", type=Path)
    arguments = parser.parse_args()
    areas = arguments.area or recordings.AREAS
    before = recordings.load_differences()
    with ThreadPoolExecutor(len(areas)) as pool:
        reports = dict(zip(areas, pool.map(measure, areas), strict=True))
    after = {**before, **{area: {n: list(s) for n, s in found.items()} for area, found in reports.items()}}
    for area, found in reports.items():
        total = sum(len([s for s in c["steps"] if "do" in s or "read" in s])
                    for f in recordings.files(area) for c in recordings.scenarios(f))  # fmt: skip
        wrong = sum(map(len, found.values()))
        print(f"{area:8} {total - wrong:5}/{total} answers match")
    if arguments.report:
        arguments.report.write_text(json.dumps(reports, indent=1))
    new = growth(before, after)
    if new and not arguments.allow_growth:
        print("refused, for these differ and are not in the list (--allow-growth takes them in):", *new, sep="\n  ")
        return 1
    write(after)
    return 0


if __name__ == "__main__":
    sys.exit(main())
