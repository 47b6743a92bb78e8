#!/usr/bin/env python3
"""How long a slot with many keys is away when it changes cores of one process, and what clients feel of thousands that do.

usage: handover.py [--keys 1000000] [--moves 100] [--rate 20000]

One process of two cores. First one slot with all the keys goes back and forth; each time it is asked for at the new core from the
moment before the move on, until it is served: the time since the old core's answer is shown, and how long a round trip takes by
itself. Then half of all slots change cores and come back while the generator writes to all of them at a steady rate.
"""
import argparse, json, subprocess, tempfile, time

from servers import BENCH, Client, Server, fill, median, ours, wait_until

TAG, SLOT = "{foo}", 12182


def owner(clients):
    for index, client in enumerate(clients):
        try:
            client.call("GET", TAG)
            return index
        except RuntimeError:
            pass
    raise SystemExit("no core serves the slot")


def move_once(clients, ids):
    """Milliseconds from the old core's word that the slot goes to the first command at the new one."""
    old = owner(clients)
    new = 1 - old
    clients[old].call("CLUSTER", "MIGRATESLOTS", "SLOTSRANGE", SLOT, SLOT, "NODE", ids[new])
    begun = time.perf_counter()
    while True:
        try:
            clients[new].call("GET", TAG)
            return (time.perf_counter() - begun) * 1e3
        except RuntimeError:
            pass


def one_slot(server, options):
    clients = [Client(server.port), Client(server.port + 1)]
    ids = [client.call("CLUSTER", "MYID") for client in clients]
    fill(clients[owner(clients)], options.keys, 8, key=TAG + "%010d")
    times = sorted(move_once(clients, ids) for _ in range(options.moves))
    trips = []
    for _ in range(1000):
        begun = time.perf_counter()
        clients[0].call("PING")
        trips.append((time.perf_counter() - begun) * 1e3)
    print(f"one slot of {options.keys} keys: median {median(times):.3f} ms, p90 {times[len(times) * 9 // 10]:.3f}, "
          f"max {times[-1]:.3f}; a round trip alone {median(trips):.3f}", flush=True)


def writes(server, options, seconds):
    file = tempfile.NamedTemporaryFile(suffix=".json")
    words = [BENCH, "-q", "-p", server.port, "--cluster", "yes", "-c", 10, "-r", 100_000, "-d", 32, "--rate", options.rate,
             "--duration", f"{seconds}s", "--json", file.name, "--command", "SET __key__ __data__"]
    return subprocess.Popen([str(word) for word in words], stdout=subprocess.DEVNULL), file


def result(generator, file):
    generator.wait()
    return json.load(open(file.name))["runs"][0]


def many_slots(server, options):
    clients = [Client(server.port), Client(server.port + 1)]
    ids = [client.call("CLUSTER", "MYID") for client in clients]
    before = result(*writes(server, options, 5))
    under_way = writes(server, options, 8)
    time.sleep(2)
    ranges = [row for row in clients[0].call("CLUSTER", "SLOTS") if row[2][1] == server.port]
    took = []
    for source, target in ((0, 1), (1, 0)):
        begun = time.perf_counter()
        for low, high, *_ in ranges:
            clients[source].call("CLUSTER", "MIGRATESLOTS", "SLOTSRANGE", low, high, "NODE", ids[target])
        port = server.port + target
        wait_until("they have moved", lambda: all(row[2][1] == port for row in clients[source].call("CLUSTER", "SLOTS")
                                                  if any(low <= row[0] <= high for low, high, *_ in ranges)))
        took.append((time.perf_counter() - begun) * 1e3)
        time.sleep(1)
    during = result(*under_way)
    slots = sum(high - low + 1 for low, high, *_ in ranges)
    print(f"{slots} slots there in {took[0]:.1f} ms and back in {took[1]:.1f} ms, under {options.rate} writes/s: "
          f"p99 {during['latency']['p99']:.2f} ms (before {before['latency']['p99']:.2f}), max {during['latency']['max']:.1f} "
          f"({before['latency']['max']:.1f}), errors {during['counts']['errors']}, moved {during['counts']['moved']}", flush=True)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--keys", type=int, default=1_000_000)
    parser.add_argument("--moves", type=int, default=100)
    parser.add_argument("--rate", type=int, default=20_000, help="writes a second")
    options = parser.parse_args()
    server = Server(ours(cores=2) + " --bootstrap yes")
    wait_until("the cluster is up", lambda: b"cluster_state:ok" in server.client.call("CLUSTER", "INFO"))
    one_slot(server, options)
    many_slots(server, options)
    server.stop()


if __name__ == "__main__":
    main()
