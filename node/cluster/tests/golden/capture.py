#!/usr/bin/env python3
"""Captures golden bus packets from a real server: capture.py SERVER_BINARY LABEL [BASE_PORT].

Six nodes on loopback announce bus ports on which this script forwards to the real ones and keeps a copy of
what passes. A cluster is created, messages are published, a replica is promoted by hand, a master is killed
and returns, a node is forgotten; of each kind of packet the first two distinct ones are written as
LABEL-KIND-N.bin beside this script, and the last nodes.conf of the first node as LABEL.nodes.conf.
"""
import asyncio, os, shutil, struct, subprocess, sys, tempfile

BINARY, LABEL = sys.argv[1], sys.argv[2]
BASE = int(sys.argv[3]) if len(sys.argv) > 3 else 21000
HERE = os.path.dirname(os.path.abspath(__file__))
NAMES = "ping pong meet fail publish auth-req auth-ack update mfstart module publishshard".split()
N = 6
seen = {}
servers = {}
folder = tempfile.mkdtemp(prefix="golden")


def keep(packet):
    kind, = struct.unpack(">H", packet[12:14])
    light = bool(kind & 0x8000)
    name = NAMES[kind & 0x7FFF] + ("-light" if light else "")
    if not light:
        count, = struct.unpack(">H", packet[14:16])
        extensions, = struct.unpack(">H", packet[2214:2216])
        if kind <= 2:
            name += f"-gossip{min(count, 1)}" + ("-ext" if packet[2253] & 4 and extensions else "")
            if extensions:
                offset, types = 2256 + 104 * count, []
                for _ in range(extensions):
                    size, t = struct.unpack(">IH", packet[offset:offset + 6])
                    types.append(t)
                    offset += size
                if 2 in types:
                    name += "-forgotten"
        if packet[2253] & 1:
            name += "-paused"
        if packet[2253] & 2:
            name += "-force"
    kept = seen.setdefault(name, [])
    if len(kept) < 2 and packet not in kept:
        kept.append(packet)


async def pump(reader, writer):
    held = b""
    try:
        while data := await reader.read(65536):
            writer.write(data)
            await writer.drain()
            held += data
            while len(held) >= 8:
                size, = struct.unpack(">I", held[4:8])
                if len(held) < size:
                    break
                keep(held[:size])
                held = held[size:]
    except (ConnectionError, asyncio.CancelledError):
        pass
    writer.close()


async def proxy(front, back):
    async def serve(reader, writer):
        try:
            back_reader, back_writer = await asyncio.open_connection("127.0.0.1", back)
        except OSError:
            writer.close()
            return
        await asyncio.gather(pump(reader, back_writer), pump(back_reader, writer))
    await asyncio.start_server(serve, "127.0.0.1", front)


def start(i):
    port = BASE + i
    where = os.path.join(folder, str(port))
    os.makedirs(where, exist_ok=True)
    args = [BINARY, "--port", str(port), "--cluster-enabled", "yes", "--cluster-port", str(BASE + 100 + i),
            "--cluster-announce-bus-port", str(BASE + 200 + i), "--cluster-node-timeout", "1500",
            "--cluster-announce-hostname", f"host-{i}.example", "--dir", where, "--save", "",
            "--cluster-announce-ip", "127.0.0.1", "--enable-debug-command", "yes"]
    if "valkey-9" in LABEL:
        args += ["--availability-zone", f"zone-{i}", "--cluster-announce-client-port", str(port),
                 "--cluster-announce-client-ipv4", "127.0.0.1"]
    if "7.0" not in LABEL:
        args += ["--cluster-announce-human-nodename", f"name-{i}"]
    servers[i] = subprocess.Popen(args, stdout=subprocess.DEVNULL)


async def cli(i, *args, check=False):
    process = await asyncio.create_subprocess_exec("redis-cli", "-p", str(BASE + i), *args,
                                                   stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.STDOUT)
    out, _ = await process.communicate()
    return out.decode()


async def until(what, condition):
    for _ in range(600):
        if await condition():
            return
        await asyncio.sleep(0.05)
    raise SystemExit(f"never: {what}")


async def main():
    try:
        await scenario()
    finally:
        for server in servers.values():
            server.kill()
            server.wait()
        for name, packets in sorted(seen.items()):
            print(name, [len(p) for p in packets])
            for n, packet in enumerate(packets):
                with open(os.path.join(HERE, f"{LABEL}-{name}-{n}.bin"), "wb") as out:
                    out.write(packet)
        shutil.rmtree(folder)


async def scenario():
    for i in range(N):
        await proxy(BASE + 200 + i, BASE + 100 + i)
        start(i)
    for i in range(N):
        await until("up", lambda: has(i, "ping", want="PONG"))
    for i in range(N):  # MEET by hand: redis-cli's own create does not know of announced bus ports.
        if i:
            await cli(0, "cluster", "meet", "127.0.0.1", str(BASE + i), str(BASE + 200 + i))
    for i in range(3):
        await cli(i, "cluster", "set-config-epoch", str(i + 1))
        await cli(i, "cluster", "addslotsrange", str(i * 5462), str(min(16383, i * 5462 + 5461)))
    await until("known", lambda: has(5, "cluster", "nodes", want=str(BASE + 2)))
    await until("known by all", lambda: all_know(6))
    ids = [(await cli(i, "cluster", "myid")).strip() for i in range(N)]
    for i in range(3, 6):
        await until("replica", lambda: has(i, "cluster", "replicate", ids[i - 3], want="OK"))
    for i in range(N):
        await until("ok", lambda: has(i, "cluster", "info", want="cluster_state:ok"))
    for i in range(3, 6):
        await until("synced", lambda: has(i, "info", "replication", want="master_link_status:up"))
    await asyncio.sleep(1)
    await cli(0, "publish", "channel", "message")
    await cli(0, "-c", "spublish", "channel", "shard message")
    await until("manual failover", lambda: has(3, "cluster", "failover", want="OK"))
    await until("promoted", lambda: has(3, "role", want="master"))
    await asyncio.sleep(1)
    servers[1].kill()
    servers[1].wait()
    await until("failed over", lambda: has(4, "role", want="master"))
    await asyncio.sleep(1)
    start(1)
    await until("back", lambda: has(1, "role", want="slave"))
    await asyncio.sleep(1)
    # An UPDATE answers a master whose claim is stale: it comes back while its successor is paused.
    await until("synced", lambda: has(1, "info", "replication", want="master_link_status:up"))
    servers[4].kill()
    servers[4].wait()
    await until("failed over", lambda: has(1, "role", want="master"))
    servers[1].send_signal(19)
    await asyncio.sleep(0.2)
    start(4)
    await asyncio.sleep(1.5)
    servers[1].send_signal(18)
    await until("back", lambda: has(4, "role", want="slave"))
    await cli(2, "cluster", "forget", ids[0])
    await asyncio.sleep(2)
    shutil.copy(os.path.join(folder, str(BASE + 2), "nodes.conf"), os.path.join(HERE, f"{LABEL}.nodes.conf"))


async def has(i, *args, want):
    return want in await cli(i, *args)


async def all_know(count):
    for i in range(N):
        if (await cli(i, "cluster", "nodes")).count("connected") < count:
            return False
    return True


asyncio.run(main())
