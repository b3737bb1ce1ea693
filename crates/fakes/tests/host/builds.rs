//! Hosts that build what they run: from git, by a command of the sources' own, as the
//! service's account. The command here is a small script; a host does not know that.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::process::Command;

use camino::Utf8PathBuf;
use stagegate_deploy::{
    Artifact, Deploy, DeployError, HostBuild, Limits, Part, ServiceStep, perform_service, status,
    survey,
};

use super::bench::{Bench, eventually, sentences};
use super::client::Client;
use super::machine::Machine;

pub(crate) const SCENARIOS: &[super::Scenario] = &[
    ("a_host_builds_what_it_runs", a_host_builds_what_it_runs),
    (
        "a_build_that_fails_leaves_users_where_they_were",
        a_failure_leaves_users_where_they_were,
    ),
    (
        "a_build_outlives_a_killed_client",
        a_build_outlives_a_killed_client,
    ),
    (
        "a_build_of_another_release_gives_way",
        a_build_of_another_release_gives_way,
    ),
    ("a_build_ends_at_its_limit", a_build_ends_at_its_limit),
    (
        "what_a_build_lacks_is_known_before",
        what_a_build_lacks_is_known_before,
    ),
];

/// Where there are accounts to tell apart.
pub(crate) const OF_REAL_HOSTS: &[super::Scenario] = &[
    (
        "a_build_cannot_show_what_its_account_may_not_read",
        a_link_shows_nothing,
    ),
    (
        "a_host_builds_what_it_fetches_over_https",
        a_host_builds_what_it_fetches_over_https,
    ),
];

/// A git server on the host itself: git's own, behind nginx, with the certificate of an
/// authority of its own.
const SERVE: &str = r#"set -eu
cd /etc/nginx
openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 2 \
  -subj '/CN=an authority of a test' -keyout authority.key -out authority.crt
openssl req -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes \
  -subj /CN=localhost -keyout git.key -out git.csr
echo 'subjectAltName=DNS:localhost' >git.ext
openssl x509 -req -in git.csr -days 2 -CA authority.crt -CAkey authority.key -CAcreateserial \
  -extfile git.ext -out git.crt
cat >sites-enabled/guestbook <<'SITE'
server {
    listen 127.0.0.1:8443 ssl;
    ssl_certificate git.crt;
    ssl_certificate_key git.key;
    location / {
        include fastcgi_params;
        fastcgi_param SCRIPT_FILENAME /usr/lib/git-core/git-http-backend;
        fastcgi_param GIT_PROJECT_ROOT /opt;
        fastcgi_param GIT_HTTP_EXPORT_ALL 1;
        fastcgi_param PATH_INFO $uri;
        # The sources belong to another account than the server's.
        fastcgi_param GIT_CONFIG_COUNT 1;
        fastcgi_param GIT_CONFIG_KEY_0 safe.directory;
        fastcgi_param GIT_CONFIG_VALUE_0 *;
        fastcgi_pass unix:/run/fcgiwrap.socket;
    }
}
SITE
systemctl start fcgiwrap.socket nginx.service
"#;

/// As a host's owner adds an authority, and as it is taken back.
const TRUST: &str = "cp /etc/nginx/authority.crt /usr/local/share/ca-certificates/test.crt \
                     && update-ca-certificates";
const DISTRUST: &str = "rm -f /usr/local/share/ca-certificates/test.crt \
                        && update-ca-certificates --fresh";

/// Leaves traces beside the program: who built, with what around, and how often.
const BUILD: &str = "set -eu\nmkdir -p target/release\nid -u >target/who\nenv >target/env\n\
                     echo once >>target/builds\n\
                     echo the build before\ncat \"$GUESTBOOK\" text >target/release/program\n";

/// Whose runs these are, by the name of their plan.
const RUN: &str = "builds";

/// A host whose app is built there.
struct Builds {
    bench: Bench,
}

