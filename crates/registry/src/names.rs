//! Host names, looked up once a while instead of once a request.
//!
//! ureq looks a name up for every request, on a thread of its own that a deadline can
//! leave behind, though the connection is there already: for the index of a large
//! workspace these are hundreds of lookups.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use ureq::Error;
use ureq::config::Config;
use ureq::http::Uri;
use ureq::unversioned::resolver::{DefaultResolver, ResolvedSocketAddrs, Resolver};
use ureq::unversioned::transport::NextTimeout;

/// How long an address counts. No longer than what names with several addresses commonly
/// allow, so that one that moves away is followed.
const ADDRESS_TTL: Duration = Duration::from_secs(30);

/// Addresses from the system's own resolver.
#[derive(Debug, Default)]
pub(crate) struct Names<R = DefaultResolver> {
    resolver: R,
    known: Mutex<HashMap<String, (Instant, ResolvedSocketAddrs)>>,
}

impl<R: Resolver> Resolver for Names<R> {
    fn resolve(
        &self,
        uri: &Uri,
        config: &Config,
        timeout: NextTimeout,
    ) -> Result<ResolvedSocketAddrs, Error> {
        // The scheme implies a port where none is named.
        let key = format!(
            "{}://{}",
            uri.scheme_str().unwrap_or(""),
            uri.authority().map_or("", |authority| authority.as_str())
        );
        if let Some((at, addresses)) = self.known().get(&key)
            && at.elapsed() < ADDRESS_TTL
        {
            return Ok(addresses.clone());
        }
        let addresses = self.resolver.resolve(uri, config, timeout)?;
        let found = (Instant::now(), addresses.clone());
        self.known().insert(key, found);
        Ok(addresses)
    }
}

impl<R> Names<R> {
    fn known(&self) -> std::sync::MutexGuard<'_, HashMap<String, (Instant, ResolvedSocketAddrs)>> {
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;
    use std::sync::atomic::{AtomicUsize, Ordering};

    use super::*;

    #[derive(Debug, Default)]
    struct Counting(Arc<AtomicUsize>);

    impl Resolver for Counting {
        fn resolve(
            &self,
            uri: &Uri,
            config: &Config,
            timeout: NextTimeout,
        ) -> Result<ResolvedSocketAddrs, Error> {
            self.0.fetch_add(1, Ordering::Relaxed);
            DefaultResolver::default().resolve(uri, config, timeout)
        }
    }

    #[test]
    fn a_host_is_looked_up_once() {
        let names = Names::<Counting>::default();
        let ask = |uri: &'static str| {
            let uri = Uri::from_static(uri);
            let found = names.resolve(&uri, &Config::default(), NextTimeout::default());
            found.unwrap().to_vec()
        };
        let first = ask("http://127.0.0.1:81/a");
        assert_eq!(first, ask("http://127.0.0.1:81/b"));
        assert_eq!(names.resolver.0.load(Ordering::Relaxed), 1);
        assert_ne!(first, ask("http://127.0.0.1:82/a"));
        assert_ne!(ask("http://127.0.0.1/"), ask("https://127.0.0.1/"));
        assert_eq!(names.resolver.0.load(Ordering::Relaxed), 4);
    }
}
