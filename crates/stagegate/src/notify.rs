//! Tells a webhook that a run begins, and how it ended, in Slack's JSON.
//!
//! One more listener to the event stream. It never holds a run up: messages are sent
//! beside it, each within a limit, and a webhook that does not take them is said once,
//! on stderr, without its address, which is a secret.

use std::io::Write;
use std::sync::mpsc;
use std::thread::JoinHandle;
use std::time::Duration;

use stagegate_config::schema::{NotifyConfig, NotifyEvent};
use stagegate_plan::model::{Event, RunEnd};

/// How long one message may take.
const LIMIT: Duration = Duration::from_secs(5);

/// Sends events of a run to the webhook.
pub(crate) struct Notifier {
    config: NotifyConfig,
    title: String,
    /// What failed, in its own words.
    failure: Option<String>,
    messages: Option<mpsc::Sender<String>>,
    sends: Option<JoinHandle<()>>,
}

impl Notifier {
    /// Creates one; without configuration it sends nothing.
    pub(crate) fn new(config: &NotifyConfig) -> Notifier {
        let mut notifier = Notifier {
            config: config.clone(),
            title: String::new(),
            failure: None,
            messages: None,
            sends: None,
        };
        let nothing = config.on.as_ref().is_some_and(Vec::is_empty);
        let Some(webhook) = config.webhook.as_ref().filter(|_| !nothing) else {
            return notifier;
        };
        let name = webhook.env.clone();
        let address = std::env::var(&name).unwrap_or_default();
        if address.trim().is_empty() {
            complain(&format!(
                "{name} is not set, so nothing is sent about this run"
            ));
            return notifier;
        }
        let (send, messages) = mpsc::channel::<String>();
        notifier.messages = Some(send);
        notifier.sends = Some(std::thread::spawn(move || {
            let mut complained = false;
            for text in messages {
                if let Err(why) = post(address.trim(), &text)
                    && !std::mem::replace(&mut complained, true)
                {
                    complain(&format!(
                        "the webhook of {name} did not take the message: {why}; the run does not depend on it"
                    ));
                }
            }
        }));
        notifier
    }

    /// Sends a message about an event, if it is one to tell.
    pub(crate) fn event(&mut self, event: &Event) {
        if let Some((occasion, text)) = self.message(event)
            && self.config.includes(occasion)
            && let Some(messages) = &self.messages
        {
            // The other side lives as long as we do.
            let _ = messages.send(text);
        }
    }

    fn message(&mut self, event: &Event) -> Option<(NotifyEvent, String)> {
        match event {
            Event::RunStarted { plan, done_before } => {
                self.title.clone_from(&plan.title);
                (*done_before == 0)
                    .then(|| (NotifyEvent::Started, format!("▶ {} started", self.title)))
            }
            Event::StepFailed { step, error, .. } => {
                let first = error.lines().next().unwrap_or_default();
                self.failure = Some(format!("{step}: {first}"));
                None
            }
            Event::RunEnded {
                end, next, seconds, ..
            } => {
                let title = &self.title;
                let why = self.failure.take();
                let why = why.map_or_else(String::new, |why| format!("\n{why}"));
                Some(match end {
                    RunEnd::Completed => (
                        NotifyEvent::Completed,
                        format!("✅ {title} is done, in {seconds:.0} s"),
                    ),
                    RunEnd::RolledBack => (
                        NotifyEvent::RolledBack,
                        format!("↩ {title} was rolled back{why}\n{next}"),
                    ),
                    RunEnd::RollbackIncomplete => (
                        NotifyEvent::Failed,
                        format!("❌ {title}: rollback incomplete{why}\n{next}"),
                    ),
                    RunEnd::Failed => (
                        NotifyEvent::Failed,
                        format!("❌ {title} failed{why}\n{next}"),
                    ),
                    RunEnd::Interrupted | RunEnd::Declined => (
                        NotifyEvent::Failed,
                        format!("⏹ {title} was stopped\n{next}"),
                    ),
                    // Another job resumes it.
                    RunEnd::Paused => return None,
                })
            }
            _ => None,
        }
    }
}

impl Drop for Notifier {
    fn drop(&mut self) {
        // What is on its way arrives, or reaches its limit.
        drop(self.messages.take());
        if let Some(sends) = self.sends.take() {
            let _ = sends.join();
        }
    }
}

/// Sends one message; says why it did not arrive, without the address.
fn post(address: &str, text: &str) -> Result<(), String> {
    let config = ureq::Agent::config_builder()
        .timeout_global(Some(LIMIT))
        .tls_config(
            ureq::tls::TlsConfig::builder()
                .root_certs(ureq::tls::RootCerts::PlatformVerifier)
                .build(),
        )
        .max_redirects(0)
        .build();
    // Slack's own escapes; no more is special in its text.
    let text = text
        .replace('&', "&amp;")
        .replace('<', "&lt;")
        .replace('>', "&gt;");
    let body = serde_json::json!({ "text": text }).to_string();
    let answer = ureq::Agent::from(config)
        .post(address)
        .header("content-type", "application/json")
        .send(body);
    match answer {
        Ok(answer) if answer.status().is_success() => Ok(()),
        Ok(answer) => Err(format!("it answers {}", answer.status().as_u16())),
        Err(ureq::Error::StatusCode(status)) => Err(format!("it answers {status}")),
        Err(ureq::Error::Timeout(_)) => Err(format!("no answer within {} s", LIMIT.as_secs())),
        Err(ureq::Error::BadUri(_)) => Err("what it holds is no address".to_owned()),
        Err(_) => Err("it cannot be reached".to_owned()),
    }
}

fn complain(text: &str) {
    let _ = writeln!(std::io::stderr(), "notify: {text}");
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ended(end: RunEnd) -> Event {
        Event::RunEnded {
            unrestored: Vec::new(),
            end,
            next: "resume with `x --resume`".to_owned(),
            seconds: 61.2,
        }
    }

    #[test]
    fn an_end_is_told_with_its_cause_and_what_to_do() {
        let mut notifier = Notifier::new(&NotifyConfig::default());
        notifier.title = "deploy both in production: 1.4.0".to_owned();
        notifier.failure = Some("backend.health@app1: it answers 500".to_owned());
        let (occasion, text) = notifier.message(&ended(RunEnd::Failed)).unwrap();
        assert_eq!(occasion, NotifyEvent::Failed);
        assert_eq!(
            text,
            "❌ deploy both in production: 1.4.0 failed\nbackend.health@app1: it answers 500\n\
             resume with `x --resume`"
        );
        let (_, text) = notifier.message(&ended(RunEnd::Completed)).unwrap();
        assert!(text.ends_with("is done, in 61 s"), "{text}");
        assert!(notifier.message(&ended(RunEnd::Paused)).is_none());
    }

    #[test]
    fn an_address_is_not_in_the_complaint() {
        for address in ["http://127.0.0.1:1/secret", "secret", "http://sec ret/"] {
            let why = post(address, "hello").unwrap_err();
            assert!(!why.contains("sec"), "{why}");
        }
    }
}
