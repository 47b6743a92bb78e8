//! Stories: a few nodes on a perfect network, what is done to them, and what they do.

mod commands;
mod failover;
mod kit;
mod moves;
mod siblings;
