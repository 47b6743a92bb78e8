//! A core's scripts and functions, and the one that runs.
//!
//! Call [`Engine::start_script`] or [`Engine::start_function`], do what the [`Step`] asks, answer by
//! [`Engine::resume`], until [`Step::Done`]. Between two steps the script stands still, for as long as the core likes;
//! nothing else may be started meanwhile.
//!
//! Nothing is made before it is needed: a core that never runs a script has neither Lua nor a fiber.

use std::ffi::c_int;
use std::io;
use std::rc::Rc;

use bytes::Bytes;
use resp::{Proto, Reply};

use crate::convert::error_line;
use crate::fiber::{Fiber, Left, Line};
use crate::functions::{Function, Functions, Library, Metadata};
use crate::host::{Failure, Host};
use crate::job::Job;
use crate::lua::{Lua, Stack};
use crate::sandbox::{EvalGlobals, FunctionGlobals, Version, set_up_eval, set_up_functions};
use crate::scripts::{Script, Scripts};
use crate::step::{Answer, Finished, Spread, Step};

/// What the server decides.
#[derive(Debug, Clone, Copy)]
pub struct Settings {
    /// What scripts are told.
    pub version: Version,
    /// Bytes that EVAL's Lua, and that of functions, may use each.
    pub memory_limit: usize,
    /// Where `math.random` begins.
    pub seed: u32,
}

/// All scripting of one core.
pub struct Engine {
    settings: Settings,
    line: Rc<Line>,
    fiber: Option<Fiber>,
    eval: Option<(Rc<Lua>, EvalGlobals)>,
    function: Option<(Rc<Lua>, FunctionGlobals)>,
    scripts: Scripts,
    functions: Functions,
    running: Option<Running>,
    spare: Vec<u8>,
}

/// What runs.
enum Running {
    /// A script, by its SHA-1, or a function, by its name.
    Script(String),
    /// The code of a library.
    Load,
}

const NO_MEMORY: &str = "ERR Lua cannot be started: not enough memory";

impl Engine {
    /// An engine without scripts.
    pub fn new(settings: Settings) -> Engine {
        Engine {
            settings,
            line: Rc::default(),
            fiber: None,
            eval: None,
            function: None,
            scripts: Scripts::default(),
            functions: Functions::default(),
            running: None,
            spare: Vec::new(),
        }
    }

    fn lua(&self) -> Option<Lua> {
        Lua::new(Host::new(self.line.clone(), self.settings.memory_limit, self.settings.seed))
    }

    fn eval(&mut self) -> Result<&(Rc<Lua>, EvalGlobals), String> {
        if self.eval.is_none() {
            let lua = Rc::new(self.lua().ok_or(NO_MEMORY)?);
            let globals = set_up_eval(&lua, self.settings.version);
            self.eval = Some((lua, globals));
        }
        self.eval.as_ref().ok_or_else(|| NO_MEMORY.to_owned())
    }

    fn function(&mut self) -> Result<&(Rc<Lua>, FunctionGlobals), String> {
        if self.function.is_none() {
            let lua = Rc::new(self.lua().ok_or(NO_MEMORY)?);
            let globals = set_up_functions(&lua, self.settings.version);
            self.function = Some((lua, globals));
        }
        self.function.as_ref().ok_or_else(|| NO_MEMORY.to_owned())
    }

    /// Whether a script runs, be it between two steps.
    pub fn is_running(&self) -> bool {
        self.running.is_some()
    }

    /// The script with this text, if it is known.
    pub fn script_of_body(&self, body: &[u8]) -> Option<Rc<Script>> {
        self.scripts.of_body(body)
    }

    /// The script of this SHA-1 (forty hexadecimal digits of either case), if it is known.
    pub fn script_of_sha(&self, sha: &[u8]) -> Option<Rc<Script>> {
        self.scripts.of_sha(sha)
    }

    /// Compiles a script, to `keep` until SCRIPT FLUSH, or as long as it is run now and then.
    ///
    /// # Errors
    /// What is wrong with it.
    pub fn load_script(&mut self, body: &[u8], keep: bool) -> Result<Rc<Script>, String> {
        let lua = self.eval()?.0.clone();
        lua.with(|stack| self.scripts.load(stack, body, keep))
    }

    /// Forgets all scripts; not while one runs.
    pub fn flush_scripts(&mut self) {
        assert!(!self.is_running(), "a running script is not forgotten");
        let evicted = self.scripts.evicted();
        self.eval = None;
        self.scripts = Scripts::with_evicted(evicted);
    }

    /// Begins a script. The reply will be in `proto`, the client's version.
    pub fn start_script(&mut self, script: &Script, keys: &[&[u8]], args: &[&[u8]], proto: Proto) -> Step {
        self.scripts.mark_run(script);
        let reply = self.reply(proto);
        let Some((lua, globals)) = &self.eval else { return failed(reply, NO_MEMORY) };
        let mut stack = lua.stack();
        push_array(&mut stack, keys);
        push_array(&mut stack, args);
        globals.set_arguments(&mut stack);
        stack.push_kept(&script.function);
        let lua = lua.clone();
        self.start(Job { lua, arguments: 0, reply: Some(reply) }, Running::Script(script.sha.clone()))
    }

