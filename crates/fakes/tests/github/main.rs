//! The GitHub client against the fake GitHub, and the fake's own habits.
//! Whatever is asked and answered is held against GitHub's description of its API.

mod described;
mod pulls;
mod reduced;

use camino::Utf8PathBuf;
use stagegate_fakes::github::{FakeGitHub, GitHubFault, GitHubOptions, TokenKind};
use stagegate_github::{GitHub, GitHubError, ReleaseDraft, Repository, Server, Token, WriteAccess};

struct World {
    github: FakeGitHub,
    git: Utf8PathBuf,
    _directory: tempfile::TempDir,
    _runtime: tokio::runtime::Runtime,
}

fn world(immutable_releases: bool, faults: Vec<GitHubFault>) -> World {
    world_for(TokenKind::User, immutable_releases, faults)
}

fn world_for(token_kind: TokenKind, immutable_releases: bool, faults: Vec<GitHubFault>) -> World {
    world_with(|options| {
        options.token_kind = token_kind;
        options.immutable_releases = immutable_releases;
        options.faults = faults;
    })
}

fn world_with(change: impl FnOnce(&mut GitHubOptions)) -> World {
    let directory = tempfile::tempdir().unwrap();
    let root = Utf8PathBuf::from_path_buf(directory.path().to_owned()).unwrap();
    let git = root.join("remote.git");
    let run = |args: &[&str]| {
        let ok = std::process::Command::new("git")
            .args(args)
            .status()
            .unwrap()
            .success();
        assert!(ok, "git {args:?}");
    };
    run(&[
        "init",
        "--quiet",
        "--bare",
        "--initial-branch=main",
        git.as_str(),
    ]);
    let tree = "4b825dc642cb6eb9a060e54bf8d69288fbee4904";
    let who = [
        "-c",
        "user.name=T",
        "-c",
        "user.email=t@example.org",
        "--git-dir",
        git.as_str(),
    ];
    run(&[&[
        "--git-dir",
        git.as_str(),
        "hash-object",
        "-t",
        "tree",
        "-w",
        "/dev/null",
    ][..]]
    .concat());
    let commit = std::process::Command::new("git")
        .args(who)
        .args(["commit-tree", tree, "-m", "first"])
        .output()
        .unwrap();
    let commit = String::from_utf8(commit.stdout).unwrap();
    run(&[
        "--git-dir",
        git.as_str(),
        "update-ref",
        "refs/heads/main",
        commit.trim(),
    ]);
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let mut options = GitHubOptions {
        private: false,
        organization: false,
        repository: "o/r".to_owned(),
        token: "secret".to_owned(),
        token_kind: TokenKind::User,
        git: git.clone(),
        immutable_releases: false,
        faults: Vec::new(),
    };
    change(&mut options);
    let github = FakeGitHub::start(runtime.handle(), &root.join("github"), options).unwrap();
    World {
        github,
        git,
        _directory: directory,
        _runtime: runtime,
    }
}

impl Drop for World {
    fn drop(&mut self) {
        if std::thread::panicking() {
            return;
        }
        for request in self.github.requests() {
            if let Err(why) = described::check(&request) {
                panic!("{why}: {request:#?}");
            }
        }
    }
}

impl World {
    /// A branch at the remote, one commit ahead of main.
    fn branch(&self, name: &str) {
        let git = |args: &[&str]| {
            let who = ["-c", "user.name=T", "-c", "user.email=t@example.org"];
            let output = std::process::Command::new("git")
                .args(who)
                .args(["--git-dir", self.git.as_str()])
                .args(args)
                .output()
                .unwrap();
            assert!(output.status.success(), "git {args:?}");
            String::from_utf8(output.stdout).unwrap().trim().to_owned()
        };
        let commit = git(&["commit-tree", "main^{tree}", "-p", "main", "-m", "second"]);
        git(&["update-ref", &format!("refs/heads/{name}"), &commit]);
    }

