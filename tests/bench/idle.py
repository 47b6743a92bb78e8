#!/usr/bin/env python3
"""What a quiet server costs: CPU with idle connections, memory of a connection, the round trip of a lone client. Beside redis-server.

usage: idle.py [--connections 1000] [--seconds 20] [--many 10000] [--pings 20000]

The servers run on CPU 0 (two cores of ours: on both), the client on CPU 1. Round trips alternate between the servers in blocks,
so that what the machine does meanwhile meets both; shown are medians and the lower decile.
"""
import argparse, os, resource, socket, time

from servers import Client, Server, median, ours, own_all_slots, peer


def connect(port, count):
    """Connections that have said something once."""
    sockets = [socket.create_connection(("127.0.0.1", port)) for _ in range(count)]
    for each in sockets:
        each.sendall(b"PING\r\n")
    for each in sockets:
        assert each.recv(16) == b"+PONG\r\n"
    return sockets


def idle_cpu(name, server, options, ports):
    held = [connection for port in ports for connection in connect(port, options.connections // len(ports))]
    time.sleep(2)
    before = server.cpu_seconds()
    time.sleep(options.seconds)
    share = (server.cpu_seconds() - before) / options.seconds
    print(f"{name:8} {len(held)} idle connections: {100 * share:.2f} % of a CPU", flush=True)
    return held


def many(name, server, options):
    before = server.resident()
    held = connect(server.port, options.many)
    time.sleep(1)
    print(f"{name:8} {options.many} connections: {(server.resident() - before) / options.many:.0f} bytes each", flush=True)
    for each in held:
        each.close()


def pings(client, count):
    times = []
    for _ in range(count):
        begun = time.perf_counter()
        client.call("PING")
        times.append((time.perf_counter() - begun) * 1e6)
    return times


def lone(servers, options):
    clients = {name: Client(server.port) for name, server in servers.items()}
    times = {name: [] for name in servers}
    for _ in range(20):
        for name, client in clients.items():
            times[name] += pings(client, options.pings // 20)
    for name, taken in times.items():
        print(f"{name:8} round trip of PING: median {median(taken):.1f} us, lower decile {sorted(taken)[len(taken) // 10]:.1f}", flush=True)
    print(f"ratio of medians {median(times['ours']) / median(times['redis']):.2f}", flush=True)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--connections", type=int, default=1000)
    parser.add_argument("--seconds", type=int, default=20)
    parser.add_argument("--many", type=int, default=10_000)
    parser.add_argument("--pings", type=int, default=20_000)
    options = parser.parse_args()
    limit = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    resource.setrlimit(resource.RLIMIT_NOFILE, (limit, limit))

    two = Server(ours(cores=2) + " --bootstrap yes")
    idle_cpu("ours", two, options, [two.port, two.port + 1])
    two.stop()
    os.sched_setaffinity(0, {1})
    room = f" --maxclients {options.many + 100}"
    servers = {"ours": Server(ours() + room, cpu=0), "redis": Server(peer("redis") + room, cpu=0)}
    for server in servers.values():
        own_all_slots(server)
    lone(servers, options)
    for name, server in servers.items():
        many(name, server, options)
        server.stop()


if __name__ == "__main__":
    main()
