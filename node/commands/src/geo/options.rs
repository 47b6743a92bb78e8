//! The arguments of the searches.
//!
//! Three generations of commands say the same in different words: GEORADIUS has the centre and the radius at
//! fixed places, GEORADIUSBYMEMBER a member in place of the centre, GEOSEARCH everything by options.

use store::types::Zset;

use super::cell::Point;
use super::shape::{Form, Shape};
use super::{place, point, unit};
use crate::args::Args;
use crate::error::{Error, SYNTAX};

const NO_MEMBER: Error = Error::new("ERR could not decode requested zset member");
const NOT_RADIUS: Error = Error::new("ERR need numeric radius");
const NEGATIVE_RADIUS: Error = Error::new("ERR radius cannot be negative");
const NOT_WIDTH: Error = Error::new("ERR need numeric width");
const NOT_HEIGHT: Error = Error::new("ERR need numeric height");
const NEGATIVE_BOX: Error = Error::new("ERR height or width cannot be negative");
const NO_COUNT: Error = Error::new("ERR COUNT must be > 0");
const ANY_ALONE: Error = Error::new("ERR the ANY argument requires COUNT argument");
const RADIUS_STORE: Error = Error::new(
    "ERR STORE option in GEORADIUS is not compatible with WITHDIST, WITHHASH and WITHCOORD options",
);
const SEARCH_STORE: Error =
    Error::new("ERR GEOSEARCHSTORE is not compatible with WITHDIST, WITHHASH and WITHCOORD options");

/// Which command asks.
#[derive(Clone, Copy, PartialEq)]
pub(super) enum Command {
    /// GEORADIUS and GEORADIUSBYMEMBER, and whether they are the `_RO` ones.
    Radius {
        /// Around a member.
        by_member: bool,
        /// STORE is refused.
        read_only: bool,
    },
    /// GEOSEARCH.
    Search,
    /// GEOSEARCHSTORE.
    SearchStore,
}

/// What order places are wanted in.
#[derive(Clone, Copy, PartialEq)]
pub(super) enum Order {
    Any,
    Nearest,
    Furthest,
}

/// Where the places found are to be stored.
#[derive(Clone, Copy)]
pub(super) struct Destination<'a> {
    pub(super) key: &'a [u8],
    /// By distance, not by place.
    pub(super) by_distance: bool,
}

/// A search as a command asks for it.
pub(super) struct Options<'a> {
    /// What to search; `None` where that cannot be told because the source is absent.
    pub(super) shape: Option<Shape>,
    /// Metres of the unit that distances are given in.
    pub(super) unit: f64,
    pub(super) with_distance: bool,
    pub(super) with_hash: bool,
    pub(super) with_point: bool,
    pub(super) order: Order,
    /// Most places to give.
    pub(super) count: usize,
    /// Stop when so many are found, near or not.
    pub(super) any: bool,
    pub(super) destination: Option<Destination<'a>>,
    center: Option<Point>,
    form: Option<Form>,
    from_member: bool,
    from_point: bool,
}

