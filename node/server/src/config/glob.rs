//! Glob patterns, as CONFIG GET and `include` take them: `*`, `?`, `[a-z]`, `[^a]`, `\x`.
//!
//! The naive matcher recurses at each `*` and takes time exponential in their number. Here only the last `*`
//! is ever retried, which is enough: an earlier one could only match less of the text.

/// Whether `pattern` matches all of `text`; `fold` ignores ASCII case.
pub fn matches(pattern: &[u8], text: &[u8], fold: bool) -> bool {
    let (mut p, mut t) = (0, 0);
    let mut retry: Option<(usize, usize)> = None;
    while t < text.len() {
        if pattern.get(p) == Some(&b'*') {
            p += 1;
            retry = Some((p, t));
        } else if let Some(len) = match_one(&pattern[p..], text[t], fold) {
            p += len;
            t += 1;
        } else if let Some((after_star, from)) = retry {
            (p, t) = (after_star, from + 1);
            retry = Some((after_star, from + 1));
        } else {
            return false;
        }
    }
    pattern[p..].iter().all(|b| *b == b'*')
}

/// Matches the first element of `pattern` with one byte: the element's length, or `None`.
fn match_one(pattern: &[u8], byte: u8, fold: bool) -> Option<usize> {
    let folded = |b: u8| if fold { b.to_ascii_lowercase() } else { b };
    match *pattern {
        [] => None,
        [b'?', ..] => Some(1),
        [b'[', ..] => match_set(pattern, folded(byte), folded),
        [b'\\', escaped, ..] => (folded(escaped) == folded(byte)).then_some(2),
        [plain, ..] => (folded(plain) == folded(byte)).then_some(1),
    }
}

/// Matches `[...]`; a set that is not closed reaches to the end of the pattern.
fn match_set(pattern: &[u8], byte: u8, folded: impl Fn(u8) -> u8) -> Option<usize> {
    let mut at = 1;
    let negated = pattern.get(at) == Some(&b'^');
    at += usize::from(negated);
    let mut found = false;
    loop {
        match pattern[at..] {
            [] => break,
            [b']', ..] => {
                at += 1;
                break;
            }
            [b'\\', escaped, ..] => {
                found |= folded(escaped) == byte;
                at += 2;
            }
            [low, b'-', high, ..] => {
                let (low, high) = (folded(low.min(high)), folded(low.max(high)));
                found |= (low..=high).contains(&byte);
                at += 3;
            }
            [plain, ..] => {
                found |= folded(plain) == byte;
                at += 1;
            }
        }
    }
    (found != negated).then_some(at)
}

#[cfg(test)]
mod tests {
    use super::matches;

    #[test]
    fn patterns() {
        let yes = [("*", ""), ("a*c", "abbc"), ("*max*ry*", "maxmemory-policy"), ("h?llo", "hello")];
        let no = [("a", ""), ("a*c", "abcd"), ("?", ""), ("[a-c]", "d"), ("[^a]", "a"), ("a\\*", "ab")];
        let more = [("[a-c]x", "bx"), ("[^a]", "b"), ("a\\*", "a*"), ("[abc", "c"), ("MAX*", "maxclients")];
        for (pattern, text) in yes.iter().chain(&more) {
            assert!(matches(pattern.as_bytes(), text.as_bytes(), true), "{pattern} {text}");
        }
        for (pattern, text) in no {
            assert!(!matches(pattern.as_bytes(), text.as_bytes(), true), "{pattern} {text}");
        }
        assert!(!matches(b"A", b"a", false));
    }

    #[test]
    fn many_stars_are_fast() {
        assert!(!matches(&b"a*".repeat(5000), &[b'a'; 4000], false));
    }
}
