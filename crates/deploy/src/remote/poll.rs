//! Waiting for something on a host: the one loop of the crate that does.

use std::ops::ControlFlow;
use std::time::{Duration, Instant};

use super::lease::LEASE_RENEWAL;

/// Calls `check` with the time since the wait began until it breaks, and returns what it broke
/// with. Between two calls it sleeps as long as the check said, and calls `renew_lease` every
/// [`LEASE_RENEWAL`]: a wait may outlast the lease of whoever waits.
///
/// # Errors
/// The first one of either.
pub(crate) fn poll_until<T, E>(
    renew_lease: impl FnMut() -> Result<(), E>,
    check: impl FnMut(Duration) -> Result<ControlFlow<T, Duration>, E>,
) -> Result<T, E> {
    poll_renewing(LEASE_RENEWAL, renew_lease, check)
}

fn poll_renewing<T, E>(
    renewal: Duration,
    mut renew_lease: impl FnMut() -> Result<(), E>,
    mut check: impl FnMut(Duration) -> Result<ControlFlow<T, Duration>, E>,
) -> Result<T, E> {
    let began = Instant::now();
    let mut renewed = began;
    loop {
        let pause = match check(began.elapsed())? {
            ControlFlow::Break(result) => return Ok(result),
            ControlFlow::Continue(pause) => pause,
        };
        if renewed.elapsed() > renewal {
            renewed = Instant::now();
            renew_lease()?;
        }
        std::thread::sleep(pause);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const PAUSE: Duration = Duration::from_millis(2);

    #[test]
    fn a_wait_ends_with_its_check_and_renews_the_lease_meanwhile() {
        let (mut renewals, mut checks) = (0, 0);
        let renew = || -> Result<(), ()> {
            renewals += 1;
            Ok(())
        };
        let ended = poll_renewing(Duration::ZERO, renew, |elapsed| {
            checks += 1;
            Ok(match checks {
                4 => ControlFlow::Break(elapsed),
                _ => ControlFlow::Continue(PAUSE),
            })
        });
        assert!(ended.unwrap() >= PAUSE * 3);
        assert_eq!((checks, renewals), (4, 3));
    }

    #[test]
    fn an_error_of_the_check_or_the_lease_ends_the_wait() {
        let ended = poll_until(|| Ok(()), |_| Err::<ControlFlow<(), _>, _>("check"));
        assert_eq!(ended, Err("check"));
        let again = |_| Ok(ControlFlow::<(), _>::Continue(PAUSE));
        let ended = poll_renewing(Duration::ZERO, || Err("lease"), again);
        assert_eq!(ended, Err("lease"));
    }
}
