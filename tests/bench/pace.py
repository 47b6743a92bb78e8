#!/usr/bin/env python3
"""What clients feel of slots that go to another process as a whole (CLUSTER MIGRATESLOTS), at the source and at the target.

usage: pace.py [--keys 1000000] [--rate 5000] [--seconds 20]

Two processes of one core, each with half of the slots. While the generator reads and writes keys of both at a steady rate, a
quarter of all slots, with a quarter of the keys, goes from the first to the second and back, again and again. Shown are how often,
the latency before and during that, and errors. The servers and the generator share what CPUs there are.
"""
import argparse, json, subprocess, tempfile, time

from servers import BENCH, Client, Server, ours, wait_until

MOVED = (0, 4095)


def generator(servers, options, seconds, command, *more):
    file = tempfile.NamedTemporaryFile(suffix=".json")
    words = [BENCH, "-q", "-p", servers[0].port, "--cluster", "yes", "-r", options.keys, "-d", 32, "--json", file.name, *more,
             "--command", command]
    words += ["--duration", f"{seconds}s"] if seconds else []
    return subprocess.Popen([str(word) for word in words], stdout=subprocess.DEVNULL), file


def result(process, file):
    process.wait()
    return json.load(open(file.name))["runs"][0]


def gather(options):
    servers = [Server(ours()) for _ in range(2)]
    for server, (low, high) in zip(servers, ((0, 8191), (8192, 16383))):
        server.client.call("CLUSTER", "ADDSLOTSRANGE", low, high)
    servers[1].client.call("CLUSTER", "MEET", "127.0.0.1", servers[0].port)
    for server in servers:
        wait_until("the cluster is up", lambda: b"cluster_state:ok" in server.client.call("CLUSTER", "INFO"))
        wait_until("both have met", lambda: b"cluster_known_nodes:2" in server.client.call("CLUSTER", "INFO"))
    result(*generator(servers, options, 0, "SET __key__ __data__", "-P", 16, "-n", options.keys, "--distribution", "sequential"))
    return servers


def move(source, target):
    name = target.client.call("CLUSTER", "MYID")
    source.client.call("CLUSTER", "MIGRATESLOTS", "SLOTSRANGE", *MOVED, "NODE", name)
    there = lambda client: any(low <= MOVED[0] <= high and row[1] == target.port for low, high, row, *_ in client.call("CLUSTER", "SLOTS"))
    wait_until("the slots have moved", lambda: there(source.client) and there(target.client), 60)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--keys", type=int, default=1_000_000)
    parser.add_argument("--rate", type=int, default=5_000, help="requests a second")
    parser.add_argument("--seconds", type=int, default=20)
    options = parser.parse_args()
    servers = gather(options)
    load = lambda seconds: generator(servers, options, seconds, "SET __key__ __data__", "-c", 10, "--rate", options.rate)
    before = result(*load(options.seconds))
    under_way, begun, moves = load(options.seconds), time.time(), 0
    while time.time() - begun < options.seconds:
        move(servers[moves % 2], servers[(moves + 1) % 2])
        moves += 1
    took = (time.time() - begun) / moves
    during = result(*under_way)
    print(f"{options.keys // 4} keys moved {moves} times in {took:.2f} s each, under {options.rate} writes/s: "
          f"p50 {during['latency']['p50']:.2f} ms (before {before['latency']['p50']:.2f}), "
          f"p99 {during['latency']['p99']:.2f} ({before['latency']['p99']:.2f}), max {during['latency']['max']:.1f} "
          f"({before['latency']['max']:.1f}), errors {during['counts']['errors']}", flush=True)
    for server in servers:
        server.stop()


if __name__ == "__main__":
    main()
