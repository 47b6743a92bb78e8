#!/usr/bin/env python3
"""Whether tables that grow make anybody wait: latency of ten million SETs of new keys, beside as many of keys that are there.

usage: growth.py [--keys 10000000] [--rate 50000]

The server is one core; the generator writes at a steady rate, so that whoever is made to wait shows with all who wait behind it.
The kernel gives the process new memory in the first run only. Shown are the latencies of both runs, and how many commands took
the server itself more than 2 ms (SLOWLOG).
"""
import argparse, json, subprocess, tempfile

from servers import BENCH, Server, own_all_slots, ours

SLOW_US = 2_000


def run(server, options):
    """Writes every key once: the latencies, and how many commands were slow."""
    server.client.call("SLOWLOG", "RESET")
    with tempfile.NamedTemporaryFile(suffix=".json") as file:
        words = [BENCH, "-q", "-p", server.port, "-c", 20, "-r", options.keys, "-n", options.keys, "-d", 16, "--cluster", "yes",
                 "--rate", options.rate, "--distribution", "sequential", "--json", file.name, "--command", "SET __key__ __data__"]
        subprocess.run([str(word) for word in words], check=True, stdout=subprocess.DEVNULL)
        found = json.load(open(file.name))["runs"][0]
    return found["latency"], server.client.call("SLOWLOG", "LEN")


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--keys", type=int, default=10_000_000)
    parser.add_argument("--rate", type=int, default=50_000, help="requests a second")
    options = parser.parse_args()
    server = Server(ours() + f" --slowlog-log-slower-than {SLOW_US} --slowlog-max-len 1000", cpu=0)
    own_all_slots(server)
    for what in ("new keys", "the same keys again", "and again"):
        latency, slow = run(server, options)
        print(f"{what}: p50 {latency['p50']:.2f} ms, p99 {latency['p99']:.2f}, p99.99 {latency['p9999']:.2f}, "
              f"max {latency['max']:.1f}; {slow} commands over {SLOW_US / 1000:.0f} ms; keys {server.client.call('DBSIZE')}", flush=True)


if __name__ == "__main__":
    main()