fn builds() -> Builds {
    let mut bench = Bench::new(Vec::new());
    let repository = bench.host.prefix().join("opt/sources");
    let guestbook = bench.host.installed_guestbook();
    bench.backend().build = Some(HostBuild {
        git: format!("file://{repository}"),
        directory: Utf8PathBuf::new(),
        run: ["sh", "./build.sh"].map(str::to_owned).to_vec(),
        program: "target/release/program".into(),
        env: BTreeMap::from([("GUESTBOOK".to_owned(), guestbook.into_string())]),
        limits: Limits::default(),
        disk_mib: 64,
        limit_seconds: 120,
    });
    let builds = Builds { bench };
    std::fs::create_dir_all(builds.repository()).unwrap();
    builds.git(&["init", "--quiet", "--initial-branch=main"]);
    builds
}

impl Builds {
    fn repository(&self) -> PathBuf {
        self.bench.on_host("opt/sources")
    }

    fn git(&self, words: &[&str]) -> String {
        let output = Command::new("git")
            .args(["-c", "user.name=T", "-c", "user.email=t@example.org"])
            // On a real host it belongs to the service, whose account fetches from it.
            .args(["-c", "safe.directory=*"])
            .args(words)
            .env("GIT_CONFIG_GLOBAL", "/dev/null")
            .current_dir(self.repository())
            .output()
            .unwrap();
        assert!(output.status.success(), "{words:?}: {output:?}");
        String::from_utf8(output.stdout).unwrap().trim().to_owned()
    }

    /// A commit of that script; its deploy.
    fn commit(&self, text: &str, script: &str) -> Deploy {
        std::fs::write(self.repository().join("text"), text).unwrap();
        std::fs::write(self.repository().join("build.sh"), script).unwrap();
        self.git(&["add", "."]);
        self.git(&["commit", "--quiet", "--message", text]);
        if let Machine::Real(host) = &self.bench.host {
            host.inside("chown -R guestbook /opt/sources");
        }
        let commit = self.git(&["rev-parse", "HEAD"]);
        let deploy = self.bench.deploy_by(&commit, RUN);
        let owner = Client::owner(&deploy);
        Deploy { owner, ..deploy }
    }

    fn run(&self, deploy: &Deploy) -> Result<(), DeployError> {
        self.bench.run_backend(deploy, None, &ServiceStep::ALL)
    }

    fn upload(&self, deploy: &Deploy) -> Result<String, DeployError> {
        let host = self.bench.connect();
        perform_service(
            Part::Backend,
            ServiceStep::Upload,
            &host,
            deploy,
            None,
            &mut |_| {},
        )
    }

    /// What a build has left in `target`.
    fn trace(&self, name: &str) -> Option<String> {
        let place = format!("opt/guestbook/build/source/target/{name}");
        std::fs::read_to_string(self.bench.on_host(&place)).ok()
    }

    fn released(&self, deploy: &Deploy) -> PathBuf {
        let place = format!("opt/guestbook/releases/{}", deploy.release.id());
        self.bench.on_host(&place)
    }

    /// Which release users meet, as the host itself says, when nothing has drifted.
    fn running(&self) -> Option<String> {
        let status = status(&self.bench.connect(), &self.bench.app).unwrap();
        assert_eq!(status.drift, []);
        assert!(self.bench.get("/health").is_some());
        status.release
    }

    fn is_building(&self) -> bool {
        let state = "systemctl show -p ActiveState guestbook-build.service";
        let state = stagegate_deploy::Command::script(state).privileged();
        let state = self.bench.connect().check(&state).unwrap().text();
        state.contains("activating")
    }
}

fn build_of(here: &mut Builds) -> &mut HostBuild {
    here.bench.backend().build.as_mut().unwrap()
}