    /// Begins a function, as [`Engine::start_script`].
    pub fn start_function(
        &mut self,
        function: &Function,
        keys: &[&[u8]],
        args: &[&[u8]],
        proto: Proto,
    ) -> Step {
        let reply = self.reply(proto);
        let Some((lua, _)) = &self.function else { return failed(reply, NO_MEMORY) };
        let mut stack = lua.stack();
        stack.push_kept(&function.callback);
        push_array(&mut stack, keys);
        push_array(&mut stack, args);
        let lua = lua.clone();
        self.start(Job { lua, arguments: 2, reply: Some(reply) }, Running::Script(function.name.clone()))
    }

    fn reply(&mut self, proto: Proto) -> Reply {
        Reply::with_buffer(std::mem::take(&mut self.spare), proto)
    }

    /// Takes the memory of a reply that was sent on, for the next one.
    pub fn recycle(&mut self, finished: Finished) {
        const KEEP_BYTES: usize = 64 * 1024;
        let buffer = finished.reply.into_buffer();
        if buffer.capacity() <= KEEP_BYTES {
            self.spare = buffer;
        }
    }

    fn start(&mut self, job: Job, running: Running) -> Step {
        let host = job.lua.host();
        host.proto.set(Proto::Resp2);
        host.spread.set(Spread::default());
        job.lua.stack().arm_hook();
        let fiber = match &mut self.fiber {
            Some(fiber) => fiber,
            None => match Fiber::new(self.line.clone()) {
                Ok(fiber) => self.fiber.insert(fiber),
                Err(error) => return no_fiber(job, &error),
            },
        };
        let left = fiber.start(job);
        self.running = Some(running);
        self.step(left)
    }

    /// Goes on with the running script.
    pub fn resume(&mut self, answer: Answer) -> Step {
        let fiber = self.fiber.as_mut().expect("a script runs");
        let left = fiber.resume(answer);
        self.step(left)
    }

    fn step(&mut self, left: Left) -> Step {
        let (mut finished, failure) = match left {
            Left::Step(step) => return step,
            Left::Done(finished, failure) => (finished, failure),
        };
        let running = self.running.take();
        if let Some(failure) = failure {
            let text = match running {
                Some(Running::Script(name)) => failure.describe(&name),
                _ => failure.text().to_owned(),
            };
            finished.failed = true;
            if !failure.is_counted() {
                finished.errors.push(code_of(&text));
            }
            error_line(&mut finished.reply, text.as_bytes());
        }
        Step::Done(finished)
    }

    /// Runs the code of a library; `ask` answers what it asks, which is its time and its log. The library is not among
    /// those of the engine yet: [`Engine::add_libraries`].
    ///
    /// # Errors
    /// What is wrong with it.
    pub fn load_library(
        &mut self,
        code: &[u8],
        ask: &mut dyn FnMut(Step) -> Answer,
    ) -> Result<Library, String> {
        let metadata = Metadata::read(code)?;
        let (lua, globals) = self.function()?;
        let lua = lua.clone();
        let mut stack = lua.stack();
        let compiled = stack.compile(&code[metadata.code_at..], c"@user_function");
        compiled.map_err(|text| format!("Error compiling function: {text}"))?;
        globals.show_loading(&mut stack, true);
        lua.host().loading.replace(Some(Vec::new()));
        let outcome = self.run_load(Job { lua: lua.clone(), arguments: 0, reply: None }, ask);
        if let Some((_, globals)) = &self.function {
            globals.show_loading(&mut lua.stack(), false);
        }
        let registered = lua.host().loading.take().unwrap_or_default();
        let library = Library::new(metadata.name, Bytes::copy_from_slice(code), registered);
        let outcome = match outcome {
            Ok(()) if library.functions.is_empty() => Err("No functions registered".to_owned()),
            other => other,
        };
        match outcome {
            Ok(()) => Ok(library),
            Err(text) => {
                library.release(&mut lua.stack());
                Err(text)
            }
        }
    }

    fn run_load(&mut self, job: Job, ask: &mut dyn FnMut(Step) -> Answer) -> Result<(), String> {
        let error = |text: &str| Err(format!("Error registering functions: {text}"));
        let mut step = self.start(job, Running::Load);
        loop {
            match step {
                Step::Done(finished) if finished.failed => {
                    let line = finished.reply.as_plain().unwrap_or_default();
                    let text = String::from_utf8_lossy(line);
                    return error(text.trim_start_matches('-').trim_end());
                }
                Step::Done(_) => return Ok(()),
                other => step = self.resume(ask(other)),
            }
        }
    }

