//! One table of everything that can be made to go wrong, by name: for
//! `rehearse --fault`, for the tests and for the crash matrix.

use std::time::Duration;

use anyhow::{Context, bail};

use crate::github::GitHubFault;
use crate::host::HostFault;
use crate::registry::{RegistryFault, RetryAfter};

/// Something that goes wrong in a rehearsal.
#[derive(Clone, Debug, PartialEq)]
pub enum Fault {
    /// At the registry.
    Registry(RegistryFault),
    /// In the registry's index.
    IndexLag(Duration),
    /// At GitHub.
    GitHub(GitHubFault),
    /// On the host.
    Host(HostFault),
    /// The client is killed at one record of its journal: `before:N`, `after:N`.
    Kill(String),
    /// The client is killed again and again, each time a little later.
    KillOften,
}

/// A row of the table.
#[derive(Clone, Copy, Debug)]
pub struct Row {
    /// The name on the command line.
    pub name: &'static str,
    /// What may follow `=`, with its default.
    pub value: &'static str,
    /// What happens.
    pub meaning: &'static str,
    make: fn(u32) -> Fault,
    default: u32,
}

const fn row(
    name: &'static str,
    value: &'static str,
    default: u32,
    meaning: &'static str,
    make: fn(u32) -> Fault,
) -> Row {
    Row {
        name,
        value,
        meaning,
        make,
        default,
    }
}

/// Every fault.
pub const TABLE: &[Row] = &[
    row(
        "registry-429",
        "times, 1",
        1,
        "the registry answers uploads with 429 and `Retry-After: 1`",
        |times| {
            let retry_after = Some(RetryAfter::Seconds(1));
            Fault::Registry(RegistryFault::RateLimited { times, retry_after })
        },
    ),
    row(
        "registry-500",
        "times, 1",
        1,
        "the registry answers 500, and the upload did not happen",
        |times| Fault::Registry(RegistryFault::ServerErrorBefore { times }),
    ),
    row(
        "registry-503",
        "times, 1",
        1,
        "the registry answers 503, and the upload happened all the same",
        |times| Fault::Registry(RegistryFault::ServerErrorAfter { times }),
    ),
    row(
        "registry-reset",
        "times, 1",
        1,
        "the upload happened, and the connection is cut without an answer",
        |times| Fault::Registry(RegistryFault::ResetAfter { times }),
    ),
    row(
        "registry-403",
        "times, 1",
        1,
        "the token that an upload comes with has run out",
        |times| Fault::Registry(RegistryFault::TokenExpires { times }),
    ),
    row(
        "registry-read-only",
        "times, 1",
        1,
        "the registry answers 503 and says that it is read-only, and the upload did not happen",
        |times| Fault::Registry(RegistryFault::ReadOnly { times }),
    ),
    row(
        "registry-408",
        "times, 1",
        1,
        "the registry answers 408: the upload took it too long, and did not happen",
        |times| Fault::Registry(RegistryFault::BodyTimeout { times }),
    ),
    row(
        "index-lag",
        "seconds, 3",
        3,
        "the index shows an upload only later",
        |seconds| Fault::IndexLag(Duration::from_secs(u64::from(seconds))),
    ),
    row(
        "github-429",
        "times, 1",
        1,
        "GitHub answers 429 with `Retry-After: 1`",
        |times| Fault::GitHub(GitHubFault::RateLimited { times }),
    ),
    row(
        "github-secondary-limit",
        "times, 1",
        1,
        "GitHub answers 403 without `Retry-After`: a secondary limit, waited for a minute",
        |times| Fault::GitHub(GitHubFault::SecondaryLimit { times }),
    ),
    row(
        "github-no-digests",
        "-",
        0,
        "GitHub tells no digest of what was uploaded, so the bytes are fetched and compared",
        |_| Fault::GitHub(GitHubFault::NoDigests),
    ),
    row(
        "github-502",
        "times, 1",
        1,
        "GitHub answers 502, and nothing happened",
        |times| Fault::GitHub(GitHubFault::ServerErrorBefore { times }),
    ),
    row(
        "github-502-after",
        "times, 1",
        1,
        "GitHub answers 502, and it happened all the same",
        |times| Fault::GitHub(GitHubFault::ServerErrorAfter { times }),
    ),
    row(
        "kill-before",
        "record, 1",
        1,
        "the client is killed just before it writes that record",
        |record| Fault::Kill(format!("before:{record}")),
    ),
    row(
        "kill-after",
        "record, 1",
        1,
        "the client is killed just after it wrote that record",
        |record| Fault::Kill(format!("after:{record}")),
    ),
    row(
        "kill-often",
        "-",
        0,
        "the client is killed again and again until it is done",
        |_| Fault::KillOften,
    ),
    row(
        "disk-full",
        "-",
        0,
        "the host's disk is full when the release is uploaded",
        |_| Fault::Host(HostFault::DiskFull),
    ),
    row(
        "host-reboot",
        "-",
        0,
        "the host reboots right after the switch",
        |_| Fault::Host(HostFault::RebootAfterSwitch),
    ),
    row(
        "backend-unhealthy",
        "-",
        0,
        "the new backend's health answers 500",
        |_| Fault::Host(HostFault::BackendUnhealthy),
    ),
    row(
        "backend-crash",
        "seconds, 1",
        1,
        "the new backend dies that long after the switch",
        |seconds| {
            Fault::Host(HostFault::BackendCrashes {
                after: Duration::from_secs(u64::from(seconds)),
            })
        },
    ),
    row(
        "host-key",
        "-",
        0,
        "the host shows another key than the known one",
        |_| Fault::Host(HostFault::ChangedHostKey),
    ),
];

impl std::str::FromStr for Fault {
    type Err = anyhow::Error;

    fn from_str(text: &str) -> anyhow::Result<Fault> {
        let (name, value) = text
            .split_once('=')
            .map_or((text, None), |(name, value)| (name, Some(value)));
        let Some(row) = TABLE.iter().find(|row| row.name == name) else {
            let names: Vec<_> = TABLE.iter().map(|row| row.name).collect();
            bail!("`{name}` is no fault; the faults are {}", names.join(", "));
        };
        let number = match value {
            None => row.default,
            Some(_) if row.value == "-" => bail!("the fault {name} takes no value"),
            Some(value) => value
                .parse()
                .with_context(|| format!("`{text}`: {value:?} is not a number"))?,
        };
        Ok((row.make)(number))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_row_can_be_named() {
        for row in TABLE {
            assert!(row.name.parse::<Fault>().is_ok(), "{}", row.name);
        }
        assert_eq!(
            "kill-after=7".parse::<Fault>().unwrap(),
            Fault::Kill("after:7".to_owned())
        );
        assert!("kill-often=7".parse::<Fault>().is_err());
        let error = "gremlins".parse::<Fault>().unwrap_err().to_string();
        assert!(
            error.contains("gremlins") && error.contains("disk-full"),
            "{error}"
        );
    }
}
