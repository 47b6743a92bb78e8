#!/usr/bin/env python3
"""A hash of half a gigabyte changes nodes: what other clients of the source and of the target feel of it.

usage: bighash.py [--megabytes 500] [--only migrate,atomic]

Two processes of one core. One client each sends a GET after the other; shown are p99 and the longest for both nodes before, and from
the beginning of the move until what it leaves behind has been freed. `migrate` moves the key by MIGRATE in a slot that is
open, `atomic` its slot by CLUSTER MIGRATESLOTS. Either sends
it in one piece, which must be smaller than the target's proto-max-bulk-len (512 MB).
"""
import argparse, os, threading, time

from servers import Client, Server, ours, wait_until

TAG, SLOT, FIELD = "{foo}", 12182, 1000


class Prober(threading.Thread):
    """One client that asks for a small key of its node, again and again; seconds that each answer took."""

    def __init__(self, port, key):
        super().__init__(daemon=True)
        self.client, self.key, self.times = Client(port), key, []
        self.client.call("SET", key, "x" * 64)
        self.start()

    def run(self):
        try:
            while True:
                begun = time.perf_counter()
                self.client.call("GET", self.key)
                self.times.append(time.perf_counter() - begun)
        except (EOFError, OSError):
            pass  # Its node was stopped.

    def figures(self):
        times, self.times = sorted(self.times), []
        return f"p99 {1e3 * times[len(times) * 99 // 100]:6.2f} ms, max {1e3 * times[-1]:6.1f}, of {len(times)}"


def key_of(client):
    """A key of a slot that this node serves."""
    for number in range(10_000):
        try:
            client.call("GET", f"probe:{number}")
            return f"probe:{number}"
        except RuntimeError:
            pass
    raise SystemExit("it serves no slot")


def fill(client, megabytes):
    value = os.urandom(FIELD)
    for first in range(0, megabytes << 20, FIELD << 10):
        words = [word for i in range(1 << 10) for word in (first + i, value)]
        client.call("HSET", TAG, *words)


def migrate(source, target):
    ids = [server.client.call("CLUSTER", "MYID") for server in (source, target)]
    target.client.call("CLUSTER", "SETSLOT", SLOT, "IMPORTING", ids[0])
    source.client.call("CLUSTER", "SETSLOT", SLOT, "MIGRATING", ids[1])
    source.client.call("MIGRATE", "127.0.0.1", target.port, TAG, 0, 600_000)
    for server in (target, source):
        server.client.call("CLUSTER", "SETSLOT", SLOT, "NODE", ids[1])


def atomic(source, target):
    source.client.call("CLUSTER", "MIGRATESLOTS", "SLOTSRANGE", SLOT, SLOT, "NODE", target.client.call("CLUSTER", "MYID"))

    def state():
        job = source.client.call("CLUSTER", "GETSLOTMIGRATIONS")[0]
        return dict(zip(job[::2], job[1::2]))[b"state"]

    wait_until("it ends", lambda: state() in (b"success", b"failed"), 600)
    assert state() == b"success"


def measure(name, move, options):
    servers = [Server(ours()) for _ in range(2)]
    target, source = servers
    target.client.call("CLUSTER", "ADDSLOTSRANGE", 0, 8191)
    source.client.call("CLUSTER", "ADDSLOTSRANGE", 8192, 16383)
    target.client.call("CLUSTER", "SET-CONFIG-EPOCH", 1)
    source.client.call("CLUSTER", "SET-CONFIG-EPOCH", 2)
    target.client.call("CLUSTER", "MEET", "127.0.0.1", source.port)
    for server in servers:
        wait_until("the cluster is up", lambda: b"cluster_state:ok" in server.client.call("CLUSTER", "INFO"))
    fill(source.client, options.megabytes)
    probers = [(what, Prober(server.port, key_of(server.client))) for what, server in (("source", source), ("target", target))]
    time.sleep(3)
    before = {what: prober.figures() for what, prober in probers}
    begun = time.perf_counter()
    move(source, target)
    took = time.perf_counter() - begun
    wait_until("what is left is freed", lambda: int(source.client.info("memory")["used_memory"]) < 100 << 20, 120)
    during = {what: prober.figures() for what, prober in probers}
    print(f"{name}: {options.megabytes} MB in {took:.1f} s")
    for what in before:
        print(f"  {what}: before {before[what]}; during {during[what]}", flush=True)
    assert target.client.call("HLEN", TAG) > 0
    for server in servers:
        server.stop()


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--megabytes", type=int, default=500)
    parser.add_argument("--only", default="migrate,atomic")
    options = parser.parse_args()
    for name in options.only.split(","):
        measure(name, {"migrate": migrate, "atomic": atomic}[name], options)


if __name__ == "__main__":
    main()
