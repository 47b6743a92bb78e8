// ioredis while slots move: it writes and reads until its input ends; an error is the end of it, as of any application.
import assert from 'node:assert/strict';
import Redis from 'ioredis';

const KEYS = 200;
const redis = new Redis.Cluster([{ host: '127.0.0.1', port: Number(process.argv[2]) }]);
let done = false;
process.stdin.on('end', () => { done = true; }).resume();
let i = 0;
while (!done) {
  const key = `ioredis:${i % KEYS}`;
  assert.equal(await redis.set(key, i), 'OK');
  assert.equal(await redis.get(key), String(i));
  assert.equal(await redis.incr(`{${key}}:count`), Math.floor(i / KEYS) + 1);
  assert.equal(await redis.mset(`{${key}}:a`, i, `{${key}}:b`, i), 'OK');
  assert.deepEqual(await redis.mget(`{${key}}:a`, `{${key}}:b`), [String(i), String(i)]);
  const several = Array.from({ length: 5 }, (_, other) => redis.set(`ioredis:piped:${i % KEYS + other}`, i));
  assert.deepEqual(await Promise.all(several), Array(5).fill('OK'));
  i += 1;
  if (i === KEYS) console.log('ready');
}
for (let last = i - KEYS; last < i; last++) {
  const key = `ioredis:${last % KEYS}`;
  assert.equal(await redis.get(key), String(last), key);
  assert.equal(await redis.get(`{${key}}:count`), String(Math.floor(last / KEYS) + 1), key);
  assert.deepEqual(await redis.mget(`{${key}}:a`, `{${key}}:b`), [String(last), String(last)], key);
}
process.exit(0);