impl<'a> Options<'a> {
    /// The arguments of `command`; `zset` is the source, if it is there.
    pub(super) fn parse(
        command: Command,
        args: &'a Args<'_>,
        zset: Option<&Zset>,
    ) -> Result<Options<'a>, Error> {
        let mut options = Options {
            shape: None,
            unit: 1.0,
            with_distance: false,
            with_hash: false,
            with_point: false,
            order: Order::Any,
            count: 0,
            any: false,
            destination: None,
            center: None,
            form: None,
            from_member: false,
            from_point: false,
        };
        let mut at = options.parse_fixed(command, args, zset)?;
        while at < args.len() {
            at += match options.parse_common(args, at)? {
                0 if matches!(command, Command::Radius { read_only: false, .. }) => {
                    options.parse_store(args, at)?
                }
                0 if matches!(command, Command::Search | Command::SearchStore) => {
                    options.parse_search(command, args, at, zset)?
                }
                0 => return Err(SYNTAX),
                taken => taken,
            };
        }
        options.check(command, args)?;
        options.shape = options.center.zip(options.form).map(|(center, form)| Shape { center, form });
        Ok(options)
    }

    /// The arguments at fixed places; gives the index of the first option.
    fn parse_fixed(
        &mut self,
        command: Command,
        args: &'a Args<'_>,
        zset: Option<&Zset>,
    ) -> Result<usize, Error> {
        match command {
            Command::Search => Ok(2),
            Command::SearchStore => {
                self.destination = Some(Destination { key: args[1], by_distance: false });
                Ok(3)
            }
            Command::Radius { by_member: false, .. } => {
                self.center = Some(point(args, 2)?);
                self.parse_radius(args, 4)?;
                Ok(6)
            }
            Command::Radius { by_member: true, .. } => {
                if let Some(zset) = zset {
                    self.center = Some(place(zset, args[2]).ok_or(NO_MEMBER)?);
                    self.parse_radius(args, 3)?;
                }
                Ok(5)
            }
        }
    }

    /// An option that every command has; gives how many arguments it was, 0 if it is none of them.
    fn parse_common(&mut self, args: &Args<'_>, at: usize) -> Result<usize, Error> {
        match () {
            () if args.is(at, "withdist") => self.with_distance = true,
            () if args.is(at, "withhash") => self.with_hash = true,
            () if args.is(at, "withcoord") => self.with_point = true,
            () if args.is(at, "any") => self.any = true,
            () if args.is(at, "asc") => self.order = Order::Nearest,
            () if args.is(at, "desc") => self.order = Order::Furthest,
            () if args.is(at, "count") && at + 1 < args.len() => {
                self.count =
                    usize::try_from(args.integer(at + 1)?).ok().filter(|count| *count > 0).ok_or(NO_COUNT)?;
                return Ok(2);
            }
            () => return Ok(0),
        }
        Ok(1)
    }

    /// `STORE key` or `STOREDIST key`.
    fn parse_store(&mut self, args: &'a Args<'_>, at: usize) -> Result<usize, Error> {
        let by_distance = args.is(at, "storedist");
        if at + 1 == args.len() || !(by_distance || args.is(at, "store")) {
            return Err(SYNTAX);
        }
        self.destination = Some(Destination { key: args[at + 1], by_distance });
        Ok(2)
    }

    /// An option of GEOSEARCH and GEOSEARCHSTORE.
    fn parse_search(
        &mut self,
        command: Command,
        args: &Args<'_>,
        at: usize,
        zset: Option<&Zset>,
    ) -> Result<usize, Error> {
        let behind = args.len() - at - 1;
        match &mut self.destination {
            Some(destination) if command == Command::SearchStore && args.is(at, "storedist") => {
                destination.by_distance = true;
                return Ok(1);
            }
            _ => {}
        }
        // A second centre or form of the same kind replaces the first; one of the other kind is refused.
        let (is_circle, is_box) =
            (matches!(self.form, Some(Form::Circle(_))), matches!(self.form, Some(Form::Box { .. })));
        if args.is(at, "frommember") && behind >= 1 && !self.from_point {
            if let Some(zset) = zset {
                self.center = Some(place(zset, args[at + 1]).ok_or(NO_MEMBER)?);
            }
            self.from_member = true;
            Ok(2)
        } else if args.is(at, "fromlonlat") && behind >= 2 && !self.from_member {
            self.center = Some(point(args, at + 1)?);
            self.from_point = true;
            Ok(3)
        } else if args.is(at, "byradius") && behind >= 2 && !is_box {
            self.parse_radius(args, at + 1)?;
            Ok(3)
        } else if args.is(at, "bybox") && behind >= 3 && !is_circle {
            self.parse_box(args, at + 1)?;
            Ok(4)
        } else {
            Err(SYNTAX)
        }
    }

    /// `radius unit`.
    fn parse_radius(&mut self, args: &Args<'_>, at: usize) -> Result<(), Error> {
        let radius = args.double(at).map_err(|_| NOT_RADIUS)?;
        if radius < 0.0 {
            return Err(NEGATIVE_RADIUS);
        }
        self.unit = unit(args, at + 1)?;
        self.form = Some(Form::Circle(radius * self.unit));
        Ok(())
    }

    /// `width height unit`.
    fn parse_box(&mut self, args: &Args<'_>, at: usize) -> Result<(), Error> {
        let width = args.double(at).map_err(|_| NOT_WIDTH)?;
        let height = args.double(at + 1).map_err(|_| NOT_HEIGHT)?;
        if width < 0.0 || height < 0.0 {
            return Err(NEGATIVE_BOX);
        }
        self.unit = unit(args, at + 2)?;
        self.form = Some(Form::Box { width: width * self.unit, height: height * self.unit });
        Ok(())
    }

    fn check(&mut self, command: Command, args: &Args<'_>) -> Result<(), Error> {
        let is_search = matches!(command, Command::Search | Command::SearchStore);
        let name = || String::from_utf8_lossy(args[0]).into_owned();
        if self.destination.is_some() && (self.with_distance || self.with_hash || self.with_point) {
            return Err(if is_search { SEARCH_STORE } else { RADIUS_STORE });
        }
        if is_search && !(self.from_member || self.from_point) {
            let text = "ERR exactly one of FROMMEMBER or FROMLONLAT can be specified for ";
            return Err(Error::text(text.to_owned() + &name()));
        }
        if is_search && self.form.is_none() {
            let text = "ERR exactly one of BYRADIUS and BYBOX can be specified for ";
            return Err(Error::text(text.to_owned() + &name()));
        }
        if self.any && self.count == 0 {
            return Err(ANY_ALONE);
        }
        // The first few are the nearest ones, unless any will do.
        if self.count > 0 && self.order == Order::Any && !self.any {
            self.order = Order::Nearest;
        }
        if self.count == 0 {
            self.count = usize::MAX;
        }
        Ok(())
    }
}
