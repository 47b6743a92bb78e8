//! How the background work of a quiet core rests longer than usual, and who ends that.
//!
//! Every wake-up of a core that has nothing to do costs some 150 µs of CPU: caches are cold, and the executor enters its rings
//! several times. So a quiet core's `cron` sleeps until the brain has something to do, and whoever brings news rouses it.

use std::cell::RefCell;
use std::future::poll_fn;
use std::task::{Poll, Waker};
use std::time::Duration;

use crate::core::Core;
use crate::executor;

/// A core's rest.
#[derive(Default)]
pub struct Rest {
    /// Who sleeps; none unless it may be roused.
    sleeper: Option<Waker>,
    /// Until when, on the brain's clock.
    until_ms: u64,
}

impl Rest {
    /// Ends the rest.
    #[inline]
    pub fn rouse(&mut self) {
        if let Some(sleeper) = self.sleeper.take() {
            sleeper.wake();
        }
    }
}

/// Rests for `time`, or until the core is roused.
pub async fn rest(core: &RefCell<Core>, time: Duration) {
    let until_ms = core.borrow().bus_now() + time.as_millis() as u64;
    core.borrow_mut().rest.until_ms = until_ms;
    let mut lies = false;
    let roused = poll_fn(|context| {
        let rest = &mut core.borrow_mut().rest;
        if lies && rest.sleeper.is_none() {
            return Poll::Ready(());
        }
        lies = true;
        rest.sleeper = Some(context.waker().clone());
        Poll::Pending
    });
    executor::in_time(time, roused).await;
    core.borrow_mut().rest.sleeper = None;
}

impl Core {
    /// Ends the rest if the brain has something to do before its end.
    pub fn rouse_for_brain(&mut self) {
        if self.cluster.next_deadline() < self.rest.until_ms {
            self.rest.rouse();
        }
    }
}
