//! Libraries of functions: FUNCTION LOAD and what it registers.
//!
//! A library is code that runs once, when it is loaded, and registers functions by `redis.register_function`; FCALL
//! calls them by name. Names of functions are unique over all libraries, whatever their case.

use std::cell::RefCell;
use std::collections::{BTreeMap, HashMap};
use std::ffi::c_int;
use std::rc::Rc;

use bytes::Bytes;

use crate::flags::Flags;
use crate::lua::{Fail, Kept, Kind, Stack};

const BAD_NAME: &str = "Library names can only contain letters, numbers, or underscores(_) and must be at least one character long";

/// A function as its library registers it.
#[derive(Debug)]
pub(crate) struct Registered {
    name: String,
    description: Option<Vec<u8>>,
    flags: Flags,
    callback: Kept,
}

/// A function.
#[derive(Debug)]
pub struct Function {
    /// Its name.
    pub name: String,
    /// What its library says about it.
    pub description: Option<Vec<u8>>,
    /// Its flags.
    pub flags: Flags,
    pub(crate) callback: Kept,
}

/// A library.
#[derive(Debug)]
pub struct Library {
    /// Its name.
    pub name: String,
    /// Its whole code, the first line too.
    pub code: Bytes,
    /// Its functions, in the order of their names.
    pub functions: Vec<Rc<Function>>,
}

/// All libraries of a core.
#[derive(Default)]
pub(crate) struct Functions {
    libraries: BTreeMap<String, Library>,
    /// By name in lower case.
    by_name: HashMap<String, Rc<Function>>,
    bytes: usize,
}

/// What a library's first line says.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Metadata {
    pub name: String,
    /// Where the code begins: at the end of the line.
    pub code_at: usize,
}

impl Metadata {
    /// Reads the first line of `code`.
    ///
    /// # Errors
    /// What is wrong with it.
    pub fn read(code: &[u8]) -> Result<Metadata, String> {
        if !code.starts_with(b"#!") {
            return Err("Missing library metadata".to_owned());
        }
        let invalid = || "Invalid library metadata".to_owned();
        let end = code.iter().position(|b| *b == b'\n').ok_or_else(invalid)?;
        let words = resp::split_line(&code[..end]).ok_or_else(invalid)?;
        let (engine, options) = words.split_first().ok_or_else(invalid)?;
        let mut name: Option<&[u8]> = None;
        for option in options {
            match option.split_at_checked(b"name=".len()) {
                Some((key, value)) if key.eq_ignore_ascii_case(b"name=") => {
                    if name.replace(value).is_some() {
                        return Err(
                            "Invalid metadata value, name argument was given multiple times".to_owned()
                        );
                    }
                }
                _ => {
                    return Err(format!("Invalid metadata value given: {}", String::from_utf8_lossy(option)));
                }
            }
        }
        let name = check_name(name.ok_or_else(|| "Library name was not given".to_owned())?)?;
        let engine = engine.get(2..).unwrap_or_default();
        if !engine.eq_ignore_ascii_case(b"lua") {
            return Err(format!("Engine '{}' not found", String::from_utf8_lossy(engine)));
        }
        Ok(Metadata { name, code_at: end })
    }
}

/// A name that is allowed.
fn check_name(name: &[u8]) -> Result<String, String> {
    let is_good = !name.is_empty() && name.iter().all(|b| b.is_ascii_alphanumeric() || *b == b'_');
    match std::str::from_utf8(name) {
        Ok(name) if is_good => Ok(name.to_owned()),
        _ => Err(BAD_NAME.to_owned()),
    }
}

impl Library {
    /// The library called `name`, of `code`, that registered these functions.
    pub(crate) fn new(name: String, code: Bytes, registered: Vec<Registered>) -> Library {
        let functions = registered.into_iter().map(|Registered { name, description, flags, callback }| {
            Rc::new(Function { name, description, flags, callback })
        });
        let mut functions: Vec<Rc<Function>> = functions.collect();
        functions.sort_by(|a, b| a.name.cmp(&b.name));
        Library { name, code, functions }
    }

    /// Gives up what its functions keep.
    pub(crate) fn release(self, stack: &mut Stack<'_>) {
        self.functions.iter().for_each(|function| stack.release(&function.callback));
    }

