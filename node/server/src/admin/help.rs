//! HELP of a container (CONFIG HELP, CLIENT HELP, ...), made from the rows of its subcommands.
//!
//! A hand-written help is forgotten when a subcommand comes or goes; a row is not.

use commands::{Outcome, error};
use resp::Reply;

use super::Call;

/// HELP of the container that was asked.
pub fn help(call: &mut Call<'_>) -> Outcome {
    let container = call.found.container.ok_or(error::SYNTAX)?;
    let others = container.subcommands.iter().filter(|sub| sub.name != "help");
    let lines = others.map(|sub| (sub.name.to_ascii_uppercase(), sub.summary));
    write(&mut call.client.reply, container.name, lines);
    Ok(())
}

/// Writes the help of `name`: its subcommands, each with a summary, as status replies in an array.
pub(super) fn write<'a>(reply: &mut Reply, name: &str, lines: impl Iterator<Item = (String, &'a str)>) {
    let lines: Vec<(String, &str)> = lines.chain([("HELP".to_owned(), "Print this help.")]).collect();
    reply.array(1 + 2 * lines.len());
    let name = name.to_ascii_uppercase();
    reply.simple(&format!("{name} <subcommand> [<arg> [value] [opt] ...]. Subcommands are:"));
    for (usage, summary) in &lines {
        reply.simple(usage);
        reply.simple(&format!("    {summary}"));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use resp::Proto;

    #[test]
    fn a_header_and_two_lines_each() {
        let mut reply = Reply::new(Proto::Resp2);
        write(&mut reply, "config", [("GET".to_owned(), "Returns directives.")].into_iter());
        let expect = "*5\r\n+CONFIG <subcommand> [<arg> [value] [opt] ...]. Subcommands are:\r\n+GET\r\n\
                      +    Returns directives.\r\n+HELP\r\n+    Print this help.\r\n";
        assert_eq!(std::str::from_utf8(reply.as_plain().unwrap()).unwrap(), expect);
    }
}
