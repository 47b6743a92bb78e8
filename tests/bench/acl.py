#!/usr/bin/env python3
"""CPU of the server for each request of a user with rules, beside that of the default user, who may do everything.

usage: acl.py [--rounds 9] [--requests 200000] [--pipelines 1 16]

The server is pinned to CPU 0, ringmaster-bench to CPU 1; the users take turns. The user may do what an application's should:
commands by category with exceptions, keys by two patterns of which the second fits. With P=16 ten times as many requests.
"""
import argparse, subprocess

from servers import BENCH, Server, median, ours, own_all_slots

USER = "on >secret ~other:* ~key:* &app:* +@read +@write -@dangerous +ping"


def us_a_request(server, user, command, pipeline, requests):
    words = [BENCH, "-p", str(server.port), "--cluster", "no", "--cpus", "1", "-c", "50", "-P", str(pipeline), "-n", str(requests)]
    words += ["--command", command, "-d", "64", "-r", "100000", "--key-prefix", "key:", "-q"]
    words += ["--user", user, "-a", "secret"] if user else []
    before = server.cpu_seconds()
    subprocess.run(words, check=True, capture_output=True)
    return (server.cpu_seconds() - before) * 1e6 / requests


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=9)
    parser.add_argument("--requests", type=int, default=200_000)
    parser.add_argument("--pipelines", type=int, nargs="+", default=[1, 16])
    options = parser.parse_args()
    server = Server(ours(), cpu=0)
    own_all_slots(server)
    server.client.call("ACL", "SETUSER", "app", *USER.split())
    for pipeline in options.pipelines:
        for verb, command in (("SET", "SET __key__ __data__"), ("GET", "GET __key__")):
            requests = options.requests * (10 if pipeline > 1 else 1)
            pairs = [[us_a_request(server, user, command, pipeline, requests) for user in (None, "app")] for _ in range(options.rounds)]
            free, ruled = (median(each) for each in zip(*pairs))
            ratio = median(ruled / free for free, ruled in pairs)
            print(f"{verb} P={pipeline:<3} us of CPU: default {free:.3f}, with rules {ruled:.3f}; median ratio {ratio:.3f}", flush=True)


if __name__ == "__main__":
    main()
