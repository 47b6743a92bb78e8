#!/usr/bin/env python3
"""No false failover: three masters, three replicas under load for an hour, on CPUs that others want as well.

usage: overload.py [--minutes 60] [--burners 2N] [--rate 5000] [--node-timeout 5000] [--binary PATH]

Nobody dies here, so every failure that a node marks and every election is false. `--burners` processes do nothing but count
(twice the CPUs if not said; 0 where the machine is busy enough), the generator writes to all masters and reads back. The verdict
comes from what the nodes say at the end: roles, current epoch, and their logs. Ends with 1 after a false failover. Shown beside
it: how long tasks waited for a CPU (/proc/pressure/cpu), the load, and the writes that went through.
"""
import argparse, json, os, subprocess, tempfile, time

from servers import BENCH, Server, ours, wait_until

OPTIONS = " --cluster-node-timeout {timeout} --repl-diskless-sync-delay 0"


def gather(options):
    template = ours(options.binary) + OPTIONS.replace("{timeout}", str(options.node_timeout))
    servers = [Server(template) for _ in range(6)]
    addresses = [f"127.0.0.1:{server.port}" for server in servers]
    subprocess.run(["redis-cli", "--cluster", "create", *addresses, "--cluster-replicas", "1", "--cluster-yes"],
                   check=True, stdout=subprocess.DEVNULL)
    for server in servers:
        wait_until("the cluster is up", lambda: b"cluster_state:ok" in server.client.call("CLUSTER", "INFO"))
        wait_until("replicas are in step", lambda: b"role:master" in server.client.call("INFO", "replication")
                   or b"master_link_status:up" in server.client.call("INFO", "replication"))
    return servers


def view(servers):
    """Each node's role, and the epoch of the cluster."""
    roles = [server.client.info("replication")["role"] for server in servers]
    epochs = [dict(line.split(":") for line in server.client.call("CLUSTER", "INFO").decode().split())["cluster_current_epoch"]
              for server in servers]
    return roles, max(map(int, epochs))


def waited_for_cpu():
    """Seconds in which at least one task had no CPU, since the machine started."""
    line = open("/proc/pressure/cpu").readline()
    return int(line.rsplit("total=", 1)[1]) / 1e6


def marked(servers, word):
    """How often a node's log says it."""
    return sum(word in line for server in servers for line in open(os.path.join(server.folder, "log")))


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--minutes", type=float, default=60)
    parser.add_argument("--burners", type=int, default=2 * os.cpu_count())
    parser.add_argument("--rate", type=int, default=5000)
    parser.add_argument("--node-timeout", type=int, default=5000)
    parser.add_argument("--binary")
    options = parser.parse_args()
    servers = gather(options)
    before = view(servers)
    burners = [subprocess.Popen(["sh", "-c", "while :; do :; done"]) for _ in range(options.burners)]
    with tempfile.NamedTemporaryFile(suffix=".json") as file:
        words = [BENCH, "-q", "-p", servers[0].port, "--cluster", "yes", "-c", 10, "-r", 100_000, "-d", 100,
                 "--verify", "--rate", options.rate, "--duration", f"{int(options.minutes * 60)}s", "--json", file.name]
        waited, loads = waited_for_cpu(), []
        generator = subprocess.Popen([str(word) for word in words], stdout=subprocess.DEVNULL)
        begun = time.monotonic()
        while generator.poll() is None:
            time.sleep(5)
            loads.append(os.getloadavg()[0])
        took = time.monotonic() - begun
        waited = waited_for_cpu() - waited
        run = json.load(open(file.name))["runs"][0]
    for burner in burners:
        burner.kill()
        burner.wait()
    after = view(servers)
    counts, latency = run["counts"], run["latency"]
    print(f"{took:.0f} s; a task waited for a CPU in {100 * waited / took:.0f} % of the time; load {min(loads):.1f} to {max(loads):.1f}, "
          f"mean {sum(loads) / len(loads):.1f}")
    print(f"requests: {counts}; p50 {latency['p50']:.1f} ms, p99 {latency['p99']:.1f}, max {latency['max']:.0f}")
    print(f"verify {run['verify']}")
    print(f"nodes marked as failing {marked(servers, 'as failing')}, suspected {marked(servers, 'possibly failing')}, elections begun {marked(servers, 'Starting a failover election')}; epoch {before[1]} before, {after[1]} after; roles {after[0]}")
    if before != after:
        raise SystemExit("false failover")
    print("no failover")


if __name__ == "__main__":
    main()
