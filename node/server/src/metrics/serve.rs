//! Serving the metrics port: who may ask, for which page, and for how long one may make us wait.

use std::cell::{Cell, RefCell};
use std::os::fd::OwnedFd;
use std::rc::Rc;
use std::time::Duration;

use acl::{Context, Event, Reason};
use commands::Args;
use commands::table::Found;

use crate::admin::info::Glance;
use crate::core::Core;
use crate::executor::{self, Listener, Stream};
use crate::log::warning;

use super::ask::{Answer, Question, ask};
use super::http::{self, HEAD_MAX, Request, Response};
use super::sample::{Report, report};
use super::slots::Figure;
use super::table::Scope;
use super::{dashboard, exposition, hot_keys};

/// Most connections at a time; further ones are closed.
const CONNECTIONS_MAX: u32 = 16;
/// How long a head may take to come, and an answer to go.
const PATIENCE: Duration = Duration::from_secs(5);
/// How long the other end has to close after it was answered, so that the answer is not lost with what it still sends.
const LINGER: Duration = Duration::from_secs(1);
/// Bytes read at once.
const READ_BYTES: usize = 2 << 10;
/// How long to wait after an accept that failed.
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);
/// Names of keys, which not everybody may know who may know figures.
const HOT_KEYS: &str = "/api/hotkeys";
const JSON: &str = "application/json";
/// What the dashboard may load: nothing from elsewhere.
const POLICY: &str = "Content-Security-Policy: default-src 'none'; style-src 'unsafe-inline'; script-src \
                      'unsafe-inline'; connect-src 'self'; img-src data:; base-uri 'none'; frame-ancestors 'none'\r\n";

/// Answers at `listeners`.
pub fn open(core: &Rc<RefCell<Core>>, listeners: Vec<OwnedFd>) {
    let connections = Rc::new(Cell::new(0));
    for listener in listeners {
        executor::spawn_local(accept(core.clone(), Listener::new(listener), connections.clone()));
    }
}

async fn accept(core: Rc<RefCell<Core>>, listener: Listener, connections: Rc<Cell<u32>>) {
    loop {
        match listener.accept().await {
            Ok(_) if connections.get() >= CONNECTIONS_MAX => {}
            Ok(mut stream) => {
                connections.set(connections.get() + 1);
                let (core, connections) = (core.clone(), connections.clone());
                executor::spawn_local(async move {
                    serve(&core, &mut stream).await;
                    connections.set(connections.get() - 1);
                });
            }
            Err(e) => {
                warning!("Error accepting a connection for metrics: {e}");
                executor::sleep(ACCEPT_PAUSE).await;
            }
        }
    }
}

/// One request and its answer.
async fn serve(core: &Rc<RefCell<Core>>, stream: &mut Stream) {
    let late = Err(Response::refusal("408 Request Timeout"));
    let (response, head_only) = match executor::in_time(PATIENCE, read_head(stream)).await.unwrap_or(late) {
        Ok(None) => return,
        Ok(Some(request)) => (respond(core, stream, &request).await, request.head_only),
        Err(response) => (response, false),
    };
    let bytes = response.encode(head_only);
    if let Some(Ok(())) = executor::in_time(PATIENCE, stream.write_all(&bytes)).await {
        stream.end_writing();
        executor::in_time(LINGER, read_rest(stream)).await;
    }
}

/// The request; `None` when the connection ends before it is whole.
async fn read_head(stream: &mut Stream) -> Result<Option<Request>, Response> {
    let mut head = Vec::new();
    let mut buffer = [0; READ_BYTES];
    loop {
        let Ok(len @ 1..) = stream.read(&mut buffer).await else { return Ok(None) };
        head.extend_from_slice(&buffer[..len.min(HEAD_MAX - head.len().min(HEAD_MAX))]);
        if let Some(request) = http::parse(&head)? {
            return Ok(Some(request));
        }
    }
}

