#!/usr/bin/env python3
"""A long run with faults: three masters, three replicas, append-only files; writes go on and are checked all the time.

usage: soak.py [--minutes 30] [--seed N] [--binary PATH]

Every few seconds something happens to a process, chosen by the seed: kill -9 and a restart, an orderly restart, a pause, a cut of
its replication links, a manual failover, a snapshot, a rewrite of its log, DEBUG RELOAD. In between the cluster must come to
rest: every slot served, every replica in step, master and replica with the same DEBUG DIGEST. A write that WAIT 1 confirmed must be
found at any later time. Ends with 1 at the first thing that is not so, and shows the seed and the folders of the processes.
"""
import argparse, os, random, signal, threading, time

from servers import Client, Server, ours, wait_until

CORES = 3
KEYS = 200  # a writer's
OPTIONS = (" --cluster-node-timeout 2000 --appendonly yes --enable-debug-command yes --repl-diskless-sync-delay 0"
           " --cluster-replica-validity-factor 0 --repl-timeout 5 --shutdown-timeout 5")




class Writer(threading.Thread):
    """Counts each of its keys up; knows what was confirmed."""

    def __init__(self, name, ports):
        super().__init__(daemon=True)
        self.prefix, self.ports = name, ports
        self.confirmed, self.clients = {}, {}
        self.writes = self.errors = 0
        self.running, self.idle, self.fault = threading.Event(), threading.Event(), None
        self.ended = False

    def client(self, port):
        if port not in self.clients:
            self.clients[port] = Client(port)
            self.clients[port].socket.settimeout(10)
        return self.clients[port]

    def call(self, key, *words):
        """The reply from whoever serves the key, and the client that got it."""
        port = random.choice(self.ports)
        for _ in range(200):
            try:
                client = self.client(port)
                return client.call(*words), client
            except RuntimeError as error:
                text = str(error)
                if text.startswith("MOVED"):
                    port = int(text.rsplit(":", 1)[1])
                    continue
                if not text.startswith(("CLUSTERDOWN", "LOADING", "MASTERDOWN", "BUSY", "UNBLOCKED", "TRYAGAIN")):
                    self.fault = f"{words}: {text}"
            except (OSError, EOFError, ValueError):
                self.clients.pop(port, None)
            self.errors += 1
            time.sleep(0.05)
            port = random.choice(self.ports)
        return None, None

    def check(self, key, reply):
        found, least = int(reply or 0), self.confirmed.get(key, 0)
        if found < least:
            self.fault = f"{key} is {found}, but {least} was confirmed"

    def run(self):
        number = 0
        while not self.ended:
            if not self.running.is_set():
                self.idle.set()
                self.running.wait(0.1)
                continue
            self.idle.clear()
            number += 1
            key = f"{self.prefix}:{random.randrange(KEYS)}"
            reply, client = self.call(key, "GET", key)
            if client is None:
                continue
            self.check(key, reply)
            reply, client = self.call(key, "SET", key, number)
            if client is None:
                continue
            self.writes += 1
            try:
                if client.call("WAIT", 1, 1000) >= 1:
                    self.confirmed[key] = number
            except (OSError, EOFError, RuntimeError, ValueError):
                self.clients = {port: c for port, c in self.clients.items() if c is not client}

    def check_all(self):
        for key in self.confirmed:
            reply, client = self.call(key, "GET", key)
            if client is None:
                self.fault = f"{key} cannot be read"
                return
            self.check(key, reply)


