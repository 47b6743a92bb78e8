//! A stack of its own for the running script, so that it can be left in the middle of anything.
//!
//! A script must be able to stop at any point: to have its core run a command, and, when it takes too long, to let
//! other clients be answered. Lua's own coroutines cannot do that: in Lua 5.1 nothing yields across `pcall`, a
//! metamethod or the comparison of `table.sort`. So everything that Lua does happens on a stackful coroutine, the
//! fiber; leaving it costs some ten nanoseconds, wherever in Lua or Rust its frames are.
//!
//! The core says what to do ([`Fiber::start`]) and gets back what the script asks of it, a [`Step`]; it does that and
//! goes on ([`Fiber::resume`]) until the job is done. Nothing of the core is ever borrowed by the script.

use std::cell::Cell;
use std::io;
use std::mem::ManuallyDrop;
use std::ptr;
use std::rc::Rc;

use corosensei::stack::DefaultStack;
use corosensei::{Coroutine, CoroutineResult, Yielder};

use crate::host::Failure;
use crate::job::Job;
use crate::step::{Answer, Finished, Step};

/// Address space of the stack; memory follows what is used of it. Lua nests at most 200 C calls, and conversions are
/// bounded too.
const STACK_BYTES: usize = 16 << 20;

enum Input {
    Job(Job),
    Answer(Answer),
    End,
}

/// Where the fiber was left.
pub(crate) enum Left {
    /// It asks this.
    Step(Step),
    /// The job is done.
    Done(Finished, Option<Failure>),
}

/// The fiber of a core. One script runs at a time.
pub(crate) struct Fiber {
    routine: ManuallyDrop<Coroutine<Input, Left, (), DefaultStack>>,
    is_idle: bool,
}

/// How code on the fiber reaches the core.
#[derive(Default)]
pub(crate) struct Line {
    yielder: Cell<*const Yielder<Input, Left>>,
}

impl Fiber {
    /// A fiber whose jobs ask by `line`.
    ///
    /// # Errors
    /// The system's, when there is no address space left.
    pub fn new(line: Rc<Line>) -> io::Result<Fiber> {
        let stack = DefaultStack::new(STACK_BYTES)?;
        let routine = Coroutine::with_stack(stack, move |yielder: &Yielder<Input, Left>, first| {
            let mut input = first;
            while let Input::Job(job) = input {
                line.yielder.set(yielder);
                let (finished, failure) = job.run();
                line.yielder.set(ptr::null());
                input = yielder.suspend(Left::Done(finished, failure));
            }
        });
        Ok(Fiber { routine: ManuallyDrop::new(routine), is_idle: true })
    }

    /// Begins `job`; only when no other is under way.
    pub fn start(&mut self, job: Job) -> Left {
        assert!(self.is_idle, "one script runs at a time");
        self.enter(Input::Job(job))
    }

    /// Goes on with the answer to the last step.
    pub fn resume(&mut self, answer: Answer) -> Left {
        assert!(!self.is_idle, "no script runs");
        self.enter(Input::Answer(answer))
    }

    fn enter(&mut self, input: Input) -> Left {
        match self.routine.resume(input) {
            CoroutineResult::Yield(left) => {
                self.is_idle = matches!(left, Left::Done(..));
                left
            }
            CoroutineResult::Return(()) => unreachable!("only a fiber that is dropped returns"),
        }
    }
}

impl Drop for Fiber {
    fn drop(&mut self) {
        // Frames of a script that is under way hold Lua's state: they cannot be dropped, only left where they are. That
        // happens when the process ends.
        if self.is_idle {
            self.routine.resume(Input::End);
            // SAFETY: dropped once, here, and not used any more.
            unsafe { ManuallyDrop::drop(&mut self.routine) };
        }
    }
}

impl Line {
    /// Leaves the fiber until the core has an answer to `step`. `None` where no fiber is: nobody is there to ask.
    pub fn ask(&self, step: Step) -> Option<Answer> {
        let yielder = self.yielder.get();
        if yielder.is_null() {
            return None;
        }
        // SAFETY: not null only while a job runs, and then it is the yielder of the fiber that runs it, which lives
        // until its closure returns.
        match unsafe { &*yielder }.suspend(Left::Step(step)) {
            Input::Answer(answer) => Some(answer),
            Input::Job(_) | Input::End => unreachable!("a step under way is answered"),
        }
    }
}
