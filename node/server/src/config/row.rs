//! One row a directive: everything the file parser, the command line, CONFIG GET, SET, REWRITE and `--help`
//! need to know about it.
//!
//! The rows stand in `directives/`, a file a group. Most groups are a struct of typed fields, which the
//! server reads directly; there `group!` makes field, documentation and row from the same few lines, so that
//! they cannot drift apart. Directives that have no effect here have a row and no field; their value is kept
//! by name, only to be shown again.

use super::Config;
use super::kind::{Kind, Unit};
use super::value::Value;

/// A directive.
#[derive(Clone, Copy)]
pub struct Row {
    /// The name CONFIG REWRITE writes.
    pub name: &'static str,
    /// A second name, as good as the first.
    pub alias: Option<&'static str>,
    /// What its values look like.
    pub kind: Kind,
    /// The default, as it would stand in a file.
    pub default: &'static str,
    /// What it does, one line.
    pub help: &'static str,
    /// The field, or `None` where the value is only kept.
    pub place: Option<Place>,
    /// Whether it does anything.
    pub effect: Effect,
    /// Only at start, never by CONFIG SET.
    pub fixed: bool,
    /// Shown by CONFIG GET only when asked for by its exact name.
    pub hidden: bool,
    /// CONFIG SET needs `enable-protected-configs`.
    pub protected: bool,
    /// CONFIG SET refuses while a data set is being loaded.
    pub not_while_loading: bool,
    /// The value is a secret: the log, SLOWLOG and MONITOR must not show it.
    pub secret: bool,
}

/// Where a row's value lives.
#[derive(Clone, Copy)]
pub struct Place {
    /// Reads the field.
    pub read: fn(&Config) -> Value,
    /// Writes the field.
    pub write: fn(&mut Config, Value),
}

/// Whether a directive does anything.
#[derive(Clone, Copy, PartialEq)]
pub enum Effect {
    /// It does what its help says.
    Full,
    /// It never will, for this reason: whoever uses it is told.
    Never(&'static str),
}

impl Row {
    const fn new(name: &'static str, kind: Kind, default: &'static str) -> Row {
        Row {
            name,
            alias: None,
            kind,
            default,
            help: "",
            place: None,
            effect: Effect::Full,
            fixed: false,
            hidden: false,
            protected: false,
            not_while_loading: false,
            secret: false,
        }
    }

    /// Gives a second name.
    pub const fn alias(self, alias: &'static str) -> Row {
        Row { alias: Some(alias), ..self }
    }
    /// Only at start.
    pub const fn fixed(self) -> Row {
        Row { fixed: true, ..self }
    }
    /// Not shown by patterns.
    pub const fn hidden(self) -> Row {
        Row { hidden: true, ..self }
    }
    /// Behind `enable-protected-configs`.
    pub const fn protected(self) -> Row {
        Row { protected: true, ..self }
    }
    /// Refused by CONFIG SET while loading.
    pub const fn not_while_loading(self) -> Row {
        Row { not_while_loading: true, ..self }
    }
    /// Never to be shown in logs.
    pub const fn secret(self) -> Row {
        Row { secret: true, ..self }
    }
    /// Accepted and without effect, for good; the reason is a part of a sentence.
    pub const fn never(self, reason: &'static str) -> Row {
        Row { effect: Effect::Never(reason), help: "accepted, no effect", ..self }
    }
    /// Ties the row to its field; used by `group!`.
    pub const fn at(self, help: &'static str, place: Place) -> Row {
        Row { help, place: Some(place), ..self }
    }

    /// Whether `name` is this directive's name or alias, in any case.
    pub fn is_called(&self, name: &str) -> bool {
        self.names().any(|known| known.eq_ignore_ascii_case(name))
    }

    /// The name and the alias, if any.
    pub fn names(&self) -> impl Iterator<Item = &'static str> + use<> {
        std::iter::once(self.name).chain(self.alias)
    }

