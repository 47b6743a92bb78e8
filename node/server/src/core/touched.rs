//! Who hears what happened to keys: WATCH, clients that wait, subscribers of events, caches of clients.
//!
//! Commands, expiry and eviction say what they did in the same words (`commands::Effects`). They say so key by key
//! only while somebody listens: else all of this is one branch.

use crate::core::Core;
use crate::core::blocking::SessionId;

impl Core {
    /// Tells whoever watches, waits for or is subscribed to keys what happened to them.
    /// `actor` did it, unless nobody did.
    pub fn tell_touched(&mut self, actor: Option<SessionId>) {
        if self.effects.touched.is_empty() && self.effects.expired.is_empty() {
            return;
        }
        let expired = std::mem::take(&mut self.effects.expired);
        for key in &expired {
            self.watch.expired(key);
            self.exports.touched(key);
            self.invalidate(key, actor, true);
        }
        self.effects.expired = expired;
        let touched = std::mem::take(&mut self.effects.touched);
        for touch in &touched {
            if touch.modified {
                self.watch.written(&touch.key);
                self.exports.touched(&touch.key);
                self.waiting.written(&touch.key);
                self.invalidate(&touch.key, actor, false);
            }
            if let Some((class, event)) = touch.event {
                self.notify(class, event, &touch.key);
            }
        }
        self.effects.touched = touched;
    }

    /// Effects are recorded key by key only while somebody wants to know.
    pub fn update_listening(&mut self) {
        self.effects.listening = !self.watch.is_empty()
            || !self.waiting.is_empty()
            || !self.exports.is_empty()
            || self.wants_events()
            || self.tracking.is_active();
    }
}
