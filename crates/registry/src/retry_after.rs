//! `Retry-After`, in both of its forms (RFC 9110, 10.2.3): seconds, or a date.

use std::time::Duration;

use jiff::Timestamp;
use jiff::fmt::rfc2822::DateTimeParser;

/// Returns how long to wait. A date is compared with the `Date` of the same response
/// where it has one, so that a wrong clock on this side does no harm; one in
/// the past is no wait at all.
pub(crate) fn parse(value: &str, date: Option<&str>, now: Timestamp) -> Option<Duration> {
    let value = value.trim();
    if !value.is_empty() && value.bytes().all(|byte| byte.is_ascii_digit()) {
        return value.parse().ok().map(Duration::from_secs);
    }
    let until = http_date(value)?;
    let from = date.and_then(http_date).unwrap_or(now);
    Some(Duration::try_from(until.duration_since(from)).unwrap_or(Duration::ZERO))
}

fn http_date(value: &str) -> Option<Timestamp> {
    DateTimeParser::new().parse_timestamp(value.trim()).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(value: &str, date: Option<&str>, expected: Option<u64>) {
        let now = "2026-11-20T12:00:00Z".parse().unwrap();
        let expected = expected.map(Duration::from_secs);
        assert_eq!(parse(value, date, now), expected, "{value}");
    }

    #[test]
    fn seconds_and_dates() {
        check("600", None, Some(600));
        check(" 0 ", None, Some(0));
        check("Fri, 20 Nov 2026 12:10:00 GMT", None, Some(600));
        check("Fri, 20 Nov 2026 11:00:00 GMT", None, Some(0));
        check(
            "Fri, 20 Nov 2026 12:10:00 GMT",
            Some("Fri, 20 Nov 2026 12:09:00 GMT"),
            Some(60),
        );
        check("soon", None, None);
        check("", None, None);
        check("-5", None, None);
    }
}
