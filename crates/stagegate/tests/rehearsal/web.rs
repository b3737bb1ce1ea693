//! HTTP as anybody may speak it.

use std::time::Duration;

/// An answer: its status and its body.
pub(crate) struct Answer {
    /// The status.
    pub(crate) status: u16,
    /// The body.
    pub(crate) body: Vec<u8>,
}

impl Answer {
    /// The body as text.
    pub(crate) fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }

    /// The body as JSON.
    pub(crate) fn json(&self) -> serde_json::Value {
        serde_json::from_slice(&self.body).unwrap_or_else(|e| panic!("{e}: {}", self.text()))
    }
}

fn agent() -> ureq::Agent {
    let config = ureq::Agent::config_builder()
        .http_status_as_error(false)
        .timeout_global(Some(Duration::from_secs(30)))
        .user_agent("stagegate-tests")
        .build();
    config.into()
}

fn answer(response: Result<ureq::http::Response<ureq::Body>, ureq::Error>, url: &str) -> Answer {
    let mut response = response.unwrap_or_else(|e| panic!("{url}: {e}"));
    let status = response.status().as_u16();
    let body = response.body_mut().read_to_vec().unwrap();
    Answer { status, body }
}

/// GET.
pub(crate) fn get(url: &str) -> Answer {
    answer(agent().get(url).call(), url)
}

/// GET with a token.
pub(crate) fn get_as(url: &str, token: &str) -> Answer {
    let request = agent().get(url);
    answer(
        request
            .header("Authorization", format!("Bearer {token}"))
            .call(),
        url,
    )
}

/// POST of a text.
pub(crate) fn post(url: &str, body: &str) -> Answer {
    answer(agent().post(url).send(body), url)
}
