//! What is refused of an app, a release or a deploy before any host hears of it.
//!
//! Names that reach unit files, nft rules and paths are checked here, in one place, and
//! refused rather than escaped: systemd, nft and the shell each quote differently.

use crate::model::app::{App, Deploy, Frontend, Migration, Release, Service};
use crate::model::error::DeployError;
use crate::model::host_build::HostBuild;
use crate::model::switch_method::Proxy;
use crate::model::target::is_account;

impl App {
    /// Refuses names that could mean something else to systemd, nft or a path.
    ///
    /// # Errors
    /// [`DeployError::Refused`], naming the value.
    pub fn check(&self) -> Result<(), DeployError> {
        let name = self.name.as_str();
        let well_formed = name.starts_with(|c: char| c.is_ascii_lowercase())
            && !name.ends_with('-')
            && name.len() <= 32
            && name
                .chars()
                .all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-');
        refuse_unless(
            well_formed,
            "app name",
            name,
            "use up to 32 lower-case letters, digits and `-`, beginning with a letter",
        )?;
        self.services()
            .try_for_each(|service| service.settings.check())?;
        match (
            &self.backend,
            self.frontend.as_ref().and_then(Frontend::service),
        ) {
            (Some(backend), Some(frontend)) => check_no_overlap(backend, frontend),
            (None, Some(frontend)) => check_migrates_nothing(frontend),
            _ => Ok(()),
        }
    }
}

/// Refuses two services that would take something from each other.
fn check_no_overlap(backend: &Service, frontend: &Service) -> Result<(), DeployError> {
    refuse_unless(
        backend.port.abs_diff(frontend.port) > 2,
        "frontend port",
        &frontend.port.to_string(),
        "the backend's port and the two above it are taken, and the frontend needs three as well",
    )?;
    let file = |service: &Service| service.switch.proxy().map(|proxy| proxy.file.clone());
    if let Some(file) = file(frontend) {
        refuse_unless(
            backend
                .switch
                .proxy()
                .is_none_or(|proxy| proxy.file != file),
            "proxy's file of the frontend",
            file.as_str(),
            "the backend's switch writes it; give the frontend's one of its own",
        )?;
    }
    check_migrates_nothing(frontend)
}

/// Refuses a migration of the frontend: the data are one part's to change, the first one that
/// is deployed.
fn check_migrates_nothing(frontend: &Service) -> Result<(), DeployError> {
    let words = frontend
        .migrate
        .as_ref()
        .map(|migrate| migrate.run.join(" "));
    refuse_unless(
        words.is_none(),
        "migration of the frontend",
        words.as_deref().unwrap_or_default(),
        "let the backend migrate the data",
    )
}

impl Service {
    fn check(&self) -> Result<(), DeployError> {
        let file_name = self.binary.starts_with(|c: char| c.is_ascii_alphanumeric())
            && self
                .binary
                .chars()
                .all(|c| c.is_ascii_alphanumeric() || "._-".contains(c));
        refuse_unless(
            file_name,
            "binary",
            &self.binary,
            "use letters, digits, `.`, `_`, `-`",
        )?;
        let user = &self.service_user;
        refuse_unless(
            is_account(user),
            "service user",
            user,
            "name an account of the host",
        )?;
        let port = self.port.to_string();
        refuse_unless(
            (1..=u16::MAX - 2).contains(&self.port),
            "port",
            &port,
            "leave room for the two slots' ports above it",
        )?;
        let path = self.health.starts_with('/')
            && self
                .health
                .chars()
                .all(|c| c.is_ascii_graphic() && c != '#');
        refuse_unless(
            path,
            "health path",
            &self.health,
            "give the path of a URL, from its `/` on",
        )?;
        if let Some(file) = &self.env_file {
            let plain = |c: char| c.is_ascii_alphanumeric() || "/._-+@".contains(c);
            refuse_unless(
                file.is_absolute() && file.as_str().chars().all(plain),
                "env file",
                file.as_str(),
                "give an absolute path of letters, digits and `/._-+@`",
            )?;
        }
        for name in &self.require_env {
            let well_formed = !name.is_empty()
                && !name.starts_with(|c: char| c.is_ascii_digit())
                && name.chars().all(|c| c.is_ascii_alphanumeric() || c == '_');
            refuse_unless(
                well_formed,
                "required variable",
                name,
                "give the name of a variable",
            )?;
        }
        refuse_unless(
            self.health_passes > 0,
            "health_passes",
            "0",
            "ask for one pass at least, or users meet what never answered",
        )?;
        let proxy = self.switch.proxy().and_then(Proxy::problem);
        let build = || self.build.as_ref().and_then(HostBuild::problem);
        if let Some((what, value, remedy)) = proxy.or_else(|| self.limits.problem()).or_else(build)
        {
            return Err(DeployError::Refused {
                what,
                value,
                remedy,
            });
        }
        self.migrate.as_ref().map_or(Ok(()), Migration::check)?;
        let revert = self.revert_after_seconds;
        refuse_unless(
            revert > self.stabilize_seconds,
            "revert_after_seconds",
            &revert.to_string(),
            "it must exceed stabilize_seconds, or the host reverts what is still observed",
        )
    }
}

