#!/usr/bin/env python3
"""What the cluster bus costs while nothing happens: CPU of all nodes, and messages, by the size of the cluster. Beside Valkey.

usage: bus.py [--nodes 6,50,200] [--seconds 20] [--node-timeout 15000] [--only valkey,ours,cores]

`ours` and `valkey` are as many processes of one node; `cores` is ten processes (two, with six nodes) whose cores are the nodes.
All nodes are masters that share the slots. Time is measured when all have met and nobody is in doubt.
"""
import argparse, os, time

from servers import Client, Server, ours, peer, wait_until


def info(client):
    return dict(line.split(":", 1) for line in client.call("CLUSTER", "INFO").decode().split("\r\n") if ":" in line)


def gather(name, count, options):
    """The processes, and a client for each node."""
    timeout = f" --cluster-node-timeout {options.node_timeout}"
    if name == "cores":
        processes = 2 if count < 50 else 10
        template = ours(cores=count // processes) + timeout
        servers = [Server(template, room=count // processes) for _ in range(processes)]
        clients = [Client(server.port + core) for server in servers for core in range(count // processes)]
    else:
        template = {"ours": ours(), "valkey": peer("valkey")}[name] + timeout
        servers = [Server(template) for _ in range(count)]
        clients = [server.client for server in servers]
    share = 16384 // count
    for index, client in enumerate(clients):
        client.call("CLUSTER", "ADDSLOTSRANGE", index * share, 16383 if index == count - 1 else (index + 1) * share - 1)
        if index:
            client.call("CLUSTER", "MEET", "127.0.0.1", servers[0].port)
    for client in clients:
        wait_until("all have met", lambda: info(client)["cluster_known_nodes"] == str(count), 600)
        wait_until("the cluster is up", lambda: info(client)["cluster_state"] == "ok", 600)
    return servers, clients


def measure(name, count, options):
    servers, clients = gather(name, count, options)
    time.sleep(options.node_timeout / 1000)

    def figures():
        sent = sum(int(info(client).get("cluster_stats_messages_sent", 0)) for client in clients)
        return sum(server.cpu_seconds() for server in servers), sent

    asked = figures()
    again = figures()  # What asking costs is not the bus's.
    time.sleep(options.seconds)
    after = figures()
    cpu = (after[0] - again[0]) - (again[0] - asked[0])
    sent = after[1] - again[1]
    print(f"{name:8} {count:4} nodes: {100 * cpu / options.seconds / count:.3f} % of a CPU a node, "
          f"{sent / options.seconds / count:.1f} messages a second a node", flush=True)
    for server in servers:
        server.stop()
    return cpu


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--nodes", default="6,50,200")
    parser.add_argument("--seconds", type=int, default=20)
    parser.add_argument("--node-timeout", type=int, default=15_000)
    parser.add_argument("--only", default="valkey,ours,cores")
    options = parser.parse_args()
    for count in map(int, options.nodes.split(",")):
        used = {name: measure(name, count, options) for name in options.only.split(",")}
        if "valkey" in used:
            print(f"{count} nodes: " + "  ".join(f"{name} {cpu / used['valkey']:.2f}" for name, cpu in used.items()),
                  "of Valkey's CPU", flush=True)


if __name__ == "__main__":
    main()
