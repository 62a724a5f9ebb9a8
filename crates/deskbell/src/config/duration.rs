//! Durations as people write them: `20s`, `1m30s`, `500ms`. Must not know what they are for.

use std::time::Duration;

/// Units from large to small, with their milliseconds.
const UNITS: [(&str, u64); 5] = [
    ("d", 86_400_000),
    ("h", 3_600_000),
    ("m", 60_000),
    ("s", 1_000),
    ("ms", 1),
];

/// Reads whole numbers with units, from large to small; `Err` fits "`sip.x`: {text}".
pub(super) fn read(text: &str) -> Result<Duration, String> {
    let explained = || {
        format!(
            "{text:?} is no duration; write it with units, such as \"20s\", \"1m30s\" or \"500ms\""
        )
    };
    let mut rest = text;
    let mut units = UNITS.iter();
    let mut milliseconds = 0_u64;
    if rest.is_empty() {
        return Err(explained());
    }
    while !rest.is_empty() {
        let digits = rest.find(|letter: char| !letter.is_ascii_digit());
        let Some((number, after)) = digits.and_then(|end| rest.split_at_checked(end)) else {
            return Err(format!(
                "{text:?} has no unit; write \"{text}s\" if you mean seconds"
            ));
        };
        let end = after
            .find(|letter: char| letter.is_ascii_digit())
            .unwrap_or(after.len());
        let (unit, after) = after.split_at_checked(end).ok_or_else(explained)?;
        // The iterator goes on where the last unit was found, so units only get smaller.
        let (_, factor) = units
            .find(|(name, _)| *name == unit)
            .ok_or_else(explained)?;
        let number: u64 = number.parse().map_err(|_| explained())?;
        milliseconds = number
            .checked_mul(*factor)
            .and_then(|part| milliseconds.checked_add(part))
            .ok_or_else(|| format!("{text:?} is too long"))?;
        rest = after;
    }
    Ok(Duration::from_millis(milliseconds))
}

/// The duration as [`read`] takes it; what is below a millisecond is left out.
pub(super) fn write(duration: Duration) -> String {
    let mut rest = u64::try_from(duration.as_millis()).unwrap_or(u64::MAX);
    if rest == 0 {
        return "0s".to_owned();
    }
    let mut text = String::new();
    for (unit, factor) in UNITS {
        let number = rest / factor;
        rest %= factor;
        if number > 0 {
            text.push_str(&format!("{number}{unit}"));
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_are_read_and_written() {
        for (text, milliseconds) in [
            ("20s", 20_000),
            ("1m30s", 90_000),
            ("500ms", 500),
            ("0s", 0),
            ("1d2h3m4s5ms", 93_784_005),
        ] {
            let duration = Duration::from_millis(milliseconds);
            assert_eq!(read(text), Ok(duration), "{text}");
            assert_eq!(write(duration), text);
        }
        assert_eq!(read("90s"), Ok(Duration::from_secs(90)));
        assert_eq!(write(Duration::from_secs(90)), "1m30s");
    }

    #[test]
    fn what_is_no_duration_is_explained() {
        for (text, expected) in [
            ("20", "has no unit; write \"20s\""),
            ("", "is no duration"),
            ("s", "is no duration"),
            ("1s1m", "is no duration"),
            ("1s1s", "is no duration"),
            ("1 m", "is no duration"),
            ("-1s", "is no duration"),
            ("1.5s", "is no duration"),
            ("1m30", "has no unit"),
            ("١s", "is no duration"),
            ("99999999999999999999s", "is no duration"),
            ("9999999999999999d", "is too long"),
        ] {
            let error = read(text).unwrap_err();
            assert!(error.contains(expected), "{text}: {error}");
        }
    }
}
