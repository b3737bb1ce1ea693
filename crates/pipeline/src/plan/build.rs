//! What is built for an app.

use super::action::{Binary, FrontendBuild};
use crate::config::{AppConfig, BackendConfig};
use crate::request::Part;

impl AppConfig {
    /// The binaries and the bundle of a part.
    pub(super) fn build_of(&self, part: Part) -> (Vec<Binary>, Option<FrontendBuild>) {
        let backend = self.backend.iter().filter(|_| part.backend());
        let binaries = backend.map(|backend| Binary {
            package: backend.package.clone(),
            name: backend.binary_name().to_owned(),
        });
        let frontend = self.frontend.as_ref().filter(|_| part.frontend());
        let bundle = frontend.map(|frontend| FrontendBuild {
            run: frontend.build.clone(),
            dist: frontend.dist.clone(),
        });
        (binaries.collect(), bundle)
    }

    /// The same without what the hosts build themselves.
    pub(super) fn build_here_of(&self, part: Part) -> (Vec<Binary>, Option<FrontendBuild>) {
        let (binaries, bundle) = self.build_of(part);
        let elsewhere = self
            .backend
            .as_ref()
            .is_some_and(BackendConfig::is_built_on_hosts);
        (if elsewhere { Vec::new() } else { binaries }, bundle)
    }
}