    fn bytes(&self) -> usize {
        let function = |f: &Rc<Function>| {
            size_of::<Function>() + 2 * f.name.len() + f.description.as_ref().map_or(0, Vec::len)
        };
        size_of::<Library>()
            + self.name.len()
            + self.code.len()
            + self.functions.iter().map(function).sum::<usize>()
    }
}

impl Functions {
    /// The function of this name, in any case.
    pub fn find(&self, name: &[u8]) -> Option<&Rc<Function>> {
        self.by_name.get(&std::str::from_utf8(name).ok()?.to_ascii_lowercase())
    }

    /// The library of this name.
    pub fn library(&self, name: &[u8]) -> Option<&Library> {
        self.libraries.get(std::str::from_utf8(name).ok()?)
    }

    /// All libraries, by name.
    pub fn libraries(&self) -> impl ExactSizeIterator<Item = &Library> {
        self.libraries.values()
    }

    /// Number of functions.
    pub fn len(&self) -> usize {
        self.by_name.len()
    }

    /// Memory of names and code, in bytes.
    pub fn memory(&self) -> usize {
        self.bytes
    }

    /// Adds all of `added` or, where they do not fit with those that are there, none. With `replace` they take the
    /// place of libraries of the same name.
    ///
    /// # Errors
    /// What is there already.
    pub fn add(&mut self, stack: &mut Stack<'_>, added: Vec<Library>, replace: bool) -> Result<(), String> {
        let present = added.iter().find(|library| self.libraries.contains_key(&library.name));
        if let Some(library) = present.filter(|_| !replace) {
            let error = format!("Library {} already exists", library.name);
            added.into_iter().for_each(|library| library.release(stack));
            return Err(error);
        }
        let replaced: Vec<Library> =
            added.iter().filter_map(|library| self.take(&library.name.clone())).collect();
        let functions = added.iter().flat_map(|library| &library.functions);
        let collision = functions.into_iter().find(|f| self.find(f.name.as_bytes()).is_some());
        if let Some(function) = collision {
            let error = format!("Function {} already exists", function.name);
            added.into_iter().for_each(|library| library.release(stack));
            replaced.into_iter().for_each(|library| self.link(library));
            return Err(error);
        }
        replaced.into_iter().for_each(|library| library.release(stack));
        added.into_iter().for_each(|library| self.link(library));
        Ok(())
    }

    /// Deletes a library; whether it was there.
    pub fn delete(&mut self, stack: &mut Stack<'_>, name: &[u8]) -> bool {
        let Some(name) = self.library(name).map(|library| library.name.clone()) else { return false };
        self.take(&name).map(|library| library.release(stack)).is_some()
    }

    fn link(&mut self, library: Library) {
        self.bytes += library.bytes();
        for function in &library.functions {
            self.by_name.insert(function.name.to_ascii_lowercase(), function.clone());
        }
        self.libraries.insert(library.name.clone(), library);
    }

    fn take(&mut self, name: &str) -> Option<Library> {
        let library = self.libraries.remove(name)?;
        self.bytes -= library.bytes();
        for function in &library.functions {
            self.by_name.remove(&function.name.to_ascii_lowercase());
        }
        Some(library)
    }
}

/// redis.register_function(name, callback) or redis.register_function{function_name=..., callback=..., ...}
pub(crate) fn register_function(stack: &mut Stack<'_>) -> Result<usize, Fail> {
    let loading: &RefCell<Option<Vec<Registered>>> = &stack.host().loading;
    if loading.borrow().is_none() {
        return Err(fail("server.register_function can only be called on FUNCTION LOAD command"));
    }
    let registered = match stack.top() {
        1 => named_arguments(stack)?,
        2 => positional_arguments(stack)?,
        _ => return Err(fail("wrong number of arguments to server.register_function")),
    };
    let mut loading = loading.borrow_mut();
    let all = loading.get_or_insert_default();
    let clash = all.iter().any(|other| other.name == registered.name);
    let checked = if clash {
        Err("Function already exists in the library".to_owned())
    } else {
        check_name(registered.name.as_bytes()).map(drop)
    };
    if let Err(text) = checked {
        stack.release(&registered.callback);
        return Err(fail(&text));
    }
    all.push(registered);
    Ok(0)
}

fn fail(text: &str) -> Fail {
    Fail::Table(format!("ERR {text}"))
}

