#!/usr/bin/env python3
"""What it costs that cores share a process: CPU of the server for each request, two processes of one core and one of two.

usage: cores.py [--requests 400000] [--runs 5]

In both cases each core has a CPU, and a generator beside it on that CPU that sends SET and GET of keys in one of the core's slots
straight to it: the same work and the same neighbours, so that what differs is the process. (One core alone would have a CPU's
caches, and what it shares with the other CPU, to itself.) The cases take turns; shown are medians.
"""
import argparse, subprocess

from servers import BENCH, Client, Server, median, ours

CORES, CONNECTIONS = 2, 50


def tag_of(client):
    """A hash tag whose slot is the node's that `client` is connected to."""
    me = client.call("CLUSTER", "MYID")
    first, last = next((start, end) for start, end, owner, *_ in client.call("CLUSTER", "SLOTS") if owner[2] == me)
    return next(tag for tag in range(1 << 20) if first <= client.call("CLUSTER", "KEYSLOT", tag) <= last)


def generator(cpu, port, tag, pipeline, requests):
    """The command of the generator beside a core."""
    commands = ["--command", f"SET {{{tag}}}__key__ __data__", "--command", f"GET {{{tag}}}__key__"]
    words = ["taskset", "-c", cpu, BENCH, "-q", "-p", port, "-c", CONNECTIONS, "-P", pipeline, "-n", requests, "-r", 100_000,
             "-d", 16, "--cluster", "no", *commands]
    return [str(word) for word in words]


def cost(servers, nodes, pipeline, requests):
    """CPU of the servers for each request, microseconds; `nodes` are the ports of the cores and tags of their slots."""
    before = sum(server.cpu_seconds() for server in servers)
    running = [subprocess.Popen(generator(cpu, port, tag, pipeline, requests), stdout=subprocess.DEVNULL)
               for cpu, (port, tag) in enumerate(nodes)]
    if any(process.wait() for process in running):
        raise SystemExit("a generator failed")
    return (sum(server.cpu_seconds() for server in servers) - before) * 1e6 / (requests * len(nodes))


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--requests", type=int, default=400_000, help="to each core; four times as many with a pipeline")
    parser.add_argument("--runs", type=int, default=5)
    parser.add_argument("--binary")
    options = parser.parse_args()
    apart = [Server(ours(options.binary) + " --bootstrap yes", cpu=cpu) for cpu in range(CORES)]
    together = [Server(ours(options.binary, cores=CORES) + " --bootstrap yes")]
    ports = [[server.port for server in apart], [together[0].port + core for core in range(CORES)]]
    cases = [(servers, [(port, tag_of(Client(port))) for port in ports]) for servers, ports in zip((apart, together), ports)]
    for pipeline in (1, 16):
        requests = options.requests * (4 if pipeline > 1 else 1)
        costs = [[], []]
        for _ in range(options.runs):
            for (servers, nodes), found in zip(cases, costs):
                found.append(cost(servers, nodes, pipeline, requests))
        one, two = map(median, costs)
        print(f"P={pipeline}: {CORES} processes {one:.2f} us, {CORES} cores of one {two:.2f} us a request: {two / one:.2f} times",
              flush=True)


if __name__ == "__main__":
    main()
