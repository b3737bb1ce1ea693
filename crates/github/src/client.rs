//! The blocking client: one method per request, one attempt per call.

use std::time::Duration;

use http::header::{ACCEPT, HeaderMap, HeaderValue, LOCATION};
use http_body_util::BodyExt;
use octocrab::Octocrab;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use tokio::runtime::Runtime;
use url::Url;

use crate::{GitHubError, Release, ReleaseDraft, Repository, RepositoryFacts, Token, WriteAccess};

/// Where GitHub is: github.com, an Enterprise server, or a fake.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Server {
    /// `https://api.github.com`, or `https://HOST/api/v3` for Enterprise.
    pub api: Url,
    /// `https://uploads.github.com`, or `https://HOST/api/uploads`. octocrab
    /// sends the token to the authorities of these two addresses only.
    pub uploads: Url,
}

/// A client for one server with one token.
pub struct GitHub {
    // Dropped before the runtime, which its connections live on.
    pub(crate) octocrab: Octocrab,
    uploads: Octocrab,
    pub(crate) runtime: Runtime,
}

pub(crate) type Answer<T> = Result<T, GitHubError>;

impl GitHub {
    /// Makes a client; nothing is sent yet.
    pub fn new(server: &Server, token: Option<&Token>) -> Answer<GitHub> {
        let client_error = |cause: String| GitHubError::Client {
            address: server.api.to_string(),
            cause,
        };
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(1)
            .enable_all()
            .build()
            .map_err(|e| client_error(e.to_string()))?;
        let _inside = runtime.enter();
        let builder = || {
            let mut builder = Octocrab::builder()
                .base_uri(server.api.as_str())
                .and_then(|b| b.upload_uri(server.uploads.as_str()))
                .map_err(|e| client_error(e.to_string()))?
                .set_connect_timeout(Some(Duration::from_secs(10)));
            if let Some(token) = token {
                builder = builder.personal_token(token.expose().to_owned());
            }
            Ok(builder)
        };
        let octocrab = builder()?
            .set_read_timeout(Some(SILENCE_TIMEOUT))
            .build()
            .map_err(|e| client_error(e.to_string()))?;
        // The time until the answer runs while the body is being sent, so a large file over a
        // slow line would meet it. Here silence is what no byte can be written for.
        let uploads = builder()?
            .set_write_timeout(Some(SILENCE_TIMEOUT))
            .build()
            .map_err(|e| client_error(e.to_string()))?;
        drop(_inside);
        Ok(GitHub {
            octocrab,
            uploads,
            runtime,
        })
    }

    fn get<T: DeserializeOwned>(&self, attempt: &str, route: String) -> Answer<T> {
        self.runtime
            .block_on(self.octocrab.get(route, None::<&()>))
            .map_err(|e| GitHubError::from_octocrab(attempt, e))
    }

    /// Asks for what the survey wants to know of the repository.
    pub fn repository(&self, repository: &Repository) -> Answer<RepositoryFacts> {
        #[derive(Deserialize)]
        struct Answered {
            full_name: String,
            default_branch: String,
            #[serde(default)]
            private: bool,
            // Nothing that a release hangs on: who answers without it is no reason to stop.
            owner: Option<Owner>,
            permissions: Option<Permissions>,
        }
        #[derive(Deserialize)]
        struct Owner {
            #[serde(rename = "type")]
            kind: String,
        }
        #[derive(Deserialize, Default)]
        struct Permissions {
            #[serde(default)]
            push: bool,
            #[serde(default)]
            pull: bool,
        }
        let attempt = format!("reading the repository {repository}");
        let got: Answered = self.get(&attempt, format!("/repos/{repository}"))?;
        Ok(RepositoryFacts {
            full_name: got.full_name,
            private: got.private,
            belongs_to_person: got.owner.is_some_and(|owner| owner.kind == "User"),
            default_branch: got.default_branch,
            write_access: match got.permissions {
                Some(Permissions { push: true, .. }) => WriteAccess::Granted,
                Some(Permissions { pull: true, .. }) => WriteAccess::Denied,
                Some(_) | None => WriteAccess::Unknown,
            },
        })
    }

    /// Returns the release of a tag, **drafts included**: GitHub finds a draft by listing only,
    /// never by its tag.
    pub fn release_of(&self, repository: &Repository, tag: &str) -> Answer<Option<Release>> {
        let attempt = format!("listing the releases of {repository}");
        for page in 1.. {
            let route = format!("/repos/{repository}/releases?per_page=100&page={page}");
            let releases: Vec<Release> = self.get(&attempt, route)?;
            let last = releases.len() < 100;
            if let Some(found) = releases.into_iter().find(|r| r.tag_name == tag) {
                return Ok(Some(found));
            }
            if last {
                break;
            }
        }
        Ok(None)
    }