/// Reads what nobody wants, until the end.
async fn read_rest(stream: &mut Stream) {
    let mut buffer = [0; READ_BYTES];
    while let Ok(1..) = stream.read(&mut buffer).await {}
}

async fn respond(core: &Rc<RefCell<Core>>, stream: &Stream, request: &Request) -> Response {
    if let Err(refusal) = admit(&mut core.borrow_mut(), stream, request) {
        return refusal;
    }
    match request.path.as_str() {
        "/" => Response::page("text/html; charset=utf-8", dashboard::PAGE).with(POLICY),
        "/metrics" => {
            let (process, cores) = reports(core).await;
            Response::page(exposition::MEDIA_TYPE, exposition::write(&process, &cores))
        }
        "/api/state" => {
            let (process, cores) = reports(core).await;
            Response::page(JSON, dashboard::state(&core.borrow(), &process, &cores))
        }
        "/api/slots" => {
            let Some(figure) = request.query.strip_prefix("by=").and_then(Figure::named) else {
                return Response::refusal("400 Bad Request");
            };
            let cores = ask(core, Question::Slots(figure)).await;
            let runs = cores.into_iter().map(|answer| match answer {
                Some(Answer::Slots(runs)) => runs,
                _ => Vec::new(),
            });
            Response::page(JSON, dashboard::slots(runs))
        }
        HOT_KEYS => {
            let cores = ask(core, Question::HotKeys).await;
            let reports = cores.into_iter().map(|answer| match answer {
                Some(Answer::HotKeys(report)) => report,
                _ => None,
            });
            Response::page(JSON, hot_keys::write(&reports.collect::<Vec<_>>()))
        }
        _ => Response::refusal("404 Not Found"),
    }
}

/// The samples of the process, and those of the cores that answered.
async fn reports(core: &Rc<RefCell<Core>>) -> (Report, Vec<Option<Report>>) {
    let cores = ask(core, Question::Samples).await;
    let process = report(&Glance::of(&core.borrow(), None), Scope::Process);
    let cores = cores.into_iter().map(|answer| match answer {
        Some(Answer::Samples(report)) => Some(report),
        _ => None,
    });
    (process, cores.collect())
}

/// Whether this request may be answered: who asks must be a user that may run INFO, or HOTKEYS GET where keys are named,
/// and as long as the default user needs no password `protected-mode` keeps other machines out.
fn admit(core: &mut Core, stream: &Stream, request: &Request) -> Result<(), Response> {
    core.follow_users();
    let open = !core.users.ask_password();
    if open && core.config.network.protected_mode && stream.is_from_outside() {
        return Err(Response::refusal("403 Forbidden"));
    }
    let default = core.users.default_user().clone();
    let user = match &request.login {
        None if open => default,
        None => return Err(log_in_first()),
        Some((name, password)) => {
            let name = if name.is_empty() { acl::DEFAULT } else { name };
            match core.users.authenticate(name, password) {
                Some(user) => user.clone(),
                None => {
                    note_failed_log_in(core, name, stream);
                    return Err(log_in_first());
                }
            }
        }
    };
    let words: &[&[u8]] = if request.path == HOT_KEYS { &[b"hotkeys", b"get"] } else { &[b"info"] };
    let args = Args::new(words);
    let may = Found::resolve(&args).is_ok_and(|found| user.check(&found, &args).is_ok());
    if may { Ok(()) } else { Err(Response::refusal("403 Forbidden")) }
}

fn log_in_first() -> Response {
    Response::refusal("401 Unauthorized")
        .with("WWW-Authenticate: Basic realm=\"ringmaster\", charset=\"UTF-8\"\r\n")
}

fn note_failed_log_in(core: &mut Core, name: &[u8], stream: &Stream) {
    core.note_refusal(Event {
        reason: Reason::Auth,
        context: Context::TopLevel,
        object: b"metrics-port".to_vec(),
        username: name.to_vec(),
        client: format!("addr={}", stream.ips().0),
    });
}