    fn client(&self, token: &str) -> GitHub {
        let url = |text: &str| text.parse().unwrap();
        let server = Server {
            api: url(self.github.api()),
            uploads: url(self.github.uploads()),
        };
        GitHub::new(&server, Some(&Token::new(token))).unwrap()
    }

    fn has_tag(&self, tag: &str) -> bool {
        let args = [
            "--git-dir",
            self.git.as_str(),
            "rev-parse",
            "--verify",
            "--quiet",
            &format!("refs/tags/{tag}"),
        ];
        std::process::Command::new("git")
            .args(args)
            .output()
            .unwrap()
            .status
            .success()
    }
}

fn repository() -> Repository {
    "o/r".parse().unwrap()
}

fn draft() -> ReleaseDraft {
    ReleaseDraft {
        tag_name: "v1.0.0".to_owned(),
        name: "v1.0.0".to_owned(),
        body: "notes".to_owned(),
        prerelease: false,
    }
}

#[test]
fn a_release_goes_from_draft_to_public_with_its_assets() {
    let world = world(false, Vec::new());
    let client = world.client("secret");
    let facts = client.repository(&repository()).unwrap();
    assert!(facts.write_access == WriteAccess::Granted && facts.default_branch == "main");
    assert_eq!(client.release_of(&repository(), "v1.0.0").unwrap(), None);

    let made = client.create_draft(&repository(), &draft()).unwrap();
    assert!(made.draft);
    assert_eq!(
        client
            .release_of(&repository(), "v1.0.0")
            .unwrap()
            .unwrap()
            .id,
        made.id
    );
    assert_eq!(client.latest(&repository()).unwrap(), None);
    assert!(!world.has_tag("v1.0.0"));

    let asset = client
        .upload_asset(&repository(), &made, "a-1.0.0.crate", b"bytes".to_vec())
        .unwrap();
    let digest = "sha256:277089d91c0bdf4f2e6862ba7e4a07605119431f5d13f726dd352b06f1b206a9";
    assert_eq!(asset.digest.as_deref(), Some(digest));
    // The bytes come from a storage that wants no token.
    let fetched = client.download_asset(&repository(), &asset).unwrap();
    assert_eq!(fetched, b"bytes");
    let again = client.upload_asset(&repository(), &made, "a-1.0.0.crate", b"other".to_vec());
    assert!(matches!(again, Err(GitHubError::Invalid { code, .. }) if code == "already_exists"));

    let public = client.publish(&repository(), &made, true).unwrap();
    assert!(!public.draft && world.has_tag("v1.0.0"));
    assert_eq!(client.latest(&repository()).unwrap().unwrap().id, made.id);
    assert_eq!(
        world
            .github
            .asset_bytes(&world.github.releases()[0].assets[0])
            .unwrap(),
        b"bytes"
    );
    client.delete_asset(&repository(), &asset).unwrap();
    assert!(world.github.releases()[0].assets.is_empty());
}

#[test]
fn an_immutable_release_takes_no_more_assets() {
    let world = world(true, Vec::new());
    let client = world.client("secret");
    let made = client.create_draft(&repository(), &draft()).unwrap();
    client
        .upload_asset(&repository(), &made, "a", b"a".to_vec())
        .unwrap();
    let public = client.publish(&repository(), &made, true).unwrap();
    assert!(public.immutable);
    let late = client.upload_asset(&repository(), &public, "b", b"b".to_vec());
    assert!(matches!(late, Err(GitHubError::Invalid { .. })), "{late:?}");
}

