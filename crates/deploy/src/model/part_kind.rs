//! One part of an app as the code that deploys it sees it: a service or a bundle.
//!
//! What deploys a service asks an [`AppService`] for its settings and its names, and never
//! the app for its backend: which of the app's parts it is, is decided here.

use crate::model::app::{App, Bundle, Frontend, Service};
use crate::model::error::DeployError;
use crate::model::layout::{Layout, ServiceLayout};
use crate::model::part::Part;
use crate::model::target::Target;

/// A part of an app that listens.
#[derive(Clone, Copy, Debug)]
pub(crate) struct AppService<'a> {
    pub(crate) app: &'a App,
    pub(crate) part: Part,
    pub(crate) settings: &'a Service,
}

/// What a part of an app is.
#[derive(Clone, Copy, Debug)]
pub(crate) enum PartKind<'a> {
    /// A program that listens.
    Service(AppService<'a>),
    /// Files.
    Bundle(&'a Bundle),
}

impl AppService<'_> {
    /// Returns where it is on a host, and what it is called there.
    pub(crate) fn layout(&self, target: &Target) -> ServiceLayout {
        Layout::new(target, self.app).service(self.part)
    }
}

impl App {
    /// Returns what the part is.
    pub(crate) fn part_kind(&self, part: Part) -> Result<PartKind<'_>, DeployError> {
        let missing = DeployError::NoSuchPart { part: part.name() };
        let service = |settings| {
            PartKind::Service(AppService {
                app: self,
                part,
                settings,
            })
        };
        match part {
            Part::Backend => self.backend.as_ref().map(service),
            Part::Frontend => self.frontend.as_ref().map(|frontend| match frontend {
                Frontend::Service(settings) => service(settings),
                Frontend::Bundle(bundle) => PartKind::Bundle(bundle),
            }),
        }
        .ok_or(missing)
    }

    /// Returns the part as a service.
    pub(crate) fn service(&self, part: Part) -> Result<AppService<'_>, DeployError> {
        match self.part_kind(part)? {
            PartKind::Service(service) => Ok(service),
            PartKind::Bundle(_) => Err(DeployError::NoSuchPart { part: part.name() }),
        }
    }

    /// Iterates over its services, in the order in which they are deployed.
    pub(crate) fn services(&self) -> impl Iterator<Item = AppService<'_>> {
        Part::ALL
            .into_iter()
            .filter_map(|part| self.service(part).ok())
    }

    /// Returns how the part is run, if it is a service of the app.
    pub fn settings(&self, part: Part) -> Option<&Service> {
        self.service(part).ok().map(|service| service.settings)
    }

    /// Iterates over the settings of its services, to be changed.
    pub fn services_mut(&mut self) -> impl Iterator<Item = &mut Service> {
        let frontend = self.frontend.as_mut().and_then(Frontend::service_mut);
        self.backend.as_mut().into_iter().chain(frontend)
    }

    /// Drops every build on a host: what the hosts have is used as it is.
    pub fn disable_host_builds(&mut self) {
        self.services_mut().for_each(|service| service.build = None);
    }

    /// Returns the part as a bundle.
    pub(crate) fn bundle(&self, part: Part) -> Result<&Bundle, DeployError> {
        match self.part_kind(part)? {
            PartKind::Bundle(bundle) => Ok(bundle),
            PartKind::Service(_) => Err(DeployError::NoSuchPart { part: part.name() }),
        }
    }
}
