// ioredis and BullMQ as their users run them: on the cluster of cores, and on the ingress as on one server.
// Arguments: a node's port, the ingress port.
import assert from 'node:assert/strict';
import Redis from 'ioredis';
import { Queue, QueueEvents, Worker } from 'bullmq';

const [port, ingress] = process.argv.slice(2).map(Number);
const bull = { maxRetriesPerRequest: null };
const cluster = () => new Redis.Cluster([{ host: '127.0.0.1', port }], { redisOptions: bull });
const single = () => new Redis({ host: '127.0.0.1', port: ingress, ...bull });

async function talks(redis, name) {
  const pipeline = redis.pipeline();
  for (let i = 0; i < 100; i++) pipeline.set(`{${name}}:${i}`, i);
  assert.deepEqual((await pipeline.exec()).map(([error, reply]) => error ?? reply), Array(100).fill('OK'));
  assert.equal(await redis.get(`{${name}}:42`), '42');
  const [[, count], [, members]] = await redis.multi().sadd(`{${name}}:set`, 'a', 'b').smembers(`{${name}}:set`).exec();
  assert.deepEqual([count, members.sort()], [2, ['a', 'b']]);
  redis.defineCommand('swap', { numberOfKeys: 1, lua: "local old = redis.call('get', KEYS[1]) redis.call('set', KEYS[1], ARGV[1]) return old" });
  assert.equal(await redis.swap(`{${name}}:1`, 'new'), '1');
  assert.equal(await redis.get(`{${name}}:1`), 'new');
  const added = await redis.xadd(`{${name}}:log`, '*', 'what', 'ever');
  const [[, [[id, fields]]]] = await redis.xread('COUNT', 1, 'STREAMS', `{${name}}:log`, '0');
  assert.deepEqual([id, fields], [added, ['what', 'ever']]);
}

async function hears(make, name) {
  const [listener, speaker] = [make(), make()];
  const heard = new Promise(resolve => listener.once('message', (channel, message) => resolve([channel, message])));
  await listener.subscribe(name);
  await speaker.publish(name, 'hello');
  assert.deepEqual(await heard, [name, 'hello']);
  listener.disconnect();
  speaker.disconnect();
}

// A queue's life: jobs at once, later, failing once, by priority, and one that waits for its children.
async function queues(make, name) {
  const options = { prefix: '{bull}', connection: make() };
  const queue = new Queue(name, options);
  const events = new QueueEvents(name, { ...options, connection: make() });
  await events.waitUntilReady();
  const tried = new Map();
  const worker = new Worker(name, async job => {
    const times = (tried.get(job.id) ?? 0) + 1;
    tried.set(job.id, times);
    if (job.name === 'stubborn' && times === 1) throw new Error('not yet');
    await job.updateProgress(50);
    return job.data.number * 2;
  }, { ...options, connection: make(), concurrency: 4 });
  const jobs = await queue.addBulk(Array.from({ length: 50 }, (_, number) => ({ name: 'plain', data: { number }, opts: { priority: number % 3 } })));
  jobs.push(await queue.add('later', { number: 50 }, { delay: 200 }));
  jobs.push(await queue.add('stubborn', { number: 51 }, { attempts: 2, backoff: { type: 'fixed', delay: 100 } }));
  const results = await Promise.all(jobs.map(job => job.waitUntilFinished(events, 30000)));
  assert.deepEqual(results, Array.from({ length: 52 }, (_, number) => number * 2));
  assert.equal(tried.get(jobs[51].id), 2);
  const counts = await queue.getJobCounts('completed', 'failed', 'waiting', 'active', 'delayed');
  assert.deepEqual(counts, { completed: 52, failed: 0, waiting: 0, active: 0, delayed: 0 });
  await worker.close();
  await events.close();
  await queue.obliterate({ force: true });
  await queue.close();
}

for (const [make, name] of [[cluster, 'cluster'], [single, 'ingress']]) {
  const redis = make();
  await talks(redis, name);
  await hears(make, name);
  await queues(make, name);
  redis.disconnect();
}
process.exit(0);