#[test]
fn errors_are_told_apart() {
    let faults = vec![
        GitHubFault::RateLimited { times: 1 },
        GitHubFault::ServerErrorBefore { times: 1 },
        GitHubFault::ServerErrorAfter { times: 1 },
    ];
    let world = world(false, faults);
    let wrong = world.client("wrong").repository(&repository());
    assert!(
        matches!(wrong, Err(GitHubError::Unauthorized { .. })),
        "{wrong:?}"
    );
    let client = world.client("secret");
    let missing = client.repository(&"o/other".parse().unwrap());
    assert!(
        matches!(missing, Err(GitHubError::Refused { status: 404, .. })),
        "{missing:?}"
    );

    let limited = client.create_draft(&repository(), &draft()).unwrap_err();
    let GitHubError::RateLimited {
        retry_after: Some(wait),
        ..
    } = limited
    else {
        panic!("{limited:?}")
    };
    assert_eq!(wait.as_secs(), 1);
    for there in [false, true] {
        let error = client.create_draft(&repository(), &draft()).unwrap_err();
        assert!(
            error.is_transient() && matches!(error, GitHubError::Ambiguous { .. }),
            "{error:?}"
        );
        assert_eq!(
            client
                .release_of(&repository(), "v1.0.0")
                .unwrap()
                .is_some(),
            there
        );
    }
    let posts = world
        .github
        .requests()
        .iter()
        .filter(|r| r.method == "POST")
        .count();
    assert_eq!(posts, 3, "no POST is ever repeated by itself");
}

/// What GitHub says of a token's rights is the account's role; of a workflow's token it says
/// nothing that could be believed.
#[test]
fn unknown_rights_are_neither_granted_nor_denied() {
    let check = |kind: TokenKind, want: WriteAccess, may_draft: bool| {
        let world = world_for(kind, false, Vec::new());
        let client = world.client("secret");
        let facts = client.repository(&repository()).unwrap();
        assert_eq!(facts.write_access, want, "{kind:?}");
        let made = client.create_draft(&repository(), &draft());
        assert_eq!(made.is_ok(), may_draft, "{kind:?}: {made:?}");
    };
    check(TokenKind::User, WriteAccess::Granted, true);
    check(TokenKind::Reader, WriteAccess::Denied, false);
    check(TokenKind::Workflow, WriteAccess::Unknown, true);
    check(
        TokenKind::WorkflowWithoutPermissions,
        WriteAccess::Unknown,
        true,
    );
}

#[test]
fn a_repository_says_who_may_see_it_and_whose_it_is() {
    let check = |private: bool, organization: bool| {
        let world = world_with(|options| {
            options.private = private;
            options.organization = organization;
        });
        let facts = world.client("secret").repository(&repository()).unwrap();
        assert_eq!(facts.private, private);
        assert_eq!(facts.belongs_to_person, !organization);
    };
    check(false, false);
    check(true, false);
    check(true, true);
}

#[test]
fn limits_say_how_long_to_wait_or_a_minute_is_taken() {
    let world = world(false, vec![GitHubFault::SecondaryLimit { times: 1 }]);
    let error = world
        .client("secret")
        .create_draft(&repository(), &draft())
        .unwrap_err();
    let minute = std::time::Duration::from_secs(60);
    assert!(
        matches!(error, GitHubError::RateLimited { retry_after: Some(wait), .. } if wait == minute),
        "{error:?}"
    );
}

#[test]
fn a_workflows_token_has_a_thousand_requests_an_hour() {
    let world = world_for(TokenKind::Workflow, false, Vec::new());
    let client = world.client("secret");
    for _ in 0..1000 {
        client.latest(&repository()).unwrap();
    }
    let error = client.repository(&repository()).unwrap_err();
    let GitHubError::RateLimited {
        retry_after: Some(wait),
        ..
    } = error
    else {
        panic!("{error:?}");
    };
    assert!((3500..=3602).contains(&wait.as_secs()), "{wait:?}");
}

#[test]
fn a_server_that_tells_no_digest_gives_the_bytes() {
    let world = world(false, vec![GitHubFault::NoDigests]);
    let client = world.client("secret");
    let made = client.create_draft(&repository(), &draft()).unwrap();
    let asset = client
        .upload_asset(&repository(), &made, "a.bin", b"bytes".to_vec())
        .unwrap();
    assert_eq!(asset.digest, None);
    let fetched = client.download_asset(&repository(), &asset).unwrap();
    assert_eq!(fetched, b"bytes");
    // The storage of a release that is gone says so.
    client.delete_asset(&repository(), &asset).unwrap();
    assert!(client.download_asset(&repository(), &asset).is_err());
}
