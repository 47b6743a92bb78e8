//! The connections of a core.

use crate::client::Client;

/// All connections, by index; an index is used again, with another generation, when its client is gone.
#[derive(Default)]
pub struct Clients {
    slots: Vec<Slot>,
    free: Vec<u32>,
    next_id: u64,
    /// Number of cores: no two clients of a process have the same number.
    id_step: u64,
    count: usize,
}

#[derive(Default)]
struct Slot {
    generation: u32,
    // Absent while the client's own command runs, and when the slot is free.
    client: Option<Box<Client>>,
}

/// Generations are kept in 24 bits of a ring token.
const GENERATION_MASK: u32 = (1 << 24) - 1;

impl Clients {
    /// No connections yet; they get every `step`-th number behind `first`.
    pub fn numbered(first: u64, step: u64) -> Clients {
        Clients { next_id: first + 1, id_step: step, ..Clients::default() }
    }

    /// Number of connections.
    pub fn len(&self) -> usize {
        self.count
    }

    /// Takes a new connection in; its index.
    pub fn insert(&mut self, mut client: Box<Client>) -> u32 {
        let index = self.free.pop().unwrap_or_else(|| {
            self.slots.push(Slot::default());
            self.slots.len() as u32 - 1
        });
        let slot = &mut self.slots[index as usize];
        client.id = self.next_id;
        self.next_id += self.id_step;
        client.index = index;
        client.generation = slot.generation;
        slot.client = Some(client);
        self.count += 1;
        index
    }

    /// The client at `index`, unless it was taken.
    pub fn get(&mut self, index: u32) -> Option<&mut Box<Client>> {
        self.slots.get_mut(index as usize)?.client.as_mut()
    }

    /// The client of this incarnation at `index`, unless it was taken.
    pub fn peek(&self, index: u32, generation: u32) -> Option<&Client> {
        let slot = self.slots.get(index as usize)?;
        slot.client.as_deref().filter(|_| slot.generation == generation)
    }

    /// Takes the client at `index` out while its own command runs; [`Clients::put`] it back.
    #[inline]
    pub fn take(&mut self, index: u32, generation: u32) -> Option<Box<Client>> {
        let slot = self.slots.get_mut(index as usize)?;
        if slot.generation != generation { None } else { slot.client.take() }
    }

    /// Whether this incarnation of the client at `index` is taken.
    #[inline]
    pub fn is_taken(&self, index: u32, generation: u32) -> bool {
        let slot = self.slots.get(index as usize);
        slot.is_some_and(|slot| slot.generation == generation && slot.client.is_none())
    }

    /// The present incarnation of the client at `index`.
    pub fn generation(&self, index: u32) -> u32 {
        self.slots.get(index as usize).map_or(0, |slot| slot.generation)
    }

    /// Puts a taken client back.
    #[inline]
    pub fn put(&mut self, client: Box<Client>) {
        let index = client.index as usize;
        self.slots[index].client = Some(client);
    }

    /// Forgets a client that was taken: its index is free.
    pub fn retire(&mut self, client: Box<Client>) {
        let slot = &mut self.slots[client.index as usize];
        slot.generation = (slot.generation + 1) & GENERATION_MASK;
        self.free.push(client.index);
        self.count -= 1;
    }

    /// All connections but a taken one.
    pub fn iter(&self) -> impl Iterator<Item = &Client> {
        self.slots.iter().filter_map(|slot| slot.client.as_deref())
    }

    /// All connections but a taken one.
    pub fn iter_mut(&mut self) -> impl Iterator<Item = &mut Client> {
        self.slots.iter_mut().filter_map(|slot| slot.client.as_deref_mut())
    }
}
