//! Users, as a stopwatch: who asks every host what it runs until all say the same.

use std::io::{Read as _, Write as _};
use std::net::TcpStream;
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use anyhow::{Context, bail};

use stagegate_hosts::machine::Machine;

/// Between two questions to one host.
const POLL_INTERVAL: Duration = Duration::from_millis(20);
/// Then something is wrong.
const LONGEST: Duration = Duration::from_secs(120);

/// Waits, in the background, until each host answers with that version.
pub(super) struct Watch {
    asking: Vec<JoinHandle<Option<Instant>>>,
}

impl Watch {
    /// Begins to ask.
    pub(super) fn begin(hosts: &[Machine], port: u16, version: &str) -> Watch {
        let asking = hosts.iter().map(|host| {
            let (address, version) = (format!("{}:{port}", host.address), version.to_owned());
            std::thread::spawn(move || {
                let began = Instant::now();
                while began.elapsed() < LONGEST {
                    if ask(&address)
                        .is_ok_and(|answer| answer.trim_end().ends_with(&format!("\n{version}")))
                    {
                        return Some(Instant::now());
                    }
                    std::thread::sleep(POLL_INTERVAL);
                }
                None
            })
        });
        Watch {
            asking: asking.collect(),
        }
    }

    /// Returns the seconds from then until the last host answered so.
    pub(super) fn end(self, from: Instant) -> anyhow::Result<f64> {
        let mut last = from;
        for asking in self.asking {
            let Ok(answered) = asking.join() else {
                bail!("a watch over a host ended early");
            };
            let answered = answered.context("a host does not answer as it should")?;
            last = last.max(answered);
        }
        Ok(last.duration_since(from).as_secs_f64())
    }
}

fn ask(address: &str) -> anyhow::Result<String> {
    let limit = Duration::from_secs(2);
    let mut stream = TcpStream::connect_timeout(&address.parse()?, limit)?;
    stream.set_read_timeout(Some(limit))?;
    stream.write_all(b"GET /version HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")?;
    let mut text = String::new();
    stream.read_to_string(&mut text)?;
    Ok(text)
}

/// Counts the bytes that have gone into the hosts' network cables so far, of the one with most.
pub(super) fn sent(hosts: &[Machine]) -> anyhow::Result<Vec<u64>> {
    let one = |host: &Machine| {
        let file = format!("/sys/class/net/{}/statistics/tx_bytes", host.link);
        let text = std::fs::read_to_string(&file).with_context(|| format!("reading {file}"))?;
        text.trim()
            .parse()
            .with_context(|| format!("{file} holds {text:?}"))
    };
    hosts.iter().map(one).collect()
}