fn a_host_builds_what_it_runs() {
    let mut here = builds();
    let (first, second) = (here.commit("1", BUILD), here.commit("22", BUILD));
    let facts = survey(&here.bench.connect(), &here.bench.app).unwrap();
    assert_eq!(facts.problems("builds"), []);
    here.run(&first).unwrap();
    assert_eq!(here.running(), Some(first.release.id()));
    here.run(&second).unwrap();
    assert_eq!(here.running(), Some(second.release.id()));
    // The release is that commit's, and as immutable as an uploaded one.
    let program = here.released(&second).join("backend/guestbook-backend");
    let built = Artifact::of_file(Utf8PathBuf::from_path_buf(program.clone()).unwrap()).unwrap();
    let kept = std::fs::read_to_string(here.released(&second).join("backend.sha256")).unwrap();
    assert_eq!(kept.trim(), built.sha256);
    assert!(std::fs::read(&program).unwrap().ends_with(b"22"));
    use std::os::unix::fs::MetadataExt as _;
    let file = program.metadata().unwrap();
    let (user, who) = (file.uid(), here.trace("who").unwrap());
    assert_eq!(file.mode() & 0o777, 0o755);
    match &here.bench.host {
        // Built by the service's account, installed as root.
        Machine::Real(host) => {
            let service = host.inside("id -u guestbook");
            assert!(service != "0" && who.trim() == service, "{who} {service}");
            assert_eq!(user, 0);
        }
        Machine::Fake(_) => assert_eq!(who.trim(), user.to_string()),
    }
    let around = here.trace("env").unwrap();
    assert!(
        !around.contains("hunter2"),
        "the build knows the app's secrets"
    );
    assert_eq!(here.trace("builds").unwrap(), "once\nonce\n");
    // What is there is not built again.
    let said = here.upload(&first).unwrap();
    assert!(said.contains("is on the host"), "{said}");
    assert_eq!(here.trace("builds").unwrap(), "once\nonce\n");
    assert!(!here.is_building());
    // What the next deploy would write is known, and another release is no news.
    let pending = |here: &Builds| {
        let facts = survey(&here.bench.connect(), &here.bench.app).unwrap();
        let paths = facts.pending.into_iter().map(|file| file.path);
        paths.collect::<Vec<_>>()
    };
    assert_eq!(pending(&here), [""; 0]);
    build_of(&mut here).limits.memory = Some("1G".into());
    let changed = pending(&here);
    assert!(
        changed.len() == 1 && changed[0].ends_with("guestbook-build.service"),
        "{changed:?}"
    );
}

fn a_failure_leaves_users_where_they_were() {
    let here = builds();
    let first = here.commit("1", BUILD);
    here.run(&first).unwrap();
    let second = here.commit("2", "echo 'error[E0425]: no such thing' >&2; exit 101");
    let Err(error @ DeployError::BuildFailed { .. }) = here.run(&second) else {
        panic!("it was built");
    };
    let text = error.to_string();
    assert!(text.contains("error[E0425]: no such thing"), "{text}");
    assert!(!text.contains("the build before"), "{text}");
    assert_eq!(here.running(), Some(first.release.id()));
    assert!(!here.released(&second).exists());
    let last = here.bench.history().pop().unwrap();
    assert_eq!(last.commit, second.release.commit);
    let reason = last.reason.unwrap();
    assert!(reason.contains("the build on the host failed"), "{reason}");
    let facts = survey(&here.bench.connect(), &here.bench.app).unwrap();
    assert_eq!(facts.lease, None);
    // What is not pushed cannot be built.
    let mut third = here.bench.deploy_by(super::bench::THIRD, "builds");
    let error = here.run(&third).unwrap_err().to_string();
    assert!(error.contains("push it"), "{error}");
    third.release.commit.truncate(12);
    let error = here.run(&third).unwrap_err();
    assert!(matches!(error, DeployError::Refused { .. }), "{error}");
}

fn a_build_outlives_a_killed_client() {
    let here = builds();
    let deploy = here.commit("1", &format!("{BUILD}sleep 2\n"));
    killed(&here, &deploy);
    eventually("the build has ended", || !here.is_building());
    // Somebody goes on: what was built is taken.
    here.run(&deploy).unwrap();
    assert_eq!(here.running(), Some(deploy.release.id()));
    assert_eq!(here.trace("builds").unwrap(), "once\n");
}

/// A client that is killed while its host builds.
fn killed(here: &Builds, deploy: &Deploy) {
    let begun = here.bench.deploy_by(&deploy.release.commit, RUN);
    let mut client = Client::begin(&here.bench, Part::Backend, &begun, None);
    client.reaches(ServiceStep::Upload);
    eventually("the build is under way", || here.trace("builds").is_some());
    client.kill();
}

