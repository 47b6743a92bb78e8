//! Whole processes and the clients people use: redis-cli, redis-benchmark, redis-py, valkey-glide, ioredis, BullMQ,
//! Celery, the crate `redis`, our own generator; start, end, and what is said when something is missing.

mod aof;
mod aof_rewrite;
mod balance;
mod bench;
mod clients;
mod cluster;
mod dataset;
mod doors;
mod dump;
mod faults;
mod handover;
mod hotkeys;
mod ingress;
mod large_values;
mod memory;
mod metrics;
mod migrate;
mod monitor;
mod moving;
mod nodes;
mod pubsub;
mod rdb;
mod replication;
mod reshard;
mod slot_migration;
mod slots;
mod start;
mod tls;
mod tls_nodes;
mod tracking;
