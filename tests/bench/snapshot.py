#!/usr/bin/env python3
"""A snapshot under load: memory it takes, what clients feel of it, how fast it is written and loaded. Ours beside Valkey's.

usage: snapshot.py [--gigabytes 2] [--value 1000] [--rate 5000]

Each server in turn, on CPU 0, holds so many gigabytes; the generator (CPU 1) overwrites keys at a steady rate, so that the
latency counts from the intended time. Memory is the proportional share of the process and of the child it forks: pages they
share count once. `load` is a restart from the file.
"""
import argparse, json, os, subprocess, tempfile, threading, time

from servers import BENCH, Client, Server, fill, ours, own_all_slots, peer, private, wait_until

MIB = 1 << 20


def memory(server):
    children = open(f"/proc/{server.pid}/task/{server.pid}/children").read().split()
    return sum(private(pid) for pid in [server.pid, *children])


def generate(server, keys, value, rate, seconds):
    """p50, p99 and p99.9 in milliseconds of SETs at `rate`."""
    with tempfile.NamedTemporaryFile(suffix=".json") as file:
        words = ["taskset", "-c", "1", BENCH, "-q", "-p", server.port, "--cluster", "no", "-c", 20, "-r", keys, "-d", value,
                 "--key-size", 14, "--key-prefix", "key:", "--command", "SET __key__ __data__", "--rate", rate,
                 "--duration", f"{seconds}s", "--json", file.name]
        subprocess.run([str(word) for word in words], check=True, stdout=subprocess.DEVNULL)
        return json.load(open(file.name))


def percentiles(result):
    latency = result["runs"][0]["latency"]
    return "   ".join(f"{name} {latency[name]:7.2f} ms" for name in ("p50", "p99", "p999"))


def measure(name, template, keys, options):
    server = Server(template, cpu=0)
    own_all_slots(server)
    fill(server.client, keys, options.value)
    quiet = generate(server, keys, options.value, options.rate, 10)
    before, most, done = memory(server), 0, threading.Event()

    def watch():
        nonlocal most
        while not done.is_set():
            most = max(most, memory(server))
            time.sleep(0.02)

    during = {}
    load = threading.Thread(target=lambda: during.update(generate(server, keys, options.value, options.rate, 10)))
    load.start()
    time.sleep(0.5)
    watcher = threading.Thread(target=watch)
    watcher.start()
    saved, begun = server.client.info("persistence")["rdb_last_save_time"], time.monotonic()
    server.client.call("BGSAVE")
    wait_until("the snapshot is written", lambda: server.client.info("persistence")["rdb_bgsave_in_progress"] == "0")
    took = time.monotonic() - begun
    done.set()
    watcher.join()
    load.join()
    file = os.path.join(server.folder, "dump.rdb")
    size = os.path.getsize(file)
    server.client.call("SAVE")  # unhindered
    begun = time.monotonic()
    server.client.call("SAVE")
    alone = time.monotonic() - begun
    server.stop(keep=True)
    begun = time.monotonic()
    server.start()
    wait_until("the file is loaded", lambda: Client(server.port).info("persistence")["loading"] == "0")
    loaded = time.monotonic() - begun
    print(f"{name:8} growth {100 * (most - before) / before:6.1f} %   save {size / MIB / took:6.0f} MB/s under load, "
          f"{size / MIB / alone:6.0f} alone   load {size / MIB / loaded:6.0f} MB/s", flush=True)
    print(f"{'':8} before {percentiles(quiet)}\n{'':8} during {percentiles(during)}", flush=True)
    server.stop()


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--gigabytes", type=float, default=2)
    parser.add_argument("--value", type=int, default=1000, help="bytes")
    parser.add_argument("--rate", type=int, default=5000, help="writes a second")
    options = parser.parse_args()
    keys = int(options.gigabytes * (1 << 30) / options.value)
    measure("ours", ours(), keys, options)
    measure("valkey", peer("valkey"), keys, options)


if __name__ == "__main__":
    main()
