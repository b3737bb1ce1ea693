//! What is built for an app.

use stagegate_config::schema::{AppConfig, ServiceConfig};

use crate::model::{Binary, FrontendBuild};
use crate::request::Part;

/// Returns the binaries and the bundle of the wanted parts.
pub fn built(app: &AppConfig, part: Part) -> (Vec<Binary>, Option<FrontendBuild>) {
    let backend = app.backend.iter().filter(|_| part.backend());
    let frontend = app.frontend_service().filter(|_| part.frontend());
    let binaries = backend.chain(frontend).map(binary_of);
    let bundle = app.frontend.as_ref().filter(|_| part.frontend());
    let bundle = bundle.filter(|frontend| frontend.service.is_none());
    let bundle = bundle.map(|frontend| FrontendBuild {
        run: frontend.build.clone(),
        dist: frontend.dist.clone(),
    });
    (binaries.collect(), bundle)
}

/// Returns the same without what the hosts build themselves.
pub fn built_here(app: &AppConfig, part: Part) -> (Vec<Binary>, Option<FrontendBuild>) {
    let (mut binaries, bundle) = built(app, part);
    let elsewhere = app.backend.as_ref().filter(|it| it.is_built_on_hosts());
    if let Some(backend) = elsewhere {
        let name = backend.binary_name();
        binaries.retain(|binary| binary.name != name);
    }
    (binaries, bundle)
}

fn binary_of(service: &ServiceConfig) -> Binary {
    Binary {
        package: service.package.clone(),
        name: service.binary_name().to_owned(),
    }
}
