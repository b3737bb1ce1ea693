//! What is built for an app.

use super::action::{Binary, FrontendBuild};
use crate::config::{AppConfig, ServiceConfig};
use crate::request::Part;

impl AppConfig {
    /// The binaries and the bundle of a part.
    pub(super) fn build_of(&self, part: Part) -> (Vec<Binary>, Option<FrontendBuild>) {
        let backend = self.backend.iter().filter(|_| part.backend());
        let frontend = self.frontend_service().filter(|_| part.frontend());
        let binaries = backend.chain(frontend).map(binary_of);
        let bundle = self.frontend.as_ref().filter(|_| part.frontend());
        let bundle = bundle.filter(|frontend| frontend.service.is_none());
        let bundle = bundle.map(|frontend| FrontendBuild {
            run: frontend.build.clone(),
            dist: frontend.dist.clone(),
        });
        (binaries.collect(), bundle)
    }

    /// The same without what the hosts build themselves.
    pub(super) fn build_here_of(&self, part: Part) -> (Vec<Binary>, Option<FrontendBuild>) {
        let (mut binaries, bundle) = self.build_of(part);
        let elsewhere = self.backend.as_ref().filter(|it| it.is_built_on_hosts());
        if let Some(backend) = elsewhere {
            let name = backend.binary_name();
            binaries.retain(|binary| binary.name != name);
        }
        (binaries, bundle)
    }
}

fn binary_of(service: &ServiceConfig) -> Binary {
    Binary {
        package: service.package.clone(),
        name: service.binary_name().to_owned(),
    }
}