    /// The name that a library's code gives itself.
    ///
    /// # Errors
    /// What is wrong with its first line.
    pub fn library_name(code: &[u8]) -> Result<String, String> {
        Metadata::read(code).map(|metadata| metadata.name)
    }

    /// Takes libraries in, all or none; with `replace`, in the place of those of the same names.
    ///
    /// # Errors
    /// What is there already.
    pub fn add_libraries(&mut self, libraries: Vec<Library>, replace: bool) -> Result<(), String> {
        let lua = self.function()?.0.clone();
        lua.with(|stack| self.functions.add(stack, libraries, replace))
    }

    /// Forgets libraries that were loaded and are not taken in after all.
    pub fn drop_libraries(&mut self, libraries: Vec<Library>) {
        if let Some((lua, _)) = &self.function {
            lua.with(|stack| libraries.into_iter().for_each(|library| library.release(stack)));
        }
    }

    /// Deletes a library; whether it was there.
    pub fn delete_library(&mut self, name: &[u8]) -> bool {
        let Some((lua, _)) = &self.function else { return false };
        lua.with(|stack| self.functions.delete(stack, name))
    }

    /// Deletes all libraries; not while one runs.
    pub fn flush_functions(&mut self) {
        assert!(!self.is_running(), "a running function is not deleted");
        self.function = None;
        self.functions = Functions::default();
    }

    /// Deletes all libraries but those given, which were loaded just now.
    pub fn replace_libraries(&mut self, libraries: Vec<Library>) -> Result<(), String> {
        let lua = self.function()?.0.clone();
        lua.with(|stack| {
            let names: Vec<String> = self.functions.libraries().map(|library| library.name.clone()).collect();
            for name in names {
                self.functions.delete(stack, name.as_bytes());
            }
            self.functions.add(stack, libraries, false)
        })
    }

    /// The function of this name, in any case.
    pub fn find_function(&self, name: &[u8]) -> Option<Rc<Function>> {
        self.functions.find(name).cloned()
    }

    /// The library of this name.
    pub fn library(&self, name: &[u8]) -> Option<&Library> {
        self.functions.library(name)
    }

    /// All libraries, by name.
    pub fn libraries(&self) -> impl ExactSizeIterator<Item = &Library> {
        self.functions.libraries()
    }

    /// Changes how much memory scripts and functions may use.
    pub fn set_memory_limit(&mut self, bytes: usize) {
        self.settings.memory_limit = bytes;
        let lua = self.eval.iter().map(|(lua, _)| lua).chain(self.function.iter().map(|(lua, _)| lua));
        lua.for_each(|lua| lua.host().memory.set_limit(bytes));
    }

    /// What INFO tells.
    pub fn usage(&self) -> Usage {
        let used = |lua: Option<&Rc<Lua>>| lua.map_or(0, |lua| lua.host().memory.used());
        Usage {
            eval_bytes: used(self.eval.as_ref().map(|(lua, _)| lua)),
            function_bytes: used(self.function.as_ref().map(|(lua, _)| lua)),
            scripts: self.scripts.len(),
            script_bytes: self.scripts.memory(),
            scripts_evicted: self.scripts.evicted(),
            libraries: self.functions.libraries().len(),
            functions: self.functions.len(),
            library_bytes: self.functions.memory(),
        }
    }

    /// Forgets how many scripts gave way (CONFIG RESETSTAT).
    pub fn reset_statistics(&mut self) {
        self.scripts.reset_evicted();
    }
}

/// What scripting takes up.
#[derive(Debug, Clone, Copy, Default)]
pub struct Usage {
    /// Bytes of EVAL's Lua.
    pub eval_bytes: usize,
    /// Bytes of the functions' Lua.
    pub function_bytes: usize,
    /// Scripts known.
    pub scripts: usize,
    /// Bytes of their texts.
    pub script_bytes: usize,
    /// Scripts that gave way to others.
    pub scripts_evicted: u64,
    /// Libraries.
    pub libraries: usize,
    /// Functions in them.
    pub functions: usize,
    /// Bytes of their code.
    pub library_bytes: usize,
}

fn push_array(stack: &mut Stack<'_>, words: &[&[u8]]) {
    stack.push_table(words.len(), 0);
    let table: c_int = stack.top();
    for (i, word) in words.iter().enumerate() {
        stack.push_bytes(word);
        stack.set_item(table, i + 1);
    }
}

fn code_of(text: &str) -> String {
    text.split(' ').next().unwrap_or_default().to_owned()
}

/// A script that could not even begin.
fn failed(mut reply: Reply, text: &str) -> Step {
    error_line(&mut reply, text.as_bytes());
    Step::Done(Finished { reply, failed: true, errors: vec![code_of(text)] })
}

fn no_fiber(job: Job, error: &io::Error) -> Step {
    job.lua.stack().truncate(0);
    let text = Failure::Lua(format!("no stack for it: {error}")).describe("");
    failed(job.reply.unwrap_or_default(), &text)
}
