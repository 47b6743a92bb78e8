//! Sizes and counts as people write them.

const KIB: u64 = 1 << 10;
const MIB: u64 = 1 << 20;
const GIB: u64 = 1 << 30;

/// Bytes, with three digits that matter.
pub fn bytes(bytes: u64) -> String {
    let (unit, name) = match bytes {
        u64::MAX => return "unlimited".to_owned(),
        GIB.. => (GIB, "GiB"),
        MIB.. => (MIB, "MiB"),
        KIB.. => (KIB, "KiB"),
        _ => return format!("{bytes} B"),
    };
    let number = bytes as f64 / unit as f64;
    if number < 10.0 && !bytes.is_multiple_of(unit) {
        format!("{number:.2} {name}")
    } else if number < 100.0 && !bytes.is_multiple_of(unit) {
        format!("{number:.1} {name}")
    } else {
        format!("{number:.0} {name}")
    }
}

/// A count such as `100M` or `1.5k` (thousands), for clap.
///
/// # Errors
/// What is no count.
pub fn parse_count(text: &str) -> Result<u64, String> {
    scaled(text, &[("k", 1e3), ("m", 1e6), ("g", 1e9), ("b", 1e9)])
}

/// Bytes such as `300`, `4k`, `1gb` or `64GiB` (powers of 1024, as in `redis.conf`), for clap.
///
/// # Errors
/// What is no size.
pub fn parse_bytes(text: &str) -> Result<u64, String> {
    let mut units = Vec::new();
    for (prefix, unit) in [("k", KIB), ("m", MIB), ("g", GIB), ("t", GIB * KIB)] {
        let names: [&'static str; 3] = match prefix {
            "k" => ["k", "kb", "kib"],
            "m" => ["m", "mb", "mib"],
            "g" => ["g", "gb", "gib"],
            _ => ["t", "tb", "tib"],
        };
        units.extend(names.map(|name| (name, unit as f64)));
    }
    units.push(("b", 1.0));
    scaled(text, &units)
}

fn scaled(text: &str, units: &[(&str, f64)]) -> Result<u64, String> {
    let lower = text.trim().to_ascii_lowercase();
    let split = lower.find(|c: char| c.is_ascii_alphabetic()).unwrap_or(lower.len());
    let (number, unit) = lower.split_at(split);
    let number: f64 = number.trim().parse().map_err(|_| format!("{text:?} is no number"))?;
    let scale = match unit {
        "" => 1.0,
        unit => units.iter().find(|(name, _)| *name == unit).ok_or(format!("{unit:?} is no unit"))?.1,
    };
    if number < 0.0 || !number.is_finite() {
        Err(format!("{text:?} is out of range"))
    } else {
        Ok((number * scale).round() as u64)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_for_people() {
        assert_eq!(bytes(17), "17 B");
        assert_eq!(bytes(8 * MIB), "8 MiB");
        assert_eq!(bytes(3 * GIB / 2), "1.50 GiB");
        assert_eq!(bytes(23 * GIB + GIB / 2), "23.5 GiB");
        assert_eq!(bytes(u64::MAX), "unlimited");
    }

    #[test]
    fn sizes_of_people() {
        assert_eq!(parse_count("100M"), Ok(100_000_000));
        assert_eq!(parse_count("1.5k"), Ok(1500));
        assert_eq!(parse_bytes("300"), Ok(300));
        assert_eq!(parse_bytes("4k"), Ok(4096));
        assert_eq!(parse_bytes("2 GiB"), Ok(2 * GIB));
        assert!(parse_bytes("2 foot").is_err() && parse_count("many").is_err() && parse_count("-1").is_err());
    }
}
