#!/usr/bin/env python3
"""What it costs to go through the ingress: CPU of the server for a request to the core that owns the key, and to another one.

usage: forward.py [--requests 400000] [--runs 3]

One process of two cores. The generator sends SET and GET straight to the owner (as a cluster client does), then the same through
the ingress port, where the cores share the connections, so that about half of the requests are forwarded. From both follows what
a forwarded one costs. Runs alternate; shown are medians.
"""
import argparse, subprocess

from servers import BENCH, Server, median, ours


def cost(server, port, cluster, pipeline, options):
    """Server's CPU for each request, microseconds."""
    words = [BENCH, "-q", "-p", port, "-c", 50, "-P", pipeline, "-n", options.requests * (4 if pipeline > 1 else 1), "-r", 100_000,
             "-d", 16, "--cluster", "yes" if cluster else "no", "--command", "SET __key__ __data__", "--command", "GET __key__"]
    before = server.cpu_seconds()
    subprocess.run([str(word) for word in words], check=True, stdout=subprocess.DEVNULL)
    return (server.cpu_seconds() - before) * 1e6 / int(words[words.index("-n") + 1])


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--requests", type=int, default=400_000, help="of each kind; four times as many with a pipeline")
    parser.add_argument("--runs", type=int, default=3)
    parser.add_argument("--binary")
    options = parser.parse_args()
    server = Server(ours(options.binary, cores=2) + " --bootstrap yes --ingress-port 2{port}")
    for pipeline in (1, 16):
        direct, ingress = [], []
        for _ in range(options.runs):
            direct.append(cost(server, server.port, True, pipeline, options))
            ingress.append(cost(server, 20_000 + server.port, False, pipeline, options))
        plain, through = median(direct), median(ingress)
        print(f"P={pipeline}: direct {plain:.2f} us, through the ingress {through:.2f} us; "
              f"a forwarded request costs {(2 * through - plain) / plain:.2f} times a direct one", flush=True)


if __name__ == "__main__":
    main()
