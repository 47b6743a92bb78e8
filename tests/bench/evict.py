#!/usr/bin/env python3
"""The hit rate of a full cache by policy: ours beside valkey-server with the same maxmemory.

usage: evict.py [--keys 200000] [--requests 2000000] [--megabytes 15] [--size 200]

The trace is a Zipf one (exponent 0.99) over more keys than there is room for; what is not found is set, as an application does
that keeps a database behind its cache. All servers get the same trace. Halfway the popularity of keys is dealt out anew: what was
hot must go. Hits are counted in the second half of either part. "best" is what a cache that holds the most popular keys for ever
would hit with as many keys as that server holds: a policy cannot do better, and a server that needs less memory holds more.
"""
import argparse, bisect, itertools, random

from servers import Client, Server, ours, own_all_slots, peer

BATCH = 200


def trace(options, seed):
    """Batches of keys, and how likely one of the n most popular is asked for, by n."""
    weights = itertools.accumulate(1 / (rank + 1) ** 0.99 for rank in range(options.keys))
    cumulated = list(weights)
    ranks = random.Random(seed)
    names = list(range(options.keys))
    ranks.shuffle(names)

    def batches():
        for _ in range(options.requests // 2 // BATCH):
            yield [b"key:%d" % names[bisect.bisect(cumulated, ranks.random() * cumulated[-1])] for _ in range(BATCH)]

    return batches(), lambda count: cumulated[min(count, options.keys) - 1] / cumulated[-1]


def run(client, batches, value):
    """The share of hits in the second half."""
    hits = asked = 0
    batches = list(batches)
    for number, keys in enumerate(batches):
        client.send(b"".join(Client.encode(["GET", key]) for key in keys))
        missing = [key for key in keys if client.read() is None]
        client.send(b"".join(Client.encode(["SET", key, value]) for key in missing))
        for _ in missing:
            client.read()
        if number >= len(batches) // 2:
            hits, asked = hits + len(keys) - len(missing), asked + len(keys)
    return hits / asked


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--keys", type=int, default=200_000)
    parser.add_argument("--requests", type=int, default=2_000_000)
    parser.add_argument("--megabytes", type=int, default=15)
    parser.add_argument("--size", type=int, default=200)
    options = parser.parse_args()
    value = bytes(random.Random(1).randbytes(options.size))
    for policy in ("allkeys-lru", "allkeys-lfu", "allkeys-random"):
        limits = f" --maxmemory {options.megabytes}mb --maxmemory-policy {policy}"
        for name, command in (("ours", ours() + limits), ("valkey", peer("valkey", limits))):
            server = Server(command)
            own_all_slots(server)
            shares = []
            for seed in (1, 2):
                batches, best = trace(options, seed)
                shares.append(run(server.client, batches, value))
            held = server.client.call("DBSIZE")
            first, second = (f"{100 * share:.2f}" for share in shares)
            print(f"{policy:15} {name:7} {held:7} keys held; hits {first} %, after the change {second} %; best {100 * best(held):.2f} %", flush=True)
            server.stop()


if __name__ == "__main__":
    main()
