//! What is built for an app.

use super::action::{Binary, FrontendBuild};
use crate::config::AppConfig;
use crate::request::Part;

impl AppConfig {
    /// The binaries and the bundle of a part.
    pub(super) fn build_of(&self, part: Part) -> (Vec<Binary>, Option<FrontendBuild>) {
        let backend = self.backend.iter().filter(|_| part.backend());
        let binaries = backend.map(|backend| Binary {
            package: backend.package.clone(),
            name: backend
                .binary
                .clone()
                .unwrap_or_else(|| backend.package.clone()),
        });
        let frontend = self.frontend.as_ref().filter(|_| part.frontend());
        let bundle = frontend.map(|frontend| FrontendBuild {
            run: frontend.build.clone(),
            dist: frontend.dist.clone(),
        });
        (binaries.collect(), bundle)
    }
}