    /// The value of this directive in `config`.
    pub fn read(&self, config: &Config) -> Value {
        match self.place {
            Some(place) => (place.read)(config),
            None => config.kept.get(self.name).cloned().unwrap_or_else(|| self.default_value()),
        }
    }

    /// Puts a value that this row's kind made into `config`.
    pub fn write(&self, config: &mut Config, value: Value) {
        match self.place {
            Some(place) => (place.write)(config, value),
            None => drop(config.kept.insert(self.name, value)),
        }
    }

    /// The default, parsed.
    pub fn default_value(&self) -> Value {
        self.kind.parse_default(self.default)
    }
}

/// yes or no.
pub const fn yes_no(name: &'static str, default: &'static str) -> Row {
    Row::new(name, Kind::Bool, default)
}
/// A whole number within `min` and `max`.
pub const fn number(name: &'static str, min: i128, max: i128, default: &'static str) -> Row {
    Row::new(name, Kind::Int { min, max, unit: Unit::One }, default)
}
/// Bytes, with an optional unit: `1k` is 1000, `1kb` is 1024.
pub const fn memory(name: &'static str, min: i128, max: i128, default: &'static str) -> Row {
    Row::new(name, Kind::Int { min, max, unit: Unit::Memory }, default)
}
/// One of some words.
pub const fn one_of(name: &'static str, words: &'static [&'static str], default: &'static str) -> Row {
    Row::new(name, Kind::Choice(words), default)
}
/// A string; the empty string is a value like any other.
pub const fn text(name: &'static str, default: &'static str) -> Row {
    Row::new(name, Kind::Text { check: |_| Ok(()), unset: false }, default)
}
/// A string that must pass a check.
pub const fn checked(name: &'static str, default: &'static str, check: super::checks::Check) -> Row {
    Row::new(name, Kind::Text { check, unset: false }, default)
}
/// A string that is unset while empty: CONFIG REWRITE then removes the line.
pub const fn optional(name: &'static str) -> Row {
    Row::new(name, Kind::Text { check: |_| Ok(()), unset: true }, "")
}
/// An optional string that must pass a check.
pub const fn optional_checked(name: &'static str, check: super::checks::Check) -> Row {
    Row::new(name, Kind::Text { check, unset: true }, "")
}
/// A directive with a syntax of its own.
pub const fn special(name: &'static str, kind: Kind, default: &'static str) -> Row {
    Row::new(name, kind, default)
}

/// Largest port number.
pub const PORT_MAX: i128 = u16::MAX as i128;
/// Redis's bounds, which its error texts show.
pub const INT_MAX: i128 = i32::MAX as i128;
/// See [`INT_MAX`].
pub const INT_MIN: i128 = i32::MIN as i128;
/// See [`INT_MAX`].
pub const UINT_MAX: i128 = u32::MAX as i128;
/// See [`INT_MAX`].
pub const LONG_MAX: i128 = i64::MAX as i128;
/// See [`INT_MAX`].
pub const ULONG_MAX: i128 = u64::MAX as i128;

/// Makes a group of directives: a struct with a public field for each and `ROWS`, from entries of the form
/// `/// help` `field: type = row;`. The one-line help is the field's documentation too.
macro_rules! group {
    ($(#[doc = $about:literal])+ $Group:ident in config.$path:ident;
     $($(#[doc = $help:literal])+ $field:ident: $type:ty = $row:expr;)+) => {
        $(#[doc = $about])+
        #[derive(Clone, Debug, Default)]
        pub struct $Group {
            $($(#[doc = $help])+ pub $field: $type,)+
        }

        /// This group's rows.
        pub(in crate::config) const ROWS: &[$crate::config::row::Row] = &[
            $($row.at(concat!($($help),+), $crate::config::row::Place {
                read: |config| $crate::config::value::Field::read(&config.$path.$field),
                write: |config, value| $crate::config::value::Field::write(&mut config.$path.$field, value),
            }),)+
        ];
    };
}
pub(super) use group;
