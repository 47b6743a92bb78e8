//! ZSCAN.

use store::types::Zset;
use store::types::listpack::Item;
use store::types::zset::{ScoreText, score_text};

use crate::args::Args;
use crate::ctx::Ctx;
use crate::effects::Outcome;
use crate::scan::{ScanOptions, parse_cursor};
use crate::set::scan::{Page, reply_end, reply_page};

/// Digits that tell any two doubles apart.
const DIGITS: usize = 17;

/// `ZSCAN key cursor [MATCH pattern] [COUNT count] [NOSCORES]`.
pub(crate) fn zscan(ctx: &mut Ctx<'_>, args: &Args<'_>) -> Outcome {
    let cursor = parse_cursor(args[2])?;
    let Some(zset) = ctx.db.read::<Zset>(args[1])? else {
        reply_end(ctx.reply);
        return Ok(());
    };
    let mut with_scores = true;
    let options = ScanOptions::parse(args, 3, |at| {
        let is_mine = args.is(at, "noscores");
        with_scores &= !is_mine;
        Ok(usize::from(is_mine))
    })?;
    reply_page(ctx.reply, &options, cursor, |at, page| {
        zset.scan(at, |member, score| {
            if page.wants(member) {
                page.reply(member);
                if with_scores {
                    reply_score(page, score, zset);
                }
            }
        })
    });
    Ok(())
}

/// A score as a bulk string, also in RESP3: of a small set in the shortest form, of a large one with up to 17
/// digits (`0.10000000000000001`), as Redis has it.
fn reply_score(page: &mut Page<'_>, score: f64, zset: &Zset) {
    if zset.as_listpack().is_some() || !score.is_finite() {
        page.reply(Item::Str(score_text(score, &mut ScoreText::default())));
    } else {
        page.reply(Item::Str(long_text(score).as_bytes()));
    }
}

/// A finite number as C's `%.17g` prints it.
fn long_text(number: f64) -> String {
    let scientific = format!("{number:.*e}", DIGITS - 1);
    let (mantissa, exponent) = scientific.split_once('e').unwrap_or((&scientific, "0"));
    let exponent: i32 = exponent.parse().unwrap_or(0);
    let trimmed = |text: &str| text.trim_end_matches('0').trim_end_matches('.').to_owned();
    if (-4..DIGITS as i32).contains(&exponent) {
        let decimals = (DIGITS as i32 - 1 - exponent) as usize;
        let text = format!("{number:.decimals$}");
        return if text.contains('.') { trimmed(&text) } else { text };
    }
    let sign = if exponent < 0 { '-' } else { '+' };
    format!("{}e{sign}{:02}", trimmed(mantissa), exponent.abs())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts_of_17_digits() {
        let cases = [
            (0.1, "0.10000000000000001"),
            (1.5, "1.5"),
            (-0.0, "-0"),
            (3.0, "3"),
            (1e16, "10000000000000000"),
            (1e17, "1e+17"),
            (1e30, "1e+30"),
            (0.0001, "0.0001"),
            (0.00001, "1.0000000000000001e-05"),
            (1.7976931348623157e308, "1.7976931348623157e+308"),
            (100.0, "100"),
        ];
        for (number, text) in cases {
            assert_eq!(long_text(number), text);
        }
    }
}