fn a_build_of_another_release_gives_way() {
    let here = builds();
    let first = here.commit("1", &format!("{BUILD}sleep 600\n"));
    let second = here.commit("2", BUILD);
    killed(&here, &first);
    assert!(here.is_building());
    here.run(&second).unwrap();
    assert_eq!(here.running(), Some(second.release.id()));
    assert!(!here.released(&first).exists());
}

fn a_build_ends_at_its_limit() {
    let mut here = builds();
    build_of(&mut here).limit_seconds = 2;
    let deploy = here.commit("1", "sleep 600");
    let error = here.run(&deploy).unwrap_err();
    assert!(matches!(error, DeployError::BuildFailed { .. }), "{error}");
    assert!(error.to_string().contains("not done within 2s"), "{error}");
    assert!(!here.is_building());
    let facts = survey(&here.bench.connect(), &here.bench.app).unwrap();
    assert_eq!(facts.lease, None);
}

fn what_a_build_lacks_is_known_before() {
    let mut here = builds();
    build_of(&mut here).run[0] = "no-such-tool".into();
    let problems = |here: &Builds| {
        let facts = survey(&here.bench.connect(), &here.bench.app).unwrap();
        sentences(&facts.problems("builds")).join("\n")
    };
    let told = problems(&here);
    assert!(told.contains("does not find no-such-tool"), "{told}");
    assert_eq!(told.lines().count(), 1, "{told}");
    build_of(&mut here).run[0] = "sh".into();
    assert_eq!(problems(&here), "");
    build_of(&mut here).disk_mib = u64::MAX;
    let told = problems(&here);
    assert!(told.contains("MiB free where the app is built"), "{told}");
    build_of(&mut here).disk_mib = 64;
    if let Machine::Real(host) = &here.bench.host {
        host.inside("mkdir -p /opt/guestbook/build");
        let told = problems(&here);
        assert!(
            told.contains("cannot write to /opt/guestbook/build"),
            "{told}"
        );
    }
}

fn a_link_shows_nothing() {
    let here = builds();
    let Machine::Real(host) = &here.bench.host else {
        panic!("a fake host has one account");
    };
    let deploy = here.commit("1", &format!("{BUILD}sleep 1\n"));
    killed(&here, &deploy);
    eventually("the build has ended", || !here.is_building());
    // Whoever has taken the account over puts something else in its place.
    host.inside(
        "cd /opt/guestbook/build && set -- built-* && test -f \"$1\" && rm \"$1\" && \
         ln -s /etc/shadow \"$1\" && chown -h guestbook \"$1\"",
    );
    let error = here.upload(&deploy).unwrap_err().to_string();
    assert!(error.contains("Permission denied"), "{error}");
    assert!(!here.released(&deploy).exists());
    let read = host.inside("grep -rl root: /opt/guestbook/releases || true");
    assert_eq!(read, "");
}

/// What the host's owner has git trust is what it fetches from.
fn a_host_builds_what_it_fetches_over_https() {
    let mut here = builds();
    let Machine::Real(host) = &here.bench.host else {
        panic!("a fake host has no server");
    };
    host.inside(SERVE);
    build_of(&mut here).git = "https://localhost:8443/sources".into();
    let deploy = here.commit("1", BUILD);
    let error = here.run(&deploy).unwrap_err();
    assert!(matches!(error, DeployError::BuildFailed { .. }), "{error}");
    let text = error.to_string();
    assert!(text.contains("certificate"), "{text}");
    assert!(here.trace("builds").is_none());
    let inside = |script: &str| match &here.bench.host {
        Machine::Real(host) => host.inside(script),
        Machine::Fake(_) => unreachable!("it has been asked"),
    };
    inside(TRUST);
    let outcome = here.run(&deploy);
    let met = inside("cat /var/log/nginx/access.log");
    inside(DISTRUST);
    outcome.unwrap();
    assert_eq!(here.running(), Some(deploy.release.id()));
    assert!(met.contains("POST /sources/git-upload-pack"), "{met}");
}
