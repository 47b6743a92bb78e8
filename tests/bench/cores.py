#!/usr/bin/env python3
"""What a second core costs: CPU of the server for each request, with one core and with two.

usage: cores.py [--requests 400000] [--runs 3]

The generator sends SET and GET to the owners of their keys, as a cluster client does, with as many connections in all. The process
of one core and that of two take turns; shown are medians.
"""
import argparse

from forward import cost
from servers import Server, median, ours


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--requests", type=int, default=400_000, help="in all; four times as many with a pipeline")
    parser.add_argument("--runs", type=int, default=3)
    parser.add_argument("--binary")
    options = parser.parse_args()
    servers = [Server(ours(options.binary, cores=cores) + " --bootstrap yes") for cores in (1, 2)]
    for pipeline in (1, 16):
        costs = [[], []]
        for _ in range(options.runs):
            for server, found in zip(servers, costs):
                found.append(cost(server, server.port, True, pipeline, options))
        one, two = map(median, costs)
        print(f"P={pipeline}: one core {one:.2f} us, two cores {two:.2f} us a request: {two / one:.2f} times", flush=True)


if __name__ == "__main__":
    main()