impl Migration {
    fn check(&self) -> Result<(), DeployError> {
        for words in [Some(&self.run), self.backup.as_ref(), self.undo.as_ref()] {
            let Some(words) = words else { continue };
            let sound = words.first().is_some_and(|program| !program.is_empty())
                && words.iter().all(|word| !word.contains('\0'));
            refuse_unless(
                sound,
                "migration",
                &words.join(" "),
                "give a program and its arguments",
            )?;
        }
        Ok(())
    }
}

impl Release {
    /// Refuses what is no commit; a version is well-formed by its type.
    ///
    /// # Errors
    /// [`DeployError::Refused`], naming the value.
    pub fn check(&self) -> Result<(), DeployError> {
        let hex = (7..=64).contains(&self.commit.len())
            && self
                .commit
                .chars()
                .all(|c| c.is_ascii_digit() || matches!(c, 'a'..='f'));
        refuse_unless(
            hex,
            "commit",
            &self.commit,
            "give 7 to 64 lower-case hexadecimal digits",
        )
    }
}

impl Deploy {
    /// Refuses a deploy whose names or numbers cannot be carried out safely.
    ///
    /// # Errors
    /// [`DeployError::Refused`], naming the value.
    pub fn check(&self) -> Result<(), DeployError> {
        self.app.check()?;
        self.release.check()?;
        let word = |c: char| c.is_ascii_graphic() && !"'\"\\".contains(c);
        let owner =
            !self.owner.is_empty() && self.owner.len() <= 100 && self.owner.chars().all(word);
        refuse_unless(
            owner,
            "run id",
            &self.owner,
            "use one printable word without quotes",
        )
    }
}