class Soak:
    def __init__(self, options):
        self.random = random.Random(options.seed)
        template = ours(options.binary) + OPTIONS
        self.servers = [Server(template) for _ in range(2 * CORES)]
        self.gather()
        self.writers = [Writer(f"w{n}", [server.port for server in self.servers]) for n in range(3)]
        self.counts = {}

    def gather(self):
        first, share = self.servers[0], 16384 // CORES
        for index, server in enumerate(self.servers[:CORES]):
            last = 16383 if index == CORES - 1 else (index + 1) * share - 1
            server.client.call("CLUSTER", "ADDSLOTSRANGE", index * share, last)
        for server in self.servers[1:]:
            server.client.call("CLUSTER", "MEET", "127.0.0.1", first.port)
        known = f"cluster_known_nodes:{2 * CORES}".encode()
        for server in self.servers:
            wait_until("all have met", lambda: known in server.client.call("CLUSTER", "INFO"))
        for index, server in enumerate(self.servers[CORES:]):
            server.client.call("CLUSTER", "REPLICATE", self.servers[index].client.call("CLUSTER", "MYID"))
        self.rest()

    def info(self, server, section):
        try:
            if not getattr(server, "client", None):
                server.client = Client(server.port)
            server.client.socket.settimeout(10)
            return server.client.info(section)
        except (OSError, EOFError, RuntimeError, ValueError):
            server.client = None
            return {}

    def is_at_rest(self):
        roles = [self.info(server, "replication") for server in self.servers]
        masters = [role for role in roles if role.get("role") == "master"]
        replicas = [role for role in roles if role.get("role") == "slave"]
        up = all(role.get("master_link_status") == "up" and role.get("master_sync_in_progress") == "0" for role in replicas)
        if len(masters) != CORES or len(replicas) != CORES or not up:
            return False
        if any(role.get("connected_slaves") != "1" for role in masters):
            return False
        states = [self.call(server, "CLUSTER", "INFO") or b"" for server in self.servers]
        return all(b"cluster_state:ok" in state and b"cluster_slots_fail:0" in state for state in states)

    def call(self, server, *words):
        try:
            return server.client.call(*words)
        except (OSError, EOFError, RuntimeError, ValueError, AttributeError):
            server.client = None
            return None

    def rest(self):
        wait_until("the cluster comes to rest", self.is_at_rest, 90)

    def agree(self):
        """With the writers paused: master and replica are equal."""
        for writer in self.writers:
            writer.running.clear()
        for writer in self.writers:
            wait_until("the writers pause", writer.idle.is_set, 60)
        by_master = {}
        for server in self.servers:
            role = self.info(server, "replication")
            by_master.setdefault(role["master_port"] if role["role"] == "slave" else str(server.port), []).append(server)
        for pair in by_master.values():
            digests = lambda: {self.call(server, "DEBUG", "DIGEST") for server in pair}
            wait_until(f"{[s.port for s in pair]} hold the same", lambda: len(pair) == 2 and len(digests()) == 1, 30)
        for writer in self.writers:
            writer.check_all()
            writer.running.set()

    def restart(self, server, how):
        server.process.send_signal(how)
        server.process.wait(30)
        time.sleep(self.random.choice([0, 0, 0.5, 4]))
        server.start()

    def pause(self, server):
        server.process.send_signal(signal.SIGSTOP)
        time.sleep(self.random.choice([0.2, 1, 4]))
        server.process.send_signal(signal.SIGCONT)

    def failover(self, _):
        replicas = [s for s in self.servers if self.info(s, "replication").get("role") == "slave"]
        self.call(self.random.choice(replicas), "CLUSTER", "FAILOVER")

    def events(self):
        return {
            "kill -9": lambda server: self.restart(server, signal.SIGKILL),
            "restart": lambda server: self.restart(server, signal.SIGTERM),
            "pause": self.pause,
            "cut": lambda server: [self.call(server, "CLIENT", "KILL", "TYPE", kind) for kind in ("replica", "master")],
            "failover": self.failover,
            "snapshot": lambda server: self.call(server, "BGSAVE"),
            "rewrite": lambda server: self.call(server, "BGREWRITEAOF"),
            "reload": lambda server: self.call(server, "DEBUG", "RELOAD"),
        }

    def run(self, minutes):
        for writer in self.writers:
            writer.start()
            writer.running.set()
        end, round_number = time.monotonic() + minutes * 60, 0
        while time.monotonic() < end:
            name = self.random.choice(list(self.events()))
            server = self.random.choice(self.servers)
            print(f"{time.strftime('%H:%M:%S')} {name} of {server.port}", flush=True)
            self.events()[name](server)
            self.counts[name] = self.counts.get(name, 0) + 1
            time.sleep(self.random.uniform(0, 2))
            self.rest()
            round_number += 1
            if round_number % 3 == 0:
                self.agree()
            faults = [writer.fault for writer in self.writers if writer.fault]
            if faults:
                raise SystemExit(f"found: {faults}")
        self.agree()
        faults = [writer.fault for writer in self.writers if writer.fault]
        if faults:
            raise SystemExit(f"found: {faults}")
        for writer in self.writers:
            writer.ended = True


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--minutes", type=float, default=30)
    parser.add_argument("--seed", type=int, default=int(time.time()))
    parser.add_argument("--binary", default="")
    options = parser.parse_args()
    print(f"seed {options.seed}", flush=True)
    soak = Soak(options)
    try:
        soak.run(options.minutes)
    except BaseException as error:
        print(f"seed {options.seed}: {error}; folders {[server.folder for server in soak.servers]}", flush=True)
        for server in soak.servers:
            server.stop(keep=True)
        os._exit(1)
    confirmed = sum(len(writer.confirmed) for writer in soak.writers)
    print(f"clean: {sum(w.writes for w in soak.writers)} writes, {confirmed} keys confirmed last, "
          f"{sum(w.errors for w in soak.writers)} retries, events {soak.counts}")
    for server in soak.servers:
        server.stop()


if __name__ == "__main__":
    main()
