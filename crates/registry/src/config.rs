//! A registry's `config.json`: where downloads and the web API are.

use serde::Deserialize;

use crate::error::RegistryError;
use crate::index::prefix;

/// The fields of `config.json` that are used.
#[derive(Debug, Clone, Deserialize)]
pub(crate) struct Config {
    /// Template or base of download addresses.
    dl: String,
    /// Base of the web API; a read-only registry has none.
    pub(crate) api: Option<String>,
}

impl Config {
    pub(crate) fn parse(url: &str, text: &[u8]) -> Result<Config, RegistryError> {
        let mut config: Config =
            serde_json::from_slice(text).map_err(|error| RegistryError::Malformed {
                url: url.to_owned(),
                detail: error.to_string(),
            })?;
        if let Some(api) = &mut config.api {
            api.truncate(api.trim_end_matches('/').len());
        }
        Ok(config)
    }

    /// Returns where a `.crate` file is, by the markers of the Cargo book.
    pub(crate) fn download(&self, name: &str, version: &str, checksum: &str) -> String {
        let markers = [
            ("{crate}", name.to_owned()),
            ("{version}", version.to_owned()),
            ("{prefix}", prefix(name)),
            ("{lowerprefix}", prefix(&name.to_lowercase())),
            ("{sha256-checksum}", checksum.to_owned()),
        ];
        if !markers.iter().any(|(marker, _)| self.dl.contains(marker)) {
            return format!("{}/{name}/{version}/download", self.dl);
        }
        markers
            .iter()
            .fold(self.dl.clone(), |url, (marker, value)| {
                url.replace(marker, value)
            })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn download_addresses() {
        let check = |dl: &str, expected: &str| {
            let config = Config {
                dl: dl.to_owned(),
                api: None,
            };
            assert_eq!(config.download("MyCrate", "1.0.0", "abc"), expected);
        };
        check("https://e.org", "https://e.org/MyCrate/1.0.0/download");
        check(
            "https://e.org/{prefix}/{crate}-{version}?{sha256-checksum}",
            "https://e.org/My/Cr/MyCrate-1.0.0?abc",
        );
        check("https://e.org/{lowerprefix}", "https://e.org/my/cr");
    }
}
