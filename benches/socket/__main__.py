"""Measures servers over loopback sockets with wrk, in rounds that take turns. Started by benches/socket/run.

1. Every server has core 0 to itself while it is measured, and wrk has core 1.
2. Before it is measured, a server that guards shows whom it lets in and whom it refuses.
3. In each round every case has its turn, one after the other, and the first one moves on by one.
4. Servers, key and tokens are made three times, and the rounds are shared among those.
"""

import argparse
import os
import signal
import sys

import cases
import figures
import servers
import turns

# How often everything is made anew: a process may lie badly in memory for as long as it lives.
FLEETS = 3
ALGORITHMS = ("RS256", "ES256")


def asked():
    parser = argparse.ArgumentParser(prog="benches/run socket")
    parser.add_argument("--rounds", type=int, default=21, help="at least 20 say something")
    parser.add_argument("--turn", type=float, default=0.5, help="seconds that a case is measured in a round")
    parser.add_argument("--connections", type=int, default=32, help="kept alive, one request at a time on each")
    parser.add_argument("--alg", choices=ALGORITHMS, action="append", help="default: all")
    return parser.parse_args()


def measured(alg, plan, options):
    """For each case, its turn in each round."""
    samples = [[] for _ in plan]
    for fleet in range(FLEETS):
        share = range(fleet, options.rounds, FLEETS)
        if share:
            fleet_measured(servers.minted(alg), plan, share, samples, options)
    return samples


def fleet_measured(folder, plan, rounds, samples, options):
    with servers.running({case.server: case for case in plan}, folder) as running:
        take = lambda case: turns.turn(running[case.server], folder, case.tokens, options)
        for case in plan:
            turns.warm(take, case)
        for number in rounds:
            for place in range(len(plan)):
                index = (number + place) % len(plan)
                samples[index].append(take(plan[index]))


def main():
    options = asked()
    if len(os.sched_getaffinity(0)) < 2:
        sys.exit("the socket bench wants two cores: one is the server's, one is wrk's")
    # A terminated run ends its servers as a finished one does.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit("terminated"))
    signal.signal(signal.SIGHUP, lambda *_: sys.exit("hung up"))
    figures.begin()
    for alg in options.alg or ALGORITHMS:
        plan = cases.plan()
        begun = os.getloadavg()[0]
        samples = measured(alg, plan, options)
        rows = figures.rows(alg, plan, samples)
        figures.write(rows)
        figures.show(rows, plan, options, (begun, os.getloadavg()[0]))


if __name__ == "__main__":
    main()
