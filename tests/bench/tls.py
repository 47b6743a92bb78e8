#!/usr/bin/env python3
"""CPU of a server for each request over TLS, and without: ours beside redis-server and, if it was built with TLS, valkey-server.

usage: tls.py [--rounds 5] [--requests 200000]

The server is pinned to CPU 0, ringmaster-bench to CPU 1; the servers take turns within a round, so that what the machine does
meanwhile meets all. TLS 1.3 with the cipher the server likes best, one certificate (P-256), 50 connections, 64-byte values;
with P=16 ten times as many requests. Shown are medians of the rounds and the ratio ours to the other.
"""
import argparse, subprocess, tempfile, time

from servers import BENCH, Server, median, ours, own_all_slots, peer


def certificate():
    """Options of a server that shows a certificate of its own making."""
    folder = tempfile.mkdtemp(prefix="bench-tls-")
    certificate, key = f"{folder}/own.crt", f"{folder}/own.key"
    words = "openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -days 2 -subj /CN=localhost"
    subprocess.run([*words.split(), "-keyout", key, "-out", certificate], check=True, capture_output=True)
    return (
        f" --tls-port {{other_port}} --tls-cert-file {certificate} --tls-key-file {key}"
        f" --tls-ca-cert-file {certificate} --tls-auth-clients no"
    )


def us_a_request(server, tls, command, pipeline, requests):
    port = server.other_port if tls else server.port
    words = [BENCH, "-p", str(port), "--cluster", "no", "--cpus", "1", "-c", "50", "-P", str(pipeline), "-n", str(requests)]
    words += ["--command", command, "-d", "64", "-r", "100000", "-q", *(["--tls", "--insecure"] if tls else [])]
    before = server.cpu_seconds()
    subprocess.run(words, check=True, capture_output=True)
    return (server.cpu_seconds() - before) * 1e6 / requests


def start(options):
    servers = {"ours": Server(ours() + options, cpu=0)}
    for kind in ("redis", "valkey"):
        try:
            servers[kind] = Server(peer(kind, options), cpu=0)
        except SystemExit as missing:
            print(f"without {kind}: it is not there, or was built without TLS ({missing})", flush=True)
    for server in servers.values():
        own_all_slots(server)
    return servers


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--requests", type=int, default=200_000)
    options = parser.parse_args()
    servers = start(certificate())
    for pipeline in (1, 16):
        for verb, command in (("SET", "SET __key__ __data__"), ("GET", "GET __key__")):
            for tls in (True, False):
                requests = options.requests * (10 if pipeline > 1 else 1)
                costs = {name: [] for name in servers}
                for _ in range(options.rounds):
                    for name, server in servers.items():
                        costs[name].append(us_a_request(server, tls, command, pipeline, requests))
                medians = {name: median(each) for name, each in costs.items()}
                line = ", ".join(f"{name} {cost:.2f}" for name, cost in medians.items())
                ratios = ", ".join(f"{medians['ours'] / cost:.2f} of {name}" for name, cost in medians.items() if name != "ours")
                print(f"{'TLS' if tls else 'TCP'} {verb} P={pipeline:<3} us of CPU: {line}; {ratios}", flush=True)


if __name__ == "__main__":
    main()