fn positional_arguments(stack: &mut Stack<'_>) -> Result<Registered, Fail> {
    let name = stack.text(1).map(|name| String::from_utf8_lossy(name).into_owned());
    let name = name.ok_or_else(|| fail("first argument to server.register_function must be a string"))?;
    if stack.kind(2) != Kind::Function {
        return Err(fail("second argument to server.register_function must be a function"));
    }
    Ok(Registered { name, description: None, flags: Flags::default(), callback: stack.keep() })
}

/// What a table of named arguments says, while it is read.
#[derive(Default)]
struct Named {
    name: Option<String>,
    description: Option<Vec<u8>>,
    flags: Flags,
    callback: Option<Kept>,
}

fn named_arguments(stack: &mut Stack<'_>) -> Result<Registered, Fail> {
    if stack.kind(1) != Kind::Table {
        return Err(fail(
            "calling server.register_function with a single argument is only applicable to Lua table (representing \
             named arguments).",
        ));
    }
    let mut named = Named::default();
    let read = stack.each_pair(1, |stack| read_argument(stack, &mut named));
    let complete = read.and(match (&named.name, &named.callback) {
        (None, _) => Err("server.register_function must get a function name argument"),
        (_, None) => Err("server.register_function must get a callback argument"),
        _ => Ok(()),
    });
    match (complete, named) {
        (Ok(()), Named { name: Some(name), description, flags, callback: Some(callback) }) => {
            Ok(Registered { name, description, flags, callback })
        }
        (result, Named { callback, .. }) => {
            callback.iter().for_each(|callback| stack.release(callback));
            Err(fail(result.err().unwrap_or_default()))
        }
    }
}

/// Takes note of the named argument on top.
fn read_argument(stack: &mut Stack<'_>, named: &mut Named) -> Result<(), &'static str> {
    let (key, value) = (stack.top() - 1, stack.top());
    let name = match stack.kind(key) {
        Kind::String => stack.bytes(key).unwrap_or_default().to_ascii_lowercase(),
        Kind::Number => Vec::new(),
        _ => return Err("named argument key given to server.register_function is not a string"),
    };
    match &name[..] {
        b"function_name" => {
            let text = stack.text(value).map(|text| String::from_utf8_lossy(text).into_owned());
            named.name = Some(
                text.ok_or("function_name argument given to server.register_function must be a string")?,
            );
        }
        b"description" => {
            let text = stack.text(value).map(<[u8]>::to_vec);
            named.description =
                Some(text.ok_or("description argument given to server.register_function must be a string")?);
        }
        b"callback" => {
            if stack.kind(value) != Kind::Function {
                return Err("callback argument given to server.register_function must be a function");
            }
            stack.push_copy(value);
            named.callback = Some(stack.keep());
        }
        b"flags" => {
            if stack.kind(value) != Kind::Table {
                return Err(
                    "flags argument to server.register_function must be a table representing function flags",
                );
            }
            named.flags = read_flags(stack, value).ok_or("unknown flag given")?;
        }
        _ => return Err("unknown argument given to server.register_function"),
    }
    Ok(())
}

fn read_flags(stack: &mut Stack<'_>, table: c_int) -> Option<Flags> {
    let mut flags = Flags::default();
    for i in 1.. {
        stack.get_item(table, i);
        let top = stack.top();
        if stack.kind(top) == Kind::Nil {
            stack.pop();
            break;
        }
        let known = stack
            .bytes(top)
            .is_some_and(|name| flags.add(|known| known.as_bytes().eq_ignore_ascii_case(name)));
        stack.pop();
        if !known {
            return None;
        }
    }
    Some(flags)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn first_lines() {
        let read = |code: &str| Metadata::read(code.as_bytes());
        assert_eq!(read("#!lua name=a\nx"), Ok(Metadata { name: "a".to_owned(), code_at: 12 }));
        assert_eq!(read("#!LUA name=\"foo\"\nx").unwrap().name, "foo");
        let cases = [
            ("local x", "Missing library metadata"),
            ("#!lua name=a", "Invalid library metadata"),
            ("#! name=test\n", "Engine '' not found"),
            ("#!bad name=test\n", "Engine 'bad' not found"),
            ("#!lua\n", "Library name was not given"),
            ("#!lua name=a name=b\n", "Invalid metadata value, name argument was given multiple times"),
            ("#!lua name=a foo=bar\n", "Invalid metadata value given: foo=bar"),
            ("#!lua name=a-b\n", BAD_NAME),
        ];
        for (code, error) in cases {
            assert_eq!(read(code), Err(error.to_owned()), "{code}");
        }
    }
}
