//! A window of the week in which nothing is deployed:
//! `Fri 15:00 - Mon 06:00 Europe/Berlin`.

use std::fmt;
use std::str::FromStr;

use jiff::civil::{Time, Weekday};
use jiff::tz::TimeZone;
use jiff::{Span, Timestamp, Zoned};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// A window of the week, by the clock of a place.
#[derive(Clone, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
#[serde(try_from = "String", into = "String")]
pub struct Freeze {
    from: (Weekday, Time),
    to: (Weekday, Time),
    zone: String,
}

const DAYS: [(&str, Weekday); 7] = [
    ("Mon", Weekday::Monday),
    ("Tue", Weekday::Tuesday),
    ("Wed", Weekday::Wednesday),
    ("Thu", Weekday::Thursday),
    ("Fri", Weekday::Friday),
    ("Sat", Weekday::Saturday),
    ("Sun", Weekday::Sunday),
];

impl Freeze {
    /// Returns the end of the window, if the time is within it. The first moment belongs to the
    /// window, the end does not.
    pub fn until(&self, now: Timestamp) -> Option<Zoned> {
        // Known to be a zone since it was read.
        let zone = TimeZone::get(&self.zone).ok()?;
        let now = now.to_zoned(zone);
        let place = |(day, time): (Weekday, Time)| (day.to_monday_zero_offset(), time);
        let at = place((now.weekday(), now.time()));
        let (from, to) = (place(self.from), place(self.to));
        let within = if from < to {
            from <= at && at < to
        } else {
            from <= at || at < to
        };
        if !within {
            return None;
        }
        let days = (to.0 - at.0).rem_euclid(7);
        // The same day but earlier is that of next week.
        let days = if days == 0 && to <= at { 7 } else { days };
        let end = now.date().checked_add(Span::new().days(days)).ok()?;
        now.time_zone().to_zoned(end.to_datetime(self.to.1)).ok()
    }
}

impl FromStr for Freeze {
    type Err = String;

    fn from_str(text: &str) -> Result<Freeze, String> {
        let wrong = |what: &str| {
            format!(
                "`{text}` is no window of the week: {what}; write it as `Fri 15:00 - Mon 06:00 Europe/Berlin`"
            )
        };
        let plain = text.replace('–', "-");
        let words: Vec<&str> = plain.split_whitespace().collect();
        let [from_day, from_time, "-", to_day, to_time, zone] = words[..] else {
            return Err(wrong("it has other parts than two times and a zone"));
        };
        let moment = |day: &str, time: &str| {
            let known = DAYS.iter().find(|(name, _)| name.eq_ignore_ascii_case(day));
            let (_, weekday) = known.ok_or_else(|| wrong(&format!("`{day}` is no day")))?;
            let time = Time::strptime("%H:%M", time)
                .map_err(|_| wrong(&format!("`{time}` is no time of day")))?;
            Ok::<_, String>((*weekday, time))
        };
        let (from, to) = (moment(from_day, from_time)?, moment(to_day, to_time)?);
        if from == to {
            return Err(wrong("it ends where it begins"));
        }
        if TimeZone::get(zone).is_err() {
            return Err(wrong(&format!("there is no time zone `{zone}`")));
        }
        Ok(Freeze {
            from,
            to,
            zone: zone.to_owned(),
        })
    }
}

impl fmt::Display for Freeze {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let moment = |(day, time): (Weekday, Time)| {
            let name = DAYS.iter().find(|(_, known)| *known == day);
            let name = name.map_or("", |(name, _)| name);
            format!("{name} {}", time.strftime("%H:%M"))
        };
        let (from, to) = (moment(self.from), moment(self.to));
        write!(f, "{from} - {to} {}", self.zone)
    }
}

impl fmt::Debug for Freeze {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?}", self.to_string())
    }
}

impl TryFrom<String> for Freeze {
    type Error = String;

    fn try_from(text: String) -> Result<Freeze, String> {
        text.parse()
    }
}

impl From<Freeze> for String {
    fn from(freeze: Freeze) -> String {
        freeze.to_string()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_window_holds_from_its_first_moment_to_its_last() {
        let check = |window: &str, now: &str, until: Option<&str>| {
            let window: Freeze = window.parse().unwrap();
            let end = window.until(now.parse().unwrap());
            let end = end.map(|end| end.strftime("%a %F %H:%M %Z").to_string());
            assert_eq!(end.as_deref(), until, "{window} at {now}");
        };
        let weekend = "Fri 15:00 - Mon 06:00 Europe/Berlin";
        let over = Some("Mon 2026-11-23 06:00 CET");
        check(weekend, "2026-11-20T13:59:59Z", None);
        check(weekend, "2026-11-20T14:00:00Z", over);
        check(weekend, "2026-11-22T12:00:00Z", over);
        check(weekend, "2026-11-23T04:59:59Z", over);
        check(weekend, "2026-11-23T05:00:00Z", None);
        // The clock of the place, not the distance to Greenwich.
        check(
            weekend,
            "2026-07-03T13:00:00Z",
            Some("Mon 2026-07-06 06:00 CEST"),
        );
        let noon = "Wed 12:00 – Wed 13:00 UTC";
        check(
            noon,
            "2026-11-18T12:30:00Z",
            Some("Wed 2026-11-18 13:00 UTC"),
        );
        check(noon, "2026-11-18T13:00:00Z", None);
        let all_but_an_hour = "Wed 13:00 - Wed 12:00 UTC";
        check(all_but_an_hour, "2026-11-18T12:30:00Z", None);
        check(
            all_but_an_hour,
            "2026-11-18T13:00:00Z",
            Some("Wed 2026-11-25 12:00 UTC"),
        );
        check(
            all_but_an_hour,
            "2026-11-18T11:00:00Z",
            Some("Wed 2026-11-18 12:00 UTC"),
        );
    }

    #[test]
    fn mistakes_are_named() {
        let check = |text: &str, part: &str| {
            let error = text.parse::<Freeze>().unwrap_err();
            assert!(error.contains(part), "{error}");
        };
        check("Fri 15:00", "other parts");
        check("Fri 15:00 - Mon 06:00", "other parts");
        check("Fry 15:00 - Mon 06:00 UTC", "`Fry` is no day");
        check("Fri 25:00 - Mon 06:00 UTC", "`25:00` is no time");
        check("Fri 15:00 - Mon 06:00 Mars/Olympus", "Mars/Olympus");
        check("Fri 15:00 - Fri 15:00 UTC", "ends where it begins");
    }
}
