"""valkey-glide while slots move: it writes and reads until its input ends; an error is the end of it, as of any application."""

import asyncio
import sys

from glide import GlideClusterClient, GlideClusterClientConfiguration, NodeAddress

KEYS = 200


async def main(port: int) -> None:
    config = GlideClusterClientConfiguration([NodeAddress("127.0.0.1", port)], request_timeout=10_000)
    client = await GlideClusterClient.create(config)
    done = asyncio.get_running_loop().run_in_executor(None, sys.stdin.read)
    i = 0
    while not done.done():
        key = f"glide:{i % KEYS}"
        value = str(i).encode()
        assert await client.set(key, value) == "OK"
        assert await client.get(key) == value
        assert await client.incr(f"{{{key}}}:count") == i // KEYS + 1
        assert await client.mset({f"{{{key}}}:a": value, f"{{{key}}}:b": value}) == "OK"
        assert await client.mget([f"{{{key}}}:a", f"{{{key}}}:b"]) == [value, value]
        several = [client.set(f"glide:piped:{i % KEYS + other}", value) for other in range(5)]
        assert await asyncio.gather(*several) == ["OK"] * 5
        i += 1
        if i == KEYS:
            print("ready", flush=True)
    for last in range(i - KEYS, i):
        key = f"glide:{last % KEYS}"
        value = str(last).encode()
        assert await client.get(key) == value, key
        assert await client.get(f"{{{key}}}:count") == str(last // KEYS + 1).encode(), key
        assert await client.mget([f"{{{key}}}:a", f"{{{key}}}:b"]) == [value, value], key
    await client.close()


asyncio.run(main(int(sys.argv[1])))
