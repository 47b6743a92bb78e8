#!/usr/bin/env python3
"""CPU per request of ringmaster-bench beside other load generators, against the same server, in turn, in one run.

usage: beside.py [--rounds 5] [--pipelines 1,16] [--server 'redis-server --save ""'] [--bench PATH]

The server runs on CPU 0, the generators on CPU 1: redis-benchmark, and memtier_benchmark where it is installed. Figures are of
the generator's process (user and system time, and how often it went to sleep), which stay comparable on a busy machine where
throughput does not. Each line is the median of the rounds; the ratio is how many times the requests per CPU second of the other
ringmaster-bench makes.
"""
import argparse, os, shlex, shutil, socket, statistics, subprocess, sys, tempfile

KEYS, SIZE, CONNECTIONS, PORT = 100_000, 64, 50, 28690
REQUESTS = {1: 200_000}  # by pipeline
REQUESTS_ELSE = 2_000_000


def commands(bench, test, pipeline, requests):
    """The generators' command lines, by name."""
    line = {"set": "SET __key__ __data__", "get": "GET __key__"}[test]
    common = ["-p", PORT, "-c", CONNECTIONS, "-n", requests, "-P", pipeline, "-r", KEYS, "-d", SIZE]
    found = {
        "ringmaster-bench": [bench, "-q", "--cluster", "no", "--command", line, *common],
        "redis-benchmark": ["redis-benchmark", "-q", "-t", test, *common],
    }
    if shutil.which("memtier_benchmark"):
        ratio = "1:0" if test == "set" else "0:1"
        found["memtier_benchmark"] = ["memtier_benchmark", "--hide-histogram", "-p", PORT, "-t", 1, "-c", CONNECTIONS,
                                      "-n", requests // CONNECTIONS, f"--pipeline={pipeline}", f"--ratio={ratio}",
                                      f"--key-maximum={KEYS}", "-d", SIZE]
    return {name: ["taskset", "-c", "1", *map(str, words)] for name, words in found.items()}


def cost(words, requests):
    """Microseconds of user and system time, and sleeps, for each request of a generator."""
    child = subprocess.Popen(words, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    _, status, usage = os.wait4(child.pid, 0)
    child.returncode = os.waitstatus_to_exitcode(status)
    if child.returncode:
        raise SystemExit(f"failed: {shlex.join(words)}")
    return usage.ru_utime * 1e6 / requests, usage.ru_stime * 1e6 / requests, usage.ru_nvcsw / requests


def start(template, folder):
    words = ["taskset", "-c", "0", *shlex.split(template), "--port", str(PORT), "--dir", folder]
    server = subprocess.Popen(words, cwd=folder, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    while server.poll() is None:
        try:
            with socket.create_connection(("127.0.0.1", PORT), timeout=1) as connection:
                connection.sendall(b"PING\r\n")
                if connection.recv(64).startswith(b"+PONG"):
                    return server
        except OSError:
            pass
    raise SystemExit(f"does not start: {shlex.join(words)}")


def main():
    here = os.path.dirname(os.path.abspath(__file__))
    default = os.path.join(here, "../../target/release/ringmaster-bench")
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--pipelines", default="1,16")
    parser.add_argument("--server", default='redis-server --save ""')
    parser.add_argument("--bench", default=default)
    options = parser.parse_args()
    bench = os.path.abspath(options.bench)
    seen = {}
    with tempfile.TemporaryDirectory() as folder:
        server = start(options.server, folder)
        try:
            cost(commands(bench, "set", 16, KEYS)["ringmaster-bench"], KEYS)
            for _ in range(options.rounds):
                for pipeline in map(int, options.pipelines.split(",")):
                    requests = REQUESTS.get(pipeline, REQUESTS_ELSE)
                    for test in ("set", "get"):
                        for name, words in commands(bench, test, pipeline, requests).items():
                            seen.setdefault((pipeline, test, name), []).append(cost(words, requests))
        finally:
            server.terminate()
            server.wait()
    print(f"{'load':8} {'generator':18} {'user us':>8} {'system us':>10} {'all us':>8} {'sleeps':>8}   ratio")
    for (pipeline, test, name), costs in seen.items():
        user, system, sleeps = (statistics.median(values) for values in zip(*costs))
        own = statistics.median(u + s for u, s, _ in seen[pipeline, test, "ringmaster-bench"])
        both = statistics.median(u + s for u, s, _ in costs)
        ratio = "" if name == "ringmaster-bench" else f"{both / own:8.2f}"
        print(f"P{pipeline:<3}{test:4} {name:18} {user:8.3f} {system:10.3f} {both:8.3f} {sleeps:8.4f}{ratio}")


if __name__ == "__main__":
    sys.exit(main())
