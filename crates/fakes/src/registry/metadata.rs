//! The body of an upload: metadata behind its length, archive behind its length.
//!
//! It is read as far as it is needed, and no further: who is refused early hears so while
//! the rest is still on its way (crates.io src/controllers/krate/publish.rs, 2026-08-21).

use axum::body::{Body, Bytes};
use axum::http::StatusCode;
use http_body_util::BodyExt;
use serde::Deserialize;

use super::refusal::Refusal;

/// The largest metadata, in bytes.
const LARGEST_METADATA: usize = 1 << 20;

/// The largest `.crate` file, in bytes.
pub(crate) const LARGEST_PACKAGE: usize = 10 << 20;

/// What is read of the metadata. All else comes from the manifest in the archive.
#[derive(Debug, Clone, Deserialize)]
pub(crate) struct Metadata {
    pub(crate) name: String,
    pub(crate) vers: String,
    #[serde(rename = "readme")]
    _readme: Option<String>,
    #[serde(rename = "readme_file")]
    _readme_file: Option<String>,
}

/// A body that is read from the front.
pub(crate) struct UploadBody {
    body: Body,
    read: Vec<u8>,
    /// How much of `read` was handed out.
    used: usize,
}

impl UploadBody {
    pub(crate) fn new(body: Body) -> UploadBody {
        UploadBody {
            body,
            read: Vec::new(),
            used: 0,
        }
    }

    /// Reads the metadata; the text of it comes along.
    pub(crate) async fn metadata(&mut self) -> Result<(Metadata, Bytes), Refusal> {
        let too_large = || {
            let status = StatusCode::PAYLOAD_TOO_LARGE;
            Refusal::new(status, "JSON metadata blob too large")
        };
        let text = self.part("metadata", LARGEST_METADATA, too_large).await?;
        let metadata = serde_json::from_slice(&text)
            .map_err(|error| Refusal::bad_request(format!("invalid upload request: {error}")))?;
        Ok((metadata, text))
    }

    /// Reads the archive. What comes behind it is nobody's business.
    pub(crate) async fn archive(&mut self) -> Result<Bytes, Refusal> {
        let too_large = || {
            let detail = format!("max upload size is: {LARGEST_PACKAGE}");
            Refusal::new(StatusCode::PAYLOAD_TOO_LARGE, detail)
        };
        self.part("tarball", LARGEST_PACKAGE, too_large).await
    }

    async fn part(
        &mut self,
        what: &str,
        largest: usize,
        too_large: impl Fn() -> Refusal,
    ) -> Result<Bytes, Refusal> {
        let invalid = || Refusal::bad_request(format!("invalid {what} length"));
        let length = self.take(4).await?.ok_or_else(invalid)?;
        let length = <[u8; 4]>::try_from(&length[..]).map_err(|_| invalid())?;
        let length = u32::from_le_bytes(length);
        let size = usize::try_from(length).unwrap_or(usize::MAX);
        if size > largest {
            return Err(too_large());
        }
        self.take(size).await?.ok_or_else(|| {
            Refusal::bad_request(format!(
                "invalid {what} length for remaining payload: {length}"
            ))
        })
    }

    /// Takes so many bytes; none if the body ends before.
    async fn take(&mut self, count: usize) -> Result<Option<Bytes>, Refusal> {
        while self.read.len() - self.used < count {
            match self.body.frame().await {
                Some(Ok(frame)) => self.read.extend(frame.into_data().unwrap_or_default()),
                Some(Err(error)) => return Err(anyhow::Error::from(error).into()),
                None => return Ok(None),
            }
        }
        let part = &self.read[self.used..self.used + count];
        self.used += count;
        Ok(Some(Bytes::copy_from_slice(part)))
    }
}
