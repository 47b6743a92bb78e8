#!/usr/bin/env python3
"""What a replica costs its master: CPU for each write without replicas and with two, ours and Valkey's.

usage: replication.py [--requests 1000000] [--pipeline 16] [--rounds 3]

The master runs on CPU 0, the generator and the replicas on CPU 1. CPU time is the master process's own.
"""
import argparse, subprocess

from servers import BENCH, Server, median, ours, own_all_slots, peer, wait_until


def cost(master, options):
    """Microseconds of CPU for each write."""
    before = master.cpu_seconds()
    words = ["taskset", "-c", "1", BENCH, "-q", "-p", master.port, "--cluster", "no", "-c", 50, "-P", options.pipeline, "-n",
             options.requests, "-r", 100_000, "-d", 64, "--command", "SET __key__ __data__"]
    subprocess.run([str(word) for word in words], check=True, stdout=subprocess.DEVNULL)
    return (master.cpu_seconds() - before) * 1e6 / options.requests


def attach(master, template):
    replica = Server(template, cpu=1)
    replica.client.call("CLUSTER", "MEET", "127.0.0.1", master.port)
    name = master.client.call("CLUSTER", "MYID")
    wait_until("they have met", lambda: name in replica.client.call("CLUSTER", "NODES"))

    def follows():
        try:
            return replica.client.call("CLUSTER", "REPLICATE", name) == b"OK"
        except RuntimeError:
            return False

    wait_until("the replica may follow", follows)
    wait_until("the replica follows", lambda: replica.client.info("replication").get("master_link_status") == "up")
    return replica


def measure(name, template, options):
    master = Server(template, cpu=0)
    own_all_slots(master)
    alone = median([cost(master, options) for _ in range(options.rounds)])
    replicas = [attach(master, template) for _ in range(2)]
    with_two = median([cost(master, options) for _ in range(options.rounds)])
    print(f"{name:8} alone {alone:.2f} us a write, with two replicas {with_two:.2f}: {with_two / alone:.2f} times", flush=True)
    for server in [master, *replicas]:
        server.stop()


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--requests", type=int, default=1_000_000)
    parser.add_argument("--pipeline", type=int, default=16)
    parser.add_argument("--rounds", type=int, default=3)
    options = parser.parse_args()
    measure("ours", ours(), options)
    measure("valkey", peer("valkey"), options)


if __name__ == "__main__":
    main()
