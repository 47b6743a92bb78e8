"""valkey-glide in cluster mode."""

import asyncio
import sys

from glide import GlideClusterClient, GlideClusterClientConfiguration, NodeAddress


async def main(port: int) -> None:
    config = GlideClusterClientConfiguration([NodeAddress("127.0.0.1", port)])
    client = await GlideClusterClient.create(config)
    for i in range(200):
        assert await client.set(f"key:{i}", str(i)) == "OK"
    for i in range(200):
        assert await client.get(f"key:{i}") == str(i).encode()
    assert await client.mset({"a": "1", "b": "2", "c": "3"}) == "OK"
    assert await client.mget(["a", "b", "c"]) == [b"1", b"2", b"3"]
    assert await client.delete(["a", "b", "c"]) == 3
    await client.close()


asyncio.run(main(int(sys.argv[1])))
print("valkey-glide: ok")
