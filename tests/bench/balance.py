#!/usr/bin/env python3
"""`slot-balance auto` under a Zipf load that puts 70 % of the requests on one core of two: how soon both have the same to do.

usage: balance.py [--rate 20000] [--exponent 0.99] [--share 0.7] [--seconds 60] [--pipeline 16]

One process of two cores, one cluster client. What each slot is asked for is learnt by a short run; then slots are handed over so
that the first core has its share of it, and balancing is switched on. Each second the CPU of both cores' threads is shown, and the
moves. The verdict: within 30 s they are within 10 % of each other (means of 5 s), they stay so, and no slot moves after that.
"""
import argparse, os, re, subprocess, time

from servers import BENCH, Client, Server, ours, wait_until

LIMIT, WITHIN, WINDOW = 30, 0.10, 5


def generator(server, options, seconds):
    words = [BENCH, "-q", "-p", server.port, "--cluster", "yes", "-c", 20, "-P", options.pipeline, "-r", 100_000, "-d", 64,
             "--distribution", f"zipf:{options.exponent}", "--rate", options.rate, "--duration", f"{seconds}s",
             "--command", "SET __key__ __data__"]
    return subprocess.Popen([str(word) for word in words], stdout=subprocess.DEVNULL)


def asked_for(clients):
    """What each slot has been asked for, in bytes, by slot; and whose it is."""
    weights = {}
    for core, client in enumerate(clients):
        for slot, figures in client.call("CLUSTER", "SLOT-STATS", "SLOTSRANGE", 0, 16383):
            weights[slot] = (dict(zip(figures[::2], figures[1::2]))[b"network-bytes-in"], core)
    return weights


def skew(clients, options):
    """Hands slots over until the first core has its share of what is asked for."""
    weights = asked_for(clients)
    total, first = sum(weight for weight, _ in weights.values()), 0
    moves = {0: [], 1: []}
    for slot, (weight, core) in sorted(weights.items(), key=lambda item: -item[1][0]):
        if weight == 0:
            continue
        home = 0 if first + weight <= options.share * total else 1
        first += weight if home == 0 else 0
        if home != core:
            moves[home].append(slot)
    ids = [client.call("CLUSTER", "MYID") for client in clients]
    for home, slots in moves.items():
        for begin in range(0, len(slots), 500):
            ranges = [number for slot in slots[begin:begin + 500] for number in (slot, slot)]
            clients[1 - home].call("CLUSTER", "MIGRATESLOTS", "SLOTSRANGE", *ranges, "NODE", ids[home])
    wait_until("they have moved", lambda: all(core == (0 if slot in set(moves[0]) else 1) for slot, (_, core) in
                                              asked_for(clients).items() if slot in set(moves[0] + moves[1])))
    return first / total


def threads(pid):
    """CPU seconds of each thread."""
    read = lambda task: int(open(f"/proc/{pid}/task/{task}/schedstat").read().split()[0]) / 1e9
    return {int(task): read(task) for task in os.listdir(f"/proc/{pid}/task")}


def requests(clients):
    """What each core has been asked for so far."""
    return [int(re.search(r"calls=(\d+)", client.info("commandstats").get("cmdstat_set", "calls=0")).group(1)) for client in clients]


def moves(server):
    return re.findall(r"slot-balance: (\d+ slots to core \d+) \(\w+\): (.*)", open(os.path.join(server.folder, "log")).read())


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rate", type=int, default=20_000, help="requests a second")
    parser.add_argument("--exponent", type=float, default=0.99)
    parser.add_argument("--share", type=float, default=0.7)
    parser.add_argument("--seconds", type=int, default=60)
    parser.add_argument("--pipeline", type=int, default=16)
    options = parser.parse_args()
    server = Server(ours(cores=2) + " --bootstrap yes --cluster-slot-stats-enabled yes")
    clients = [Client(server.port), Client(server.port + 1)]
    wait_until("the cluster is up", lambda: b"cluster_state:ok" in server.client.call("CLUSTER", "INFO"))
    generator(server, options, 3).wait()
    share = skew(clients, options)
    before = threads(server.pid)
    load = generator(server, options, options.seconds + 10)
    time.sleep(4)
    after = threads(server.pid)
    cores = sorted(after, key=lambda task: before.get(task, 0) - after[task])[:2]
    print(f"by requests the first core has {100 * share:.0f} %; {options.rate} requests/s")
    for client in clients:
        client.call("CONFIG", "SET", "slot-balance", "auto")
    shown, seen, used, asked = [], 0, after, requests(clients)
    for second in range(1, options.seconds + 1):
        time.sleep(1)
        now = threads(server.pid)
        busy = [now[core] - used[core] for core in cores]
        used = now
        last, asked = asked, requests(clients)
        answered = [new - old for new, old in zip(asked, last)]
        made = moves(server)
        text = "".join(f"  {what}: {why}" for what, why in made[seen:])
        seen = len(made)
        shown.append((busy, seen))
        print(f"{second:3} s  CPU {100 * busy[0]:5.1f} % {100 * busy[1]:5.1f} %  requests {answered[0]:6} {answered[1]:6}{text}",
              flush=True)
    load.terminate()
    load.wait()
    verdict(shown)
    server.stop()


def verdict(shown):
    def apart(end):
        sums = [sum(busy[core] for busy, _ in shown[end - WINDOW:end]) for core in (0, 1)]
        return abs(sums[0] - sums[1]) / max(sums)

    even = next((end for end in range(WINDOW, len(shown) + 1) if all(apart(e) <= WITHIN for e in range(end, end + WINDOW) if e <= len(shown))), None)
    last_move = next((second for second in range(len(shown), 1, -1) if shown[second - 1][1] != shown[second - 2][1]), 1)
    made = shown[-1][1]
    mean = [sum(busy[core] for busy, _ in shown[-LIMIT:]) / LIMIT for core in (0, 1)]
    gap = abs(mean[0] - mean[1]) / max(mean)
    print(f"even after {even} s; {made} moves, the last after {last_move} s; from {LIMIT} s on: {100 * mean[0]:.1f} % and "
          f"{100 * mean[1]:.1f} % of a CPU, {100 * gap:.0f} % apart")
    good = even is not None and even <= LIMIT and last_move <= LIMIT and gap <= WITHIN
    print("balanced, and still" if good else "NOT BALANCED")
    raise SystemExit(not good)


if __name__ == "__main__":
    main()