    /// Returns the newest releases, drafts included: at most 300 of them.
    ///
    /// # Errors
    /// [`GitHubError`] where GitHub does not answer.
    pub fn newest_releases(&self, repository: &Repository) -> Answer<Vec<Release>> {
        let attempt = format!("listing the releases of {repository}");
        let mut all = Vec::new();
        for page in 1..=3 {
            let route = format!("/repos/{repository}/releases?per_page=100&page={page}");
            let releases: Vec<Release> = self.get(&attempt, route)?;
            let last = releases.len() < 100;
            all.extend(releases);
            if last {
                break;
            }
        }
        Ok(all)
    }

    /// Returns the release that GitHub calls the latest, if there is one.
    pub fn latest(&self, repository: &Repository) -> Answer<Option<Release>> {
        let attempt = format!("reading the latest release of {repository}");
        match self.get(&attempt, format!("/repos/{repository}/releases/latest")) {
            Err(GitHubError::Refused { status: 404, .. }) => Ok(None),
            other => other.map(Some),
        }
    }

    /// Creates a draft. Look with [`GitHub::release_of`] first: GitHub allows
    /// any number of drafts for one tag.
    pub fn create_draft(&self, repository: &Repository, draft: &ReleaseDraft) -> Answer<Release> {
        let attempt = format!(
            "creating the draft release {} on {repository}",
            draft.tag_name
        );
        let body = json!({
            "tag_name": draft.tag_name,
            "name": draft.name,
            "body": draft.body,
            "draft": true,
            "prerelease": draft.prerelease,
        });
        self.runtime
            .block_on(
                self.octocrab
                    .post(format!("/repos/{repository}/releases"), Some(&body)),
            )
            .map_err(|e| GitHubError::from_octocrab(&attempt, e))
    }

    /// Changes what is given in `change` of a release (GitHub's field names).
    fn update(
        &self,
        repository: &Repository,
        attempt: &str,
        id: u64,
        change: Value,
    ) -> Answer<Release> {
        let route = format!("/repos/{repository}/releases/{id}");
        self.runtime
            .block_on(self.octocrab.patch(route, Some(&change)))
            .map_err(|e| GitHubError::from_octocrab(attempt, e))
    }

    /// Makes a draft public. `latest`: whether it becomes *the* latest release;
    /// a pre-release and a back-port must not.
    pub fn publish(
        &self,
        repository: &Repository,
        release: &Release,
        latest: bool,
    ) -> Answer<Release> {
        let attempt = format!(
            "publishing the release {} of {repository}",
            release.tag_name
        );
        let change =
            json!({ "draft": false, "make_latest": if latest { "true" } else { "false" } });
        self.update(repository, &attempt, release.id, change)
    }

    /// Replaces title and notes, for instance to mark a yanked version.
    pub fn rewrite(
        &self,
        repository: &Repository,
        release: &Release,
        name: &str,
        body: &str,
    ) -> Answer<Release> {
        let attempt = format!("changing the notes of {} of {repository}", release.tag_name);
        self.update(
            repository,
            &attempt,
            release.id,
            json!({ "name": name, "body": body }),
        )
    }

    /// Attaches a file. Names must be plain (letters, digits, `.`, `-`, `_`): GitHub
    /// turns other characters into dots.
    pub fn upload_asset(
        &self,
        repository: &Repository,
        release: &Release,
        name: &str,
        bytes: Vec<u8>,
    ) -> Answer<crate::Asset> {
        let attempt = format!(
            "uploading {name} to the release {} of {repository}",
            release.tag_name
        );
        if !is_safe_asset_name(name) {
            return Err(GitHubError::Invalid {
                attempt,
                code: "name".to_owned(),
                detail: "an asset's name may hold letters, digits, `.`, `-` and `_` only"
                    .to_owned(),
            });
        }
        let repositories = self.uploads.repos(&repository.owner, &repository.name);
        let within = upload_limit(bytes.len());
        let uploaded = self.runtime.block_on(async {
            let releases = repositories.releases();
            let sent = releases.upload_asset(release.id, name, bytes.into()).send();
            tokio::time::timeout(within, sent).await
        });
        let uploaded = match uploaded {
            Ok(result) => result.map_err(|e| GitHubError::from_octocrab(&attempt, e))?,
            Err(_) => {
                return Err(GitHubError::Ambiguous {
                    attempt,
                    cause: format!("no answer within {} s", within.as_secs()),
                });
            }
        };
        Ok(crate::Asset {
            id: uploaded.id.into_inner(),
            name: uploaded.name,
            size: u64::try_from(uploaded.size).unwrap_or(0),
            state: uploaded.state,
            digest: uploaded.digest,
        })
    }

