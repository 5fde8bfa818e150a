"""``python -m bench [dispatch] [requests] [calls] [rendering] [campaigns] [touches]``: measure.

Writes ``bench/results``, and exits with 1 if a limit fails.
"""

from __future__ import annotations

import sys

from bench.servers import databases

N_ACCOUNTS = 60


def main(names: list[str]) -> int:
    with databases():
        return measure_all(names or ["dispatch", "requests", "calls", "rendering", "campaigns", "touches"])


def measure_all(names: list[str]) -> int:
    import django

    django.setup()
    from django.core.management import call_command

    from bench.calls import bench_calls
    from bench.campaigning import bench_campaigns
    from bench.dispatching import bench_dispatch
    from bench.fixtures import open_accounts
    from bench.rendering import bench_rendering
    from bench.report import Comparison, Limit, write
    from bench.requests import bench_requests
    from bench.touching import bench_touches

    call_command("migrate", interactive=False, verbosity=0)
    call_command("loadplaces")
    logins = open_accounts(N_ACCOUNTS)
    comparisons: list[Comparison] = []
    limits: list[Limit] = []
    if "requests" in names:
        comparisons += bench_requests(logins)
    if "calls" in names:
        comparisons += bench_calls(logins)
    if "rendering" in names:
        comparisons += bench_rendering()
    if "campaigns" in names:
        sent, memory = bench_campaigns(logins[0])
        comparisons += sent
        limits += memory
    if "touches" in names:
        comparisons += bench_touches(logins)
    if "dispatch" in names:
        dispatch, memory = bench_dispatch(logins[0])
        comparisons += dispatch
        limits += memory
    print(write(comparisons, limits))
    holds = [comparison.holds for comparison in comparisons] + [limit.holds for limit in limits]
    return 0 if all(holds) else 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
