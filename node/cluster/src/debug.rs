//! Switches of the DEBUG command that the public test suite turns to make links fail.

use crate::command_error::CommandError;
use crate::state::Cluster;

impl Cluster {
    /// DEBUG DROP-CLUSTER-PACKET-FILTER: packets of this type are dropped; `None` (-1) for none.
    pub fn debug_drop_packets(&mut self, kind: Option<u16>) {
        self.debug.drop_packet_type = kind;
    }

    /// DEBUG CLOSE-CLUSTER-LINK-ON-PACKET-DROP: and their link is closed.
    pub fn debug_close_link_on_drop(&mut self, close: bool) {
        self.debug.close_link_on_drop = close;
    }

    /// DEBUG CLUSTERLINK KILL: closes links with a node: `to`, `from` or `all`.
    ///
    /// # Errors
    /// The node is not known or this one, or there is no such direction.
    pub fn debug_kill_links(&mut self, direction: &str, id: &str, now: u64) -> Result<(), CommandError> {
        let node = self.find_by_text(id).ok_or_else(|| CommandError::UnknownNode(id.into()))?;
        if node == self.me {
            return Err(CommandError::KillMyLinks);
        }
        let row = &self.nodes[node];
        let links = match direction.to_ascii_lowercase().as_str() {
            "to" => [row.link, None],
            "from" => [row.inbound, None],
            "all" => [row.link, row.inbound],
            _ => return Err(CommandError::BadDirection(direction.into())),
        };
        for link in links.into_iter().flatten() {
            self.close_link(link);
        }
        self.finish(now);
        Ok(())
    }
}
