"""Measure, and write ``bench/results``; exits with 1 if a limit fails."""

from __future__ import annotations

import sys
import time
from argparse import ArgumentParser
from collections.abc import Iterable

from bench.servers import databases

NAMES = ("requests", "calls", "rendering", "campaigns", "tasks", "creating", "inbox", "touches", "dispatch")
N_ACCOUNTS = 60


def main() -> int:
    parser = ArgumentParser("python -m bench", description=__doc__)
    parser.add_argument("names", nargs="*", choices=[*NAMES, []], metavar="NAME", help=f"of {', '.join(NAMES)}; or all")
    parser.add_argument(
        "--small",
        action="store_true",
        help="crowds and heatmaps a hundredth as large, in one round: to see that they work; nothing is written",
    )
    options = parser.parse_args()
    with databases():
        return measure_all(options.names or NAMES, is_small=options.small)


def measure_all(names: Iterable[str], *, is_small: bool) -> int:
    import django

    django.setup()
    from django.core.management import call_command

    from bench.fixtures import open_accounts
    from bench.plan import Plan
    from bench.report import Comparison, Limit, table, write

    call_command("migrate", interactive=False, verbosity=0)
    call_command("loadplaces")
    plan = Plan(open_accounts(N_ACCOUNTS), is_small=is_small)
    comparisons: list[Comparison] = []
    limits: list[Limit] = []
    for name in sorted(names, key=NAMES.index):
        start = time.monotonic()
        more_comparisons, more_limits = plan.measure(name)
        comparisons += more_comparisons
        limits += more_limits
        print(f"{name}: {time.monotonic() - start:.0f} s", file=sys.stderr, flush=True)
    print(table(comparisons, limits) if is_small else write(comparisons, limits))
    holds = [comparison.holds for comparison in comparisons] + [limit.holds for limit in limits]
    return 0 if all(holds) else 1


if __name__ == "__main__":
    sys.exit(main())
