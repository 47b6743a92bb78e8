#!/usr/bin/env python3
"""Time to move slots with their keys to a new master while writes run: redis-server, ours, and ours by MIGRATESLOTS.

usage: reshard.py [--keys 1000000] [--value 64] [--slots 4096] [--rate 1000] [--only redis,ours,atomic]

Four processes of one core; three share the slots, then `redis-cli --cluster reshard` moves a part to the fourth. `atomic` moves
the same slots by CLUSTER MIGRATESLOTS. The generator writes at a steady rate in the meantime, verifies that what was
acknowledged is found, and counts errors beside redirections.
"""
import argparse, json, os, subprocess, tempfile, time

from servers import BENCH, Server, ours, peer, wait_until


def cluster(template):
    servers = [Server(template) for _ in range(4)]
    addresses = [f"127.0.0.1:{server.port}" for server in servers]
    cli("create", *addresses[:3], "--cluster-yes")
    cli("add-node", addresses[3], addresses[0])
    for server in servers:
        wait_until("all know the slots", lambda: len(server.client.call("CLUSTER", "SLOTS")) == 3)
        wait_until("the cluster is up", lambda: b"cluster_known_nodes:4" in server.client.call("CLUSTER", "INFO"))
        wait_until("the cluster is up", lambda: b"cluster_state:ok" in server.client.call("CLUSTER", "INFO"))
    return servers


def cli(*words):
    done = subprocess.run(["redis-cli", "--cluster", *map(str, words)], capture_output=True, text=True, timeout=1800)
    if done.returncode:
        raise SystemExit(f"redis-cli --cluster {words}: {done.stdout[-1000:]}{done.stderr[-1000:]}")
    return done.stdout


def load(servers, options):
    words = [BENCH, "-q", "-p", servers[0].port, "--cluster", "yes", "-c", 10, "-P", 50, "-n", options.keys, "-r", options.keys,
             "--distribution", "sequential", "-d", options.value, "--command", "SET __key__ __data__"]
    subprocess.run([str(word) for word in words], check=True, stdout=subprocess.DEVNULL)


def writes(servers, options, file):
    words = [BENCH, "-q", "-p", servers[0].port, "--cluster", "yes", "-c", 3, "-r", 50_000, "-d", 32,
             "--rate", options.rate, "--duration", "1h", "--verify", "--json", file]
    return subprocess.Popen([str(word) for word in words], stdout=subprocess.DEVNULL)


def by_cli(servers, options):
    ids = [server.client.call("CLUSTER", "MYID").decode() for server in servers]
    cli("reshard", f"127.0.0.1:{servers[0].port}", "--cluster-from", ",".join(ids[:3]), "--cluster-to", ids[3],
        "--cluster-slots", options.slots, "--cluster-yes")


def atomically(servers, options):
    """A share of each master's first slots, one job a master."""
    target = servers[3].client.call("CLUSTER", "MYID")
    slots = servers[0].client.call("CLUSTER", "SLOTS")
    by_port = {server.port: server for server in servers}
    begun = []
    for index, (first, _, owner, *_) in enumerate(sorted(slots, key=lambda row: row[0])):
        share = options.slots // 3 + (options.slots % 3 > index)
        source = by_port[owner[1]].client
        source.call("CLUSTER", "MIGRATESLOTS", "SLOTSRANGE", first, first + share - 1, "NODE", target)
        begun.append(source)

    def state(source):
        jobs = source.call("CLUSTER", "GETSLOTMIGRATIONS")
        return [dict(zip(job[::2], job[1::2]))[b"state"] for job in jobs]

    wait_until("the jobs end", lambda: all(s in (b"success", b"failed", b"cancelled") for c in begun for s in state(c)), 600)
    assert all(s == b"success" for c in begun for s in state(c)), [state(c) for c in begun]


def measure(name, template, move, options):
    servers = cluster(template)
    load(servers, options)
    with tempfile.NamedTemporaryFile(suffix=".json") as file:
        generator = writes(servers, options, file.name)
        time.sleep(1)
        begun = time.monotonic()
        move(servers, options)
        took = time.monotonic() - begun
        generator.send_signal(2)
        generator.wait()
        run = json.load(open(file.name))["runs"][0]
    moved = servers[3].client.call("DBSIZE")
    counts, latency, verify = run["counts"], run["latency"], run["verify"]
    print(f"{name:8} {took:8.2f} s for {options.slots} slots, {moved} keys; writes: p99 {latency['p99']:.1f} ms, "
          f"max {latency['max']:.0f} ms, errors {counts['errors']}, moved {counts['moved']}, ask {counts['ask']}; "
          f"verify {verify}", flush=True)
    for server in servers:
        server.stop()
    return took


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--keys", type=int, default=1_000_000)
    parser.add_argument("--value", type=int, default=64, help="bytes")
    parser.add_argument("--slots", type=int, default=4096)
    parser.add_argument("--rate", type=int, default=1000, help="writes a second meanwhile")
    parser.add_argument("--only", default="redis,ours,atomic")
    options = parser.parse_args()
    ways = {"redis": (peer("redis"), by_cli), "ours": (ours(), by_cli), "atomic": (ours(), atomically)}
    took = {name: measure(name, *ways[name], options) for name in options.only.split(",")}
    if "redis" in took:
        print("  ".join(f"{name} {seconds / took['redis']:.3f}" for name, seconds in took.items()), "of redis-server's time")


if __name__ == "__main__":
    main()