fn refuse_unless(
    holds: bool,
    what: &'static str,
    value: &str,
    remedy: &'static str,
) -> Result<(), DeployError> {
    if holds {
        return Ok(());
    }
    Err(DeployError::Refused {
        what,
        value: value.to_owned(),
        remedy,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::app::samples::{app, release, two_services};
    use crate::model::switch_method::Method;
    use crate::model::target::Target;
    use proptest::prelude::*;

    fn deploy() -> Deploy {
        Deploy {
            target: Target::parse("deploy@app1").unwrap(),
            app: app(),
            release: release("1.4.0-rc.1+build"),
            owner: "run-1".into(),
            by: "someone".into(),
            is_rollback: false,
        }
    }

    #[test]
    fn a_release_is_named_by_version_and_commit() {
        assert_eq!(release("1.4.0").id(), "1.4.0-0123456789ab");
        let short = Release {
            commit: "0123456".into(),
            ..release("1.4.0")
        };
        assert_eq!(short.id(), "1.4.0-0123456");
        deploy().check().unwrap();
    }

    #[test]
    fn each_unsafe_value_is_refused_by_name() {
        let check = |part: &str, spoil: &dyn Fn(&mut Deploy)| {
            let mut deploy = deploy();
            spoil(&mut deploy);
            let error = deploy.check().unwrap_err().to_string();
            assert!(error.contains(part), "{error}");
        };
        let backend = |spoil: fn(&mut Service)| {
            move |deploy: &mut Deploy| spoil(deploy.app.backend.as_mut().unwrap())
        };
        check("app name", &|d| d.app.name = "../etc".into());
        check("app name", &|d| d.app.name = String::new());
        check("binary", &backend(|b| b.binary = "-x".into()));
        check("service user", &backend(|b| b.service_user = "a b".into()));
        check("port", &backend(|b| b.port = 65_534));
        check(
            "health path",
            &backend(|b| b.health = "/a\r\nHost: b".into()),
        );
        check(
            "env file",
            &backend(|b| b.env_file = Some("/etc/%i".into())),
        );
        check("env file", &backend(|b| b.env_file = Some("etc/x".into())));
        check(
            "required variable",
            &backend(|b| b.require_env = vec!["A B".into()]),
        );
        check("health_passes", &backend(|b| b.health_passes = 0));
        let memory = |b: &mut Service| b.limits.memory = Some("64M\nUser=root".into());
        check("memory limit", &backend(memory));
        check("commit", &|d| d.release.commit = "$(id)abcd".into());
        check("run id", &|d| d.owner = "a\nb".into());
    }

    #[test]
    fn two_services_do_not_overlap() {
        let check = |spoil: &dyn Fn(&mut Service), expected: Option<&str>| {
            let mut app = two_services();
            spoil(app.frontend.as_mut().unwrap().service_mut().unwrap());
            let outcome = app.check().map_err(|error| error.to_string());
            match expected {
                None => outcome.unwrap(),
                Some(part) => {
                    let error = outcome.unwrap_err();
                    assert!(error.contains(part), "{error}");
                }
            }
        };
        check(&|_| {}, None);
        check(&|f| f.port = 8083, None);
        check(&|f| f.port = 8077, None);
        check(&|f| f.port = 8082, Some("frontend port"));
        check(&|f| f.port = 8078, Some("frontend port"));
        check(&|f| f.binary = "../x".into(), Some("binary"));
        let migrate = || Migration {
            run: vec!["migrate".into()],
            backup: None,
            undo: None,
            limit_seconds: 60,
        };
        check(&|f| f.migrate = Some(migrate()), Some("migration"));
        let proxy = || {
            Proxy::preset(
                crate::model::switch_method::Preset::Nginx,
                "/etc/nginx/x.conf".into(),
            )
        };
        check(&|f| f.switch = Method::Template(proxy()), None);
        let mut app = two_services();
        app.backend.as_mut().unwrap().switch = Method::Template(proxy());
        let frontend = app.frontend.as_mut().unwrap().service_mut().unwrap();
        frontend.switch = Method::Template(proxy());
        let error = app.check().unwrap_err().to_string();
        assert!(error.contains("proxy's file"), "{error}");
    }

    #[test]
    fn an_app_reads_back_as_it_was_written() {
        for app in [app(), two_services()] {
            let text = serde_json::to_string(&app).unwrap();
            assert_eq!(serde_json::from_str::<App>(&text).unwrap(), app);
        }
        // As it stands in journals of before: a bundle and nothing else.
        let bundle = r#"{"url":null,"keep_releases":3}"#;
        let read: Frontend = serde_json::from_str(bundle).unwrap();
        assert_eq!(Some(read), app().frontend);
    }

    proptest! {
        #[test]
        fn what_passes_is_one_plain_word(name in "[^\\x00]{0,40}") {
            let mut deploy = deploy();
            deploy.app.name = name.clone();
            if deploy.check().is_ok() {
                prop_assert_eq!(crate::model::shell_quote::quote(&name), name);
            }
        }
    }

    #[test]
    fn only_release_ids_are_removed() {
        assert!(Release::is_id("1.4.0-rc.1-0123456789ab"));
        assert!(Release::is_id("1.4.0-0123456"));
        for name in [
            "..",
            "1.4.0",
            "latest",
            "1.4.0-",
            "1.4-0123456",
            "-rf",
            "1.4.0-0123456789abc",
        ] {
            assert!(!Release::is_id(name), "{name}");
        }
    }
}
