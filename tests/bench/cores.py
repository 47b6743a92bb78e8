#!/usr/bin/env python3
"""What a second core costs: CPU of the server for each request, with one core and with two.

usage: cores.py [--requests 400000] [--runs 5]

Each core has a CPU and a generator's thread beside it on that CPU, which sends SET and GET of keys in one of the core's slots
straight to it: so a core has the same work and the same neighbour in both cases, on a machine with two CPUs too. The process
of one core and that of two take turns; shown are medians.
"""
import argparse, subprocess

from servers import BENCH, Client, Server, median, ours

CONNECTIONS = 50
TAGS = {}


def tag_of(client):
    """A hash tag whose slot is the node's that `client` is connected to."""
    first, last = next((start, end) for start, end, owner, *_ in client.call("CLUSTER", "SLOTS")
                       if owner[2] == client.call("CLUSTER", "MYID"))
    return next(str(tag) for tag in range(1 << 20) if first <= client.call("CLUSTER", "KEYSLOT", str(tag)) <= last)


def cost(server, cores, pipeline, requests):
    """Server's CPU for each request, microseconds."""
    words = []
    for core in range(cores):
        tag = TAGS[cores, core]
        commands = ["--command", f"SET {{{tag}}}__key__ __data__", "--command", f"GET {{{tag}}}__key__"]
        words.append(["taskset", "-c", core, BENCH, "-q", "-p", server.port + core, "-c", CONNECTIONS, "-P", pipeline, "-n", requests,
                      "-r", 100_000, "-d", 16, "--cluster", "no", *commands])
    before = server.cpu_seconds()
    generators = [subprocess.Popen([str(word) for word in line], stdout=subprocess.DEVNULL) for line in words]
    if any(generator.wait() for generator in generators):
        raise SystemExit("a generator failed")
    return (server.cpu_seconds() - before) * 1e6 / (requests * cores)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--requests", type=int, default=400_000, help="to each core; four times as many with a pipeline")
    parser.add_argument("--runs", type=int, default=5)
    parser.add_argument("--binary")
    options = parser.parse_args()
    servers = [(cores, Server(ours(options.binary, cores=cores) + " --bootstrap yes", cpu=0 if cores == 1 else None)) for cores in (1, 2)]
    for cores, server in servers:
        for core in range(cores):
            TAGS[cores, core] = tag_of(Client(server.port + core))
    for pipeline in (1, 16):
        costs = [[], []]
        for _ in range(options.runs):
            for (cores, server), found in zip(servers, costs):
                found.append(cost(server, cores, pipeline, options.requests * (4 if pipeline > 1 else 1)))
        one, two = map(median, costs)
        print(f"P={pipeline}: one core {one:.2f} us, two cores {two:.2f} us a request: {two / one:.2f} times", flush=True)


if __name__ == "__main__":
    main()
