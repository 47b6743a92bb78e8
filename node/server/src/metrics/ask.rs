//! Asking all cores: the core that has the port sends a question to each sibling over the mesh and collects the
//! answers. A core that is too busy to answer in time is left out.

use std::cell::{Cell, RefCell};
use std::collections::HashMap;
use std::future::poll_fn;
use std::rc::Rc;
use std::task::{Poll, Waker};
use std::time::Duration;

use crate::admin::info::Glance;
use crate::core::Core;
use crate::executor;
use crate::hotkeys;
use crate::mesh::Message;

use super::sample::{Report, report};
use super::slots::{Figure, SlotRun, runs};
use super::table::Scope;

/// How long a sibling may take to answer.
const PATIENCE: Duration = Duration::from_secs(1);

/// What a core may be asked.
#[derive(Debug, Clone, Copy)]
pub enum Question {
    /// For the samples of its metrics.
    Samples,
    /// For a figure of each of its slots.
    Slots(Figure),
    /// For the keys that cost most.
    HotKeys,
}

/// What it answers.
#[derive(Debug)]
pub enum Answer {
    /// To [`Question::Samples`].
    Samples(Report),
    /// To [`Question::Slots`].
    Slots(Vec<SlotRun>),
    /// To [`Question::HotKeys`]; `None` where they are not tracked.
    HotKeys(Option<Box<hotkeys::Report>>),
}

/// The questions of a core that siblings have still to answer.
#[derive(Default)]
pub struct Questions {
    next: u64,
    open: HashMap<u64, Rc<Open>>,
}

/// One of them.
struct Open {
    /// By core.
    answers: RefCell<Vec<Option<Answer>>>,
    waker: Cell<Option<Waker>>,
}

impl Questions {
    /// A sibling answered. An answer that comes too late is for nobody.
    pub fn answered(&mut self, id: u64, core: u16, answer: Answer) {
        let Some(open) = self.open.get(&id) else { return };
        open.answers.borrow_mut()[usize::from(core)] = Some(answer);
        if let Some(waker) = open.waker.take() {
            waker.wake();
        }
    }
}

impl Core {
    /// This core's answer to a question.
    fn answer_question(&self, question: Question) -> Answer {
        match question {
            Question::Samples => Answer::Samples(report(&Glance::of(self, None), Scope::Core)),
            Question::Slots(figure) => Answer::Slots(runs(self, figure)),
            Question::HotKeys => Answer::HotKeys(hotkeys::Report::look(self).map(Box::new)),
        }
    }

    /// Answers a sibling.
    pub fn answer_sibling(&mut self, sibling: u16, id: u64, question: Question) {
        let answer = Box::new(self.answer_question(question));
        self.mesh.send(sibling, Message::Told(id, answer));
    }
}

/// The answers of all cores, by core.
pub async fn ask(core: &Rc<RefCell<Core>>, question: Question) -> Vec<Option<Answer>> {
    let (id, open) = begin(&mut core.borrow_mut(), question);
    let all = poll_fn(|context| {
        if open.answers.borrow().iter().all(Option::is_some) {
            return Poll::Ready(());
        }
        open.waker.set(Some(context.waker().clone()));
        Poll::Pending
    });
    executor::in_time(PATIENCE, all).await;
    core.borrow_mut().questions.open.remove(&id);
    open.answers.take()
}

/// Answers for this core and asks the others.
fn begin(core: &mut Core, question: Question) -> (u64, Rc<Open>) {
    let mut answers: Vec<Option<Answer>> = (0..core.mesh.cores()).map(|_| None).collect();
    answers[usize::from(core.index)] = Some(core.answer_question(question));
    let open = Rc::new(Open { answers: RefCell::new(answers), waker: Cell::default() });
    let id = core.questions.next;
    core.questions.next += 1;
    core.questions.open.insert(id, open.clone());
    for sibling in core.mesh.siblings() {
        core.mesh.send(sibling, Message::Ask(id, question));
    }
    core.wake_self();
    (id, open)
}
