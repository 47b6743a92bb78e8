//! The text of `--help`, from the table.

use super::directives::GROUPS;
use super::row::{Effect, Row};

const USAGE: &str = "\
Usage: ringmaster [CONFIG_FILE] [-] [--directive value ...]

One process, many masters: each core is a node of a Redis cluster.

  CONFIG_FILE      a file in redis.conf syntax
  -                read configuration from standard input
  -v, --version    show the version
  -h, --help       show this

Every directive of a configuration file is also an option, and the reverse; an option wins over the file.
Sizes take units: 1k is 1000, 1kb is 1024, and so on with m, mb, g, gb.
";

/// Every directive with its values, default and purpose.
pub fn help() -> String {
    let mut out = USAGE.to_owned();
    for (heading, rows) in GROUPS {
        out.push_str(&format!("\n{heading}:\n"));
        for row in rows.iter().filter(|row| !row.hidden) {
            out.push_str(&describe(row));
        }
    }
    out
}

fn describe(row: &Row) -> String {
    let alias = row.alias.map(|alias| format!(" (or --{alias})")).unwrap_or_default();
    let default = if row.default.is_empty() { "\"\"" } else { row.default };
    let fixed = if row.fixed { "; only at start" } else { "" };
    let effect = match row.effect {
        Effect::Full => String::new(),
        Effect::Never(reason) => format!(": {reason}"),
    };
    let help = row.help.trim();
    format!("  --{} {}{alias}\n      {help}{effect} [{default}{fixed}]\n", row.name, row.kind.placeholder())
}
