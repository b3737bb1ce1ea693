//! The real registry behind the fake, read as any cargo reads it.

use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context, bail};
use serde_json::Value;
use tokio::sync::OnceCell;
use ureq::tls::{RootCerts, TlsConfig};

use super::store::index_path;

/// The index of another registry.
#[derive(Debug, Clone)]
pub(crate) struct Upstream {
    base: String,
    agent: ureq::Agent,
    /// The `dl` of its configuration, asked for once.
    downloads: Arc<OnceCell<String>>,
}

impl Upstream {
    pub(crate) fn new(base: &str) -> Upstream {
        let base = base.strip_prefix("sparse+").unwrap_or(base);
        // What cargo trusts, the fake trusts.
        let trusted = TlsConfig::builder()
            .root_certs(RootCerts::PlatformVerifier)
            .build();
        let config = ureq::Agent::config_builder()
            .tls_config(trusted)
            .http_status_as_error(false)
            .user_agent("stagegate-fakes")
            .timeout_global(Some(Duration::from_secs(60)))
            .build();
        Upstream {
            base: format!("{}/", base.trim_end_matches('/')),
            agent: config.into(),
            downloads: Arc::default(),
        }
    }

    /// Returns where the index file of a package is.
    pub(crate) fn index_file(&self, name: &str) -> String {
        format!("{}{}", self.base, index_path(name))
    }

    /// Returns the lines of a package; none if it does not exist there.
    pub(crate) async fn lines(&self, name: &str) -> anyhow::Result<Vec<Value>> {
        let Some(text) = self.get(self.index_file(name)).await? else {
            return Ok(Vec::new());
        };
        text.lines()
            .map(|line| {
                serde_json::from_str(line).with_context(|| format!("in {name}'s index file"))
            })
            .collect()
    }

    /// Returns where a `.crate` file is.
    pub(crate) async fn download(&self, name: &str, version: &str) -> anyhow::Result<String> {
        let dl = self.downloads.get_or_try_init(|| self.dl()).await?;
        let path = index_path(name);
        let prefix = path.rsplit_once('/').map_or("", |(prefix, _)| prefix);
        if !dl.contains('{') {
            return Ok(format!("{dl}/{name}/{version}/download"));
        }
        let address = dl
            .replace("{crate}", name)
            .replace("{version}", version)
            .replace("{lowerprefix}", prefix);
        if address.contains('{') {
            bail!("the fake registry does not understand the download template {dl}");
        }
        Ok(address)
    }

    async fn dl(&self) -> anyhow::Result<String> {
        let url = format!("{}config.json", self.base);
        let text = self.get(url.clone()).await?;
        let text = text.with_context(|| format!("there is no {url}"))?;
        let config: Value = serde_json::from_str(&text).with_context(|| format!("in {url}"))?;
        let dl = config["dl"].as_str();
        dl.map(str::to_owned)
            .with_context(|| format!("{url} states no `dl`"))
    }

    async fn get(&self, url: String) -> anyhow::Result<Option<String>> {
        let agent = self.agent.clone();
        let get = move || {
            let mut response = agent
                .get(&url)
                .call()
                .with_context(|| format!("no answer from {url}"))?;
            match response.status().as_u16() {
                200 => {}
                404 | 410 | 451 => return Ok(None),
                status => bail!("{url} was answered with status {status}"),
            }
            let body = response.body_mut().with_config().limit(64 << 20);
            Ok(Some(body.read_to_string()?))
        };
        tokio::task::spawn_blocking(get).await?
    }
}
