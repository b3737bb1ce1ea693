//! How fast crates.io takes uploads, and how long that makes a release wait.
//!
//! Two buckets that are drawn from apart: new crates, 5 at once and one more
//! every 10 minutes; new versions of known crates, 30 at once and one more every
//! minute (crates.io's own defaults in `src/rate_limiter.rs`; a team may have
//! been given more). What was uploaded before is not known here, so the waits
//! are the least that can be expected.

use std::time::Duration;

/// A bucket of allowances.
struct Bucket {
    burst: usize,
    each: Duration,
}

const NEW_CRATES: Bucket = Bucket {
    burst: 5,
    each: Duration::from_secs(600),
};

const NEW_VERSIONS: Bucket = Bucket {
    burst: 30,
    each: Duration::from_secs(60),
};

impl Bucket {
    fn wait(&self, uploads: usize) -> Duration {
        let beyond = uploads.saturating_sub(self.burst);
        self.each
            .saturating_mul(u32::try_from(beyond).unwrap_or(u32::MAX))
    }
}

/// Returns the least that crates.io makes this many uploads wait. The buckets refill side by side,
/// so the longer wait is the one that counts.
pub fn least_wait(new_crates: usize, new_versions: usize) -> Duration {
    NEW_CRATES
        .wait(new_crates)
        .max(NEW_VERSIONS.wait(new_versions))
}

/// Returns what to say of it, where there is anything to say.
pub fn note(new_crates: usize, new_versions: usize) -> Option<String> {
    let wait = least_wait(new_crates, new_versions);
    if wait.is_zero() {
        return None;
    }
    let mut causes = Vec::new();
    for (count, bucket, what) in [
        (new_crates, NEW_CRATES, "new crates"),
        (new_versions, NEW_VERSIONS, "new versions"),
    ] {
        if count > bucket.burst {
            let minutes = bucket.each.as_secs() / 60;
            causes.push(format!(
                "{} {what} at once, then 1 in {minutes} min, and these are {count}",
                bucket.burst
            ));
        }
    }
    Some(format!(
        "crates.io takes {}: expect {} of waiting at the least, in the publish stage",
        causes.join("; "),
        spoken(wait)
    ))
}

fn spoken(wait: Duration) -> String {
    let minutes = wait.as_secs() / 60;
    match (minutes / 60, minutes % 60) {
        (0, minutes) => format!("{minutes} min"),
        (hours, 0) => format!("{hours} h"),
        (hours, minutes) => format!("{hours} h {minutes} min"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_waits_are_those_of_crates_io() {
        let check = |new: usize, versions: usize, minutes: u64| {
            let want = Duration::from_secs(60 * minutes);
            assert_eq!(least_wait(new, versions), want, "{new} new, {versions}");
        };
        check(0, 0, 0);
        check(5, 30, 0);
        check(6, 30, 10);
        check(5, 31, 1);
        check(9, 120, 90);
        check(30, 0, 250);
    }

    #[test]
    fn only_what_makes_wait_is_told() {
        assert_eq!(note(5, 30), None);
        let both = note(11, 120).unwrap();
        assert!(both.contains("11") && both.contains("120"), "{both}");
        assert!(both.contains("1 h 30 min"), "{both}");
        let versions = note(2, 31).unwrap();
        assert!(!versions.contains("new crates"), "{versions}");
        assert!(versions.contains("expect 1 min"), "{versions}");
    }
}
