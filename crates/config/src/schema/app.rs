//! `[app]`: what is deployed.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::schema::{FrontendConfig, ServiceConfig};

/// `[app]`
#[derive(Clone, Debug, PartialEq, Deserialize, Serialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct AppConfig {
    /// The name of the app. Directories and units on the host are named after it.
    pub name: String,
    /// The backend: a service behind a public port.
    pub backend: Option<ServiceConfig>,
    /// The frontend: a bundle of files, or a service.
    pub frontend: Option<FrontendConfig>,
}

impl AppConfig {
    /// Returns a frontend that is a service.
    pub fn frontend_service(&self) -> Option<&ServiceConfig> {
        self.frontend.as_ref()?.service.as_ref()
    }

    /// Returns its services, each with the name of its table.
    pub(crate) fn services(&self) -> impl Iterator<Item = (&'static str, &ServiceConfig)> {
        let backend = self.backend.as_ref().map(|it| ("app.backend", it));
        let frontend = self.frontend_service();
        let frontend = frontend.map(|it| ("app.frontend.service", it));
        backend.into_iter().chain(frontend)
    }
}