    /// Fetches the bytes of an asset. GitHub answers with them, or with the address of its
    /// storage, which is asked without the token.
    ///
    /// # Errors
    /// Those of the API; [`GitHubError::Ambiguous`] where the storage does not answer.
    pub fn download_asset(&self, repository: &Repository, asset: &crate::Asset) -> Answer<Vec<u8>> {
        let attempt = format!("fetching the asset {} of {repository}", asset.name);
        let route = format!("/repos/{repository}/releases/assets/{}", asset.id);
        let broken = |cause: String| GitHubError::Ambiguous {
            attempt: attempt.clone(),
            cause,
        };
        let mut headers = HeaderMap::new();
        headers.insert(ACCEPT, HeaderValue::from_static("application/octet-stream"));
        let response = self
            .runtime
            .block_on(async {
                let response = self
                    .octocrab
                    ._get_with_headers(route, Some(headers))
                    .await?;
                match response.status().is_redirection() {
                    true => Ok(response),
                    false => octocrab::map_github_error(response).await,
                }
            })
            .map_err(|e| GitHubError::from_octocrab(&attempt, e))?;
        let place = response.headers().get(LOCATION);
        let place = place
            .and_then(|place| place.to_str().ok())
            .map(str::to_owned);
        let Some(place) = place.filter(|_| response.status().is_redirection()) else {
            let body = self.runtime.block_on(response.into_body().collect());
            let body = body.map_err(|error| broken(error.to_string()))?;
            return Ok(body.to_bytes().to_vec());
        };
        let config = ureq::Agent::config_builder()
            .timeout_connect(Some(Duration::from_secs(10)))
            .timeout_recv_response(Some(SILENCE_TIMEOUT))
            .timeout_recv_body(Some(upload_limit(
                usize::try_from(asset.size).unwrap_or(usize::MAX),
            )))
            .build();
        let agent: ureq::Agent = config.into();
        let mut answer = agent
            .get(&place)
            .call()
            .map_err(|error| broken(error.to_string()))?;
        let body = answer.body_mut().with_config().limit(asset.size + 1);
        body.read_to_vec()
            .map_err(|error| broken(error.to_string()))
    }

    /// Removes an asset: a broken upload, or one with other bytes in a draft.
    pub fn delete_asset(&self, repository: &Repository, asset: &crate::Asset) -> Answer<()> {
        let attempt = format!("removing the asset {} from {repository}", asset.name);
        let route = format!("/repos/{repository}/releases/assets/{}", asset.id);
        let response = self
            .runtime
            .block_on(async {
                octocrab::map_github_error(self.octocrab._delete(route, None::<&()>).await?).await
            })
            .map_err(|e| GitHubError::from_octocrab(&attempt, e))?;
        drop(response);
        Ok(())
    }
}

/// How long nothing may be heard, or written.
const SILENCE_TIMEOUT: Duration = Duration::from_secs(60);

/// Returns how long an upload may take in all: what 8 KiB a second takes, the slowest line that
/// anybody should wait for, and the time for an answer.
fn upload_limit(bytes: usize) -> Duration {
    let seconds = u64::try_from(bytes / 8192).unwrap_or(u64::MAX / 2);
    SILENCE_TIMEOUT + Duration::from_secs(seconds)
}

/// Returns whether GitHub keeps this asset name as it is, and octocrab sends it so.
pub(crate) fn is_safe_asset_name(name: &str) -> bool {
    !name.is_empty()
        && !name.starts_with('.')
        && name
            .bytes()
            .all(|b| b.is_ascii_alphanumeric() || b".-_".contains(&b))
}

#[cfg(test)]
mod tests {
    use super::is_safe_asset_name;

    #[test]
    fn asset_names_survive_the_way_to_github() {
        let check = |name, want| assert_eq!(is_safe_asset_name(name), want, "{name:?}");
        check("stagegate-0.2.0.crate", true);
        check("SHA256SUMS", true);
        check("serde-1.0.0+build.crate", false);
        check("a b", false);
        check("", false);
        check(".hidden", false);
    }
}
