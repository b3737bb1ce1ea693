//! What other tools' documents show, and what becomes of it.

use camino::Utf8Path;
use stagegate_config::schema::{
    Config, GroupVersioning, Level, Requirements, StepEach, Versioning,
};

use super::{Member, Moves, Sources, Translation, translate};
use crate::commands::init::text;

/// A workspace: packages as `name@directory`, and files.
fn workspace(packages: &[&str], files: &[(&str, &str)]) -> Sources {
    let members: Vec<Member> = packages
        .iter()
        .map(|package| {
            let (name, directory) = package.split_once('@').unwrap();
            Member {
                name: name.to_owned(),
                directory: directory.into(),
            }
        })
        .collect();
    let moves = members.iter().map(|member| Moves {
        name: member.name.clone(),
        members: vec![member.name.clone()],
        tags: vec![match members.len() {
            1 => "v{version}".to_owned(),
            _ => format!("{}-v{{version}}", member.name),
        }],
    });
    Sources {
        files: files
            .iter()
            .map(|(file, text)| ((*file).into(), Ok((*text).to_owned())))
            .collect(),
        moves: moves.collect(),
        members,
        branch: "main".to_owned(),
        remote: "origin".to_owned(),
        ..Sources::default()
    }
}

/// Two packages below the root.
const TWO: [&str; 2] = ["core@crates/core", "core-io@crates/io"];

fn config(translation: &Translation) -> Config {
    let text = text::settings("main", &translation.settings);
    let config = Config::parse(Utf8Path::new("stagegate.toml"), &text);
    config.unwrap_or_else(|error| panic!("{error}\n{text}"))
}

/// What the file says beyond what an empty workspace gets, and the notes.
fn of(sources: &Sources) -> (Config, Vec<String>) {
    let translation = translate(sources);
    let notes = translation.notes.iter().map(ToString::to_string);
    (config(&translation), notes.collect())
}

fn usual() -> Config {
    config(&Translation::default())
}

#[track_caller]
fn has(notes: &[String], start: &str, part: &str) {
    assert!(
        notes
            .iter()
            .any(|note| note.starts_with(start) && note.contains(part)),
        "no {start:?} with {part:?} in {notes:#?}"
    );
}

/// The reference's summary of defaults, with the keys that have one.
const DEFAULTS: &str = r#"
allow-branch = ["*", "!HEAD"]
sign-commit = false
sign-tag = false
release = true
shared-version = false
metadata = "optional"
consolidate-commits = true
pre-release-replacements = []
tag = true
tag-name = "{{prefix}}v{{version}}"
push = true
push-remote = "origin"
push-options = []
publish = true
owners = []
certs-source = "webpki"
verify = true
enable-features = []
enable-all-features = false
"#;

#[test]
fn what_is_the_default_or_learned_is_not_written() {
    for packages in [&["one@"][..], &TWO[..]] {
        let (config, notes) = of(&workspace(packages, &[("release.toml", DEFAULTS)]));
        assert_eq!(config, usual());
        assert!(notes.is_empty(), "{notes:?}");
    }
    // Without any file there is nothing to say.
    let (config, notes) = of(&workspace(&TWO, &[("Cargo.toml", "[workspace]\n")]));
    assert_eq!((config, notes), (usual(), Vec::new()));
}

#[test]
fn branches_are_those_that_cargo_release_allows() {
    let check = |allowed: &str, branch: &str, others: &[&str], noted: &str| {
        let text = format!("allow-branch = {allowed}\n");
        let (config, notes) = of(&workspace(&TWO, &[("release.toml", &text)]));
        assert_eq!(config.release.branch(), branch, "{allowed}");
        assert_eq!(config.release.branches, others, "{allowed}");
        match noted {
            "" => assert!(notes.is_empty(), "{notes:?}"),
            noted => has(&notes, "release.toml: allow-branch", noted),
        }
    };
    check(r#"["main"]"#, "main", &[], "");
    check(r#"["main", "v*-main"]"#, "main", &["v*-main"], "");
    check(r#"["master", "v*-master"]"#, "master", &["v*-master"], "");
    check(r#"["ma*"]"#, "main", &["ma*"], "");
    check(r#"["v*.x"]"#, "main", &[], "does not have `main`");
    check(r#"["main", "!old"]"#, "main", &[], "takes branches away");
    check(
        r#"["main", "v?.x"]"#,
        "main",
        &[],
        "`v?.x` has more than `*`",
    );
}

#[test]
fn a_package_overrides_the_workspace_in_cargo_release_s_order() {
    let files = [
        (
            "release.toml",
            "tag-name = \"a-{{version}}\"\nregistry = \"one\"\n",
        ),
        (
            "Cargo.toml",
            "[workspace.metadata.release]\ntag-name = \"{{crate_name}}/{{version}}\"\n",
        ),
        ("crates/io/release.toml", "tag-name = \"io-{{version}}\"\n"),
        (
            "crates/io/Cargo.toml",
            "[package.metadata.release]\ntag-name = \"{{crate_name}}@{{version}}\"\n",
        ),
    ];
    let (config, notes) = of(&workspace(&TWO, &files));
    assert_eq!(config.release.tag, None);
    let tag = |name: &str| config.release.of_package[name].tag.clone();
    assert_eq!(tag("core").as_deref(), Some("{name}/{version}"));
    assert_eq!(tag("core-io").as_deref(), Some("{name}@{version}"));
    assert_eq!(config.registry.name, "one");
    assert!(notes.is_empty(), "{notes:?}");
}

#[test]
fn tags_are_written_where_they_differ_from_those_that_are_learned() {
    // As nextest has it: below the root the prefix is the crate's name.
    let release = [("release.toml", "tag-name = \"{{prefix}}{{version}}\"\n")];
    let mut sources = workspace(&TWO, &release);
    assert_eq!(
        of(&sources).0.release.tag.as_deref(),
        Some("{name}-{version}")
    );
    for one in &mut sources.moves {
        one.tags = vec![format!("{}-{{version}}", one.name)];
    }
    assert_eq!(of(&sources), (usual(), Vec::new()));

    // One tag for versions that do not move together cannot be.
    let plain = [("release.toml", "tag-prefix = \"\"\n")];
    let (config, notes) = of(&workspace(&TWO, &plain));
    assert_eq!(config, usual());
    has(&notes, "release.toml: tag-prefix", "do not move together");
    // It can where they do.
    let together = [("release.toml", "tag-prefix = \"\"\nshared-version = true\n")];
    let (config, notes) = of(&workspace(&TWO, &together));
    assert_eq!(config.release.tag.as_deref(), Some("v{version}"));
    assert_eq!(config.release.versioning, Versioning::Lockstep);
    assert!(notes.is_empty(), "{notes:?}");

    let odd = [("release.toml", "tag-name = \"{{metadata}}-{{version}}\"\n")];
    let (config, notes) = of(&workspace(&["one@"], &odd));
    assert_eq!(config, usual());
    has(
        &notes,
        "release.toml: tag-name",
        "`{{metadata}}` cannot be part",
    );
    let none = [("release.toml", "tag-name = \"latest\"\n")];
    let (_, notes) = of(&workspace(&["one@"], &none));
    has(
        &notes,
        "release.toml: tag-name",
        "must contain `{version}` once",
    );
}

#[test]
fn shared_versions_are_groups_unless_they_are_learned() {
    let three = ["core@crates/core", "core-io@crates/io", "tool@tool"];
    let files = [
        ("crates/core/release.toml", "shared-version = \"libs\"\n"),
        (
            "crates/io/release.toml",
            "shared-version = \"libs\"\ntag-name = \"libs-{{version}}\"\n",
        ),
    ];
    let mut sources = workspace(&three, &files);
    let (config, _) = of(&sources);
    let group = &config.release.groups["core"];
    assert_eq!(group.crates, ["core", "core-io"]);
    assert_eq!(group.versioning, GroupVersioning::Lockstep);
    assert_eq!(group.tag.as_deref(), Some("libs-{version}"));
    assert_eq!(config.release.versioning, Versioning::Learn);

    sources.moves[0].members.push("core-io".to_owned());
    sources.moves.remove(1);
    sources.moves[0].tags = vec!["libs-{version}".to_owned()];
    assert_eq!(of(&sources).0, usual());
}

#[test]
fn members_that_are_not_released_are_excluded() {
    let files = [
        (
            "crates/core/Cargo.toml",
            "[package.metadata.release]\nrelease = false\n",
        ),
        (
            "crates/io/Cargo.toml",
            "[package.metadata.release]\npublish = false\n",
        ),
    ];
    let three = ["core@crates/core", "core-io@crates/io", "tool@tool"];
    let (config, notes) = of(&workspace(&three, &files));
    assert_eq!(config.release.exclude, ["core", "core-io"]);
    has(
        &notes,
        "crates/io/Cargo.toml: publish",
        "core-io is not released",
    );

    // What a workflow publishes instead is no reason to leave everything out.
    let all = [("release.toml", "publish = false\n")];
    let (config, notes) = of(&workspace(&TWO, &all));
    assert_eq!(config, usual());
    has(&notes, "release.toml: publish", "publishes by itself");
    assert_eq!(notes.len(), 1, "{notes:?}");

    let some = [
        ("release.toml", "release = false\n"),
        ("crates/io/release.toml", "release = true\n"),
    ];
    assert_eq!(of(&workspace(&TWO, &some)).0.release.packages, ["core-io"]);
    let (config, notes) = of(&workspace(&TWO, &some[..1]));
    assert_eq!(config, usual());
    has(&notes, "release.toml: release", "releases nothing");
}

#[test]
fn requirements_messages_and_remote_have_counterparts() {
    let text = r#"
dependent-version = "fix"
push-remote = "upstream"
registry = "company"
pre-release-commit-message = "[{{crate_name}}] version {{version}}"
tag-message = "{{tag_name}} on {{date}}, after {{prev_version}}"
"#;
    let (config, notes) = of(&workspace(&["one@"], &[("release.toml", text)]));
    let release = &config.release;
    assert_eq!(release.requirements, Requirements::AsNeeded);
    assert_eq!(release.remote(), "upstream");
    assert_eq!(config.registry.name, "company");
    assert_eq!(
        release.message.as_deref(),
        Some("[{name}] version {version}")
    );
    assert_eq!(
        release.templates.tag_message.as_deref(),
        Some("{tag} on {date}, after {previous}")
    );
    assert!(notes.is_empty(), "{notes:?}");

    let text = "dependent-version = \"error\"\npre-release-commit-message = \"{{repository}}\"\ntag-message = \"\"\n";
    let (config, notes) = of(&workspace(&["one@"], &[("release.toml", text)]));
    assert_eq!(config, usual());
    has(
        &notes,
        "release.toml: dependent-version",
        "`error` leaves requirements alone",
    );
    has(
        &notes,
        "release.toml: pre-release-commit-message",
        "`{{repository}}` stands for nothing",
    );
    has(&notes, "release.toml: tag-message", "has a message");
    let follow = [("release.toml", "dependent-version = \"upgrade\"\n")];
    let (config, _) = of(&workspace(&TWO, &follow));
    assert_eq!(config.release.requirements, Requirements::Follow);
    let both = [
        ("release.toml", "dependent-version = \"fix\"\n"),
        (
            "crates/io/release.toml",
            "dependent-version = \"upgrade\"\n",
        ),
    ];
    let (config, notes) = of(&workspace(&TWO, &both));
    assert_eq!(config.release.requirements, Requirements::AsNeeded);
    has(
        &notes,
        "crates/io/release.toml: dependent-version",
        "what release.toml: dependent-version says",
    );
}

/// The FAQ's replacements, of a README and of a changelog.
const REPLACEMENTS: &str = r#"
[[package.metadata.release.pre-release-replacements]]
file = "README.md"
search = "predicates = .*"
replace = "{{crate_name}} = \"{{version}}\""
min = 2
prerelease = true

[[package.metadata.release.pre-release-replacements]]
file = "../../CITATION.cff"
search = '^(version: )[\d.]+$'
replace = "$1{{version}}"
exactly = 1

[[package.metadata.release.pre-release-replacements]]
file = "CHANGELOG.md"
search = "Unreleased"
replace = "{{version}}"

[[package.metadata.release.pre-release-replacements]]
file = "../../CHANGELOG.md"
search = '''^### (?:Added|Changed)(?:\s|^-)+(?=^#)'''
replace = ""
min = 0

[[package.metadata.release.pre-release-replacements]]
file = "src/lib.rs"
search = "v[0-9]+(?=!)"
replace = "{{version}}"

[[package.metadata.release.pre-release-replacements]]
file = "../../../elsewhere"
search = "x"
replace = "y"

[[package.metadata.release.pre-release-replacements]]
file = "version"
search = "x"
replace = "{{metadata}}"
"#;

#[test]
fn replacements_move_from_the_package_to_the_root() {
    let files = [("crates/core/Cargo.toml", REPLACEMENTS)];
    let (config, notes) = of(&workspace(&TWO, &files));
    let [readme, citation] = &config.release.replace[..] else {
        panic!("{:?}", config.release.replace);
    };
    assert_eq!(readme.file, "crates/core/README.md");
    assert_eq!(readme.search, "predicates = .*");
    assert_eq!(readme.replace, "{name} = \"{version}\"");
    assert_eq!(
        (readme.min, readme.exactly, readme.prerelease),
        (Some(2), None, true)
    );
    assert_eq!(readme.package.as_deref(), Some("core"));
    assert_eq!(citation.file, "CITATION.cff");
    assert_eq!(citation.replace, "$1{version}");
    assert_eq!((citation.exactly, citation.prerelease), (Some(1), false));
    let origin = "crates/core/Cargo.toml: pre-release-replacements";
    has(&notes, origin, "crates/core/CHANGELOG.md: heading");
    has(&notes, origin, "CHANGELOG.md: heading");
    has(&notes, origin, "is no regular expression");
    has(&notes, origin, "outside of the workspace");
    has(&notes, origin, "`{{metadata}}` stands for nothing");

    // A package alone needs no name, and a file that two packages name is changed once.
    let of_all = "[[pre-release-replacements]]\nfile = \"../../README.md\"\nsearch = \"x\"\nreplace = \"y\"\n";
    let (config, _) = of(&workspace(&TWO, &[("release.toml", of_all)]));
    assert_eq!(config.release.replace.len(), 1);
    let of_one = of_all.replace("../../", "");
    let (config, _) = of(&workspace(&["one@"], &[("release.toml", &of_one)]));
    assert_eq!(config.release.replace[0].package, None);
}

#[test]
fn a_hook_is_a_step_before_the_commit() {
    let text = "pre-release-hook = [\"./hook.sh\", \"--to\", \"{{version}}\"]\n";
    let (config, notes) = of(&workspace(&["one@"], &[("release.toml", text)]));
    let step = &config.steps[0];
    assert_eq!(step.run, ["./hook.sh", "--to", "{version}"]);
    assert_eq!(step.before, Some(stagegate_config::stage::Stage::Commit));
    assert_eq!(step.each, StepEach::Release);
    has(
        &notes,
        "release.toml: pre-release-hook",
        "STAGEGATE_VERSION",
    );

    let (config, notes) = of(&workspace(&TWO, &[("release.toml", text)]));
    assert!(config.steps.is_empty());
    has(
        &notes,
        "release.toml: pre-release-hook",
        "from each package's directory",
    );
    let text = "pre-release-hook = [\"git\", \"cliff\", \"--tag\", \"{{version}}\"]\n";
    let (config, _) = of(&workspace(&TWO, &[("release.toml", text)]));
    assert_eq!(config.steps[0].each, StepEach::Package);
    assert_eq!(config.steps[0].run[0], "git");
    let (config, notes) = of(&workspace(&TWO, &[("crates/io/release.toml", text)]));
    assert!(config.steps.is_empty());
    has(
        &notes,
        "crates/io/release.toml: pre-release-hook",
        "is of core-io alone",
    );
    let text = "pre-release-hook = [\"make\", \"{{date}}\"]\n";
    let (config, notes) = of(&workspace(&["one@"], &[("release.toml", text)]));
    assert!(config.steps.is_empty());
    has(
        &notes,
        "release.toml: pre-release-hook",
        "`{{date}}` stands for nothing",
    );
}

#[test]
fn each_key_without_a_counterpart_is_named() {
    let text = r#"
sign-commit = true
sign-tag = true
consolidate-commits = false
metadata = "required"
tag = false
push = false
push-options = ["ci.skip"]
owners = ["somebody"]
rate-limit.new-packages = 2
certs-source = "native"
verify = false
enable-features = ["a"]
enable-all-features = true
target = "x86_64-unknown-linux-musl"
dev-version-ext = "dev"
upload-doc = true
"#;
    let mut sources = workspace(&["one@"], &[("release.toml", text)]);
    let (config, notes) = of(&sources);
    assert_eq!(config, usual());
    for (key, part) in [
        ("sign-commit", "git config commit.gpgsign true"),
        ("sign-tag", "git config tag.gpgsign true"),
        ("consolidate-commits", "one commit"),
        ("metadata", "build metadata"),
        ("tag", "every release is tagged"),
        ("push", "--until tag"),
        ("push-options", "push.pushOption"),
        ("owners", "cargo owner --add"),
        ("rate-limit", "as long as the registry says"),
        ("certs-source", "operating system"),
        ("verify", "always built"),
        ("enable-features", "--features"),
        ("enable-all-features", "--all-features"),
        ("target", "machine that releases"),
        ("dev-version-ext", "development version"),
        ("upload-doc", "not in cargo-release's reference"),
    ] {
        has(&notes, &format!("release.toml: {key}: "), part);
    }
    // Where git signs already there is nothing to do.
    sources.signs_commits = true;
    sources.signs_tags = true;
    assert_eq!(of(&sources).1.len(), notes.len() - 2);
}

#[test]
fn a_file_that_cannot_be_read_is_named_and_the_others_are_translated() {
    let files = [
        ("release.toml", "allow-branch = [\"main\"\n"),
        (
            "release-plz.toml",
            "[workspace]\ngit_release_enable = false\n",
        ),
    ];
    let mut sources = workspace(&TWO, &files);
    let broken = Err("stream did not contain valid UTF-8".to_owned());
    sources
        .files
        .insert(".github/workflows/x.yml".into(), broken.clone());
    sources.files.insert("dist-workspace.toml".into(), broken);
    let (config, notes) = of(&sources);
    assert!(!config.github.release);
    has(&notes, "release.toml: ", "is not TOML as it should be");
    has(&notes, "dist-workspace.toml: ", "cannot be read");
    has(&notes, ".github/workflows/x.yml: ", "cannot be read");
    // Wrong types are no reason to stop.
    let odd =
        "allow-branch = 3\ntag-message = 4\npre-release-replacements = [1]\nshared-version = []\n";
    let (config, notes) = of(&workspace(&TWO, &[("release.toml", odd)]));
    assert_eq!(config.release.replace, []);
    has(&notes, "release.toml: tag-message", "is not a text");
    has(
        &notes,
        "release.toml: pre-release-replacements",
        "without `file`",
    );
}

/// The example at the top of release-plz's configuration reference, but for its comments.
const RELEASE_PLZ: &str = r#"
[workspace]
allow_dirty = true
changelog_update = false
dependencies_update = true
git_release_enable = false
pr_branch_prefix = "release-plz-"
pr_labels = ["release"]
publish_allow_dirty = true
semver_check = false
publish_timeout = "10m"
release_commits = "^feat:"

[[package]]
name = "package_a"
changelog_include = ["package_b"]
changelog_path = "docs/CHANGELOG.md"
changelog_update = true
git_release_enable = true
publish = false

[[package]]
name = "package_b"
semver_check = true
publish_no_verify = true
publish_features = ["a", "b"]
publish_all_features = true

[[package]]
name = "package_c"
release = false

[changelog]
protect_breaking_commits = true
"#;

#[test]
fn the_example_of_release_plz_is_translated() {
    let packages = ["package_a@a", "package_b@b", "package_c@c", "package_d@d"];
    let (config, notes) = of(&workspace(&packages, &[("release-plz.toml", RELEASE_PLZ)]));
    assert_eq!(config.release.exclude, ["package_a", "package_c"]);
    assert_eq!(
        config.release.of_package["package_a"].changelog.as_deref(),
        Some(Utf8Path::new("docs/CHANGELOG.md"))
    );
    assert_eq!(config.registry.visible_within.as_mins(), 10);
    assert_eq!(config.gates.semver.level, Level::Off);
    // One package has a GitHub release: it is for all or for none.
    assert!(config.github.release);
    let of = |key: &str| format!("release-plz.toml: {key}: ");
    for (key, part) in [
        ("allow_dirty", "clean checkout"),
        ("changelog_update", "`[Unreleased]`"),
        ("dependencies_update", "cargo update"),
        ("git_release_enable", "package_a have one"),
        ("publish_allow_dirty", "release commit"),
        ("release_commits", "every commit counts"),
        ("changelog_include of package_a", "own directory"),
        ("publish of package_a", "is not released"),
        ("semver_check of package_b", "for all crates"),
        ("publish_no_verify of package_b", "always built"),
        ("publish_features of package_b", "default features"),
        ("publish_all_features of package_b", "default features"),
        ("[changelog]", "under [git]"),
    ] {
        has(&notes, &of(key), part);
    }
    assert_eq!(notes.len(), 13, "{notes:#?}");
}

#[test]
fn names_and_texts_of_release_plz_have_counterparts() {
    let text = r#"
[workspace]
changelog_config = ".github/cliff.toml"
git_release_enable = false
git_release_name = "{{ package }} {{ version }}"
git_release_body = "Get it:\n{{ changelog }}\nThank you for {{ version }}"
git_tag_name = "{{ package }}/{{ version }}"
pr_name = "release {{ version }}"
pr_labels = ["release", "bot"]
semver_check = true

[[package]]
name = "core"
version_group = "libs"
[[package]]
name = "core-io"
version_group = "libs"
git_tag_name = "io-{{ version }}"
"#;
    let three = ["core@crates/core", "core-io@crates/io", "tool@tool"];
    let (config, notes) = of(&workspace(&three, &[(".release-plz.toml", text)]));
    assert!(!config.github.release);
    assert_eq!(config.gates.semver.level, Level::Warn);
    let templates = &config.release.templates;
    assert_eq!(templates.release_name.as_deref(), Some("{name} {version}"));
    assert_eq!(templates.release_header.as_deref(), Some("Get it:"));
    assert_eq!(
        templates.release_footer.as_deref(),
        Some("Thank you for {version}")
    );
    assert_eq!(
        templates.pull_request_title.as_deref(),
        Some("release {version}")
    );
    assert_eq!(templates.pull_request_labels, ["release", "bot"]);
    assert_eq!(config.release.groups["core"].crates, ["core", "core-io"]);
    let tag = config.release.of_package["tool"].tag.as_deref();
    assert_eq!(tag, Some("{name}/{version}"));
    has(
        &notes,
        ".release-plz.toml: changelog_config",
        "git mv .github/cliff.toml cliff.toml",
    );
    has(
        &notes,
        ".release-plz.toml: git_tag_name",
        "have one version and so one tag",
    );
    assert_eq!(notes.len(), 2, "{notes:#?}");

    let text = "[workspace]\npr_name = \"release{% if package %} {{ package }}{% endif %}\"\n\
                git_release_body = \"{{ remote.contributors }}\"\nnews = 1\nrelease_always = true\n";
    let (config, notes) = of(&workspace(&TWO, &[("release-plz.toml", text)]));
    assert_eq!(config, usual());
    has(
        &notes,
        "release-plz.toml: pr_name",
        "`{%` stands for nothing",
    );
    has(
        &notes,
        "release-plz.toml: git_release_body",
        "`{{ remote.contributors }}`",
    );
    has(
        &notes,
        "release-plz.toml: release_always",
        "never by any push",
    );
    has(
        &notes,
        "release-plz.toml: news",
        "not in release-plz's reference",
    );
}

#[test]
fn two_tools_that_disagree_are_named() {
    let files = [
        ("release.toml", "tag-name = \"one-{{version}}\"\n"),
        (
            "release-plz.toml",
            "[workspace]\ngit_tag_name = \"two-{{ version }}\"\n",
        ),
        ("cliff.toml", "[git]\nconventional_commits = true\n"),
    ];
    let (config, notes) = of(&workspace(&["one@"], &files));
    assert_eq!(config.release.tag.as_deref(), Some("one-{version}"));
    has(
        &notes,
        "release-plz.toml: git_tag_name",
        "is what release.toml: tag-name says",
    );
    has(&notes, "cliff.toml", "used as it is");
}

/// As dist's reference shows its keys.
const DIST: &str = r#"
[workspace]
members = ["cargo:."]

[dist]
cargo-dist-version = "0.30.0"
ci = ["github"]
installers = ["shell", "powershell", "npm", "homebrew"]
targets = ["x86_64-apple-darwin", "x86_64-unknown-linux-gnu"]
publish-jobs = ["homebrew", "npm", "./publish-crates"]
"#;

#[test]
fn what_dist_does_stays_with_dist() {
    let (config, notes) = of(&workspace(&["one@"], &[("dist-workspace.toml", DIST)]));
    assert!(!config.github.release);
    for (key, part) in [
        ("targets", "x86_64-apple-darwin"),
        ("installers", "shell, powershell, npm, homebrew"),
        ("publish-jobs", "stays with dist (homebrew, npm)"),
        ("publish-jobs", "(./publish-crates)"),
    ] {
        has(&notes, &format!("dist-workspace.toml: {key}"), part);
    }
    let table = "[workspace.metadata.dist]\nci = \"github\"\ncreate-release = false\ndispatch-releases = true\ntag-namespace = \"app\"\n";
    let (config, notes) = of(&workspace(&["one@"], &[("Cargo.toml", table)]));
    assert!(
        config.github.release,
        "dist expects the release of somebody else"
    );
    has(
        &notes,
        "Cargo.toml: create-release",
        "take `create-release` out",
    );
    has(
        &notes,
        "Cargo.toml: dispatch-releases",
        "the tag starts dist",
    );
    has(&notes, "Cargo.toml: tag-namespace", "`app`");
    // Without a workflow of dist's, nobody else makes the release.
    let (config, _) = of(&workspace(
        &["one@"],
        &[("dist.toml", "[dist]\ninstallers = [\"shell\"]\n")],
    ));
    assert!(config.github.release);
}

/// The workflow of release-plz's quickstart, what matters of it.
const QUICKSTART: &str = "\
name: Release-plz
on:
  push:
    branches:
      - main
jobs:
  release-plz-release:
    steps:
      - name: Run release-plz
        uses: release-plz/action@v0.5
        with:
          command: release
  release-plz-pr:
    steps:
      - uses: release-plz/action@v0.5
        with:
          command: release-pr
";

#[test]
fn workflows_that_would_run_twice_are_named() {
    let publish = "on:\n  push:\n    tags: ['v*']\njobs:\n  a:\n    steps:\n      - run: cargo publish --locked\n      - uses: softprops/action-gh-release@v2\n";
    let files = [
        (".github/workflows/release-plz.yml", QUICKSTART),
        (".github/workflows/publish.yaml", publish),
        (
            ".github/workflows/by-hand.yml",
            "on: workflow_dispatch\njobs:\n  a:\n    steps:\n      - run: cargo publish\n",
        ),
        (
            ".github/workflows/shared.yml",
            "on: workflow_dispatch\njobs:\n  a:\n    steps:\n      - run: cargo release patch --execute\n",
        ),
        (
            ".github/workflows/crates.yml",
            "on:\n  release:\n    types: [published]\njobs:\n  a:\n    steps:\n      - run: cargo publish\n",
        ),
        (
            ".github/workflows/ci.yml",
            "on: [push]\njobs:\n  a:\n    steps:\n      - run: cargo publish --dry-run\n",
        ),
    ];
    let (config, notes) = of(&workspace(&["one@"], &files));
    assert!(config.ci.release_pull_request);
    let of = |file: &str| format!(".github/workflows/{file}: ");
    has(
        &notes,
        &of("release-plz.yml"),
        "opens release pull requests",
    );
    has(&notes, &of("release-plz.yml"), "releases with release-plz");
    has(
        &notes,
        &of("publish.yaml"),
        "publishes to the registry on tags (v*)",
    );
    has(
        &notes,
        &of("publish.yaml"),
        "makes a GitHub release on tags (v*)",
    );
    has(&notes, &of("by-hand.yml"), "when it is started or called");
    has(&notes, &of("shared.yml"), "releases with cargo-release");
    has(
        &notes,
        &of("crates.yml"),
        "publishes to the registry on GitHub releases",
    );
    assert_eq!(notes.len(), 7, "{notes:#?}");

    // A workflow that is called starts with the one that calls it.
    let caller =
        "on:\n  push:\n    tags: [v*]\njobs:\n  a:\n    uses: ./.github/workflows/called.yml\n";
    let called = "on:\n  workflow_call:\njobs:\n  a:\n    steps:\n      - run: cargo publish\n";
    let files = [
        (".github/workflows/called.yml", called),
        (".github/workflows/tags.yml", caller),
    ];
    let (_, notes) = of_one(&files);
    has(
        &notes,
        &of("called.yml"),
        "publishes to the registry on tags (v*)",
    );
    assert_eq!(notes.len(), 1, "{notes:#?}");

    // dist's own workflow stays, because the GitHub release is left to it.
    let own = "on:\n  push:\n    tags:\n      - '**[0-9]+.[0-9]+.[0-9]+*'\njobs:\n  host:\n    steps:\n      - run: dist host --steps=upload\n      - run: gh release create\n";
    let files = [
        ("dist-workspace.toml", DIST),
        (".github/workflows/dist.yml", own),
    ];
    let (_, notes) = of_one(&files);
    has(&notes, &of("dist.yml"), "is dist's own, and stays");
    let (_, notes) = of_one(&files[1..]);
    has(&notes, &of("dist.yml"), "it would run twice");
}

fn of_one(files: &[(&str, &str)]) -> (Config, Vec<String>) {
    of(&workspace(&["one@"], files))
}

#[test]
fn tags_that_cannot_be_together_are_left_to_what_is_learned() {
    let files = [(
        "release.toml",
        "tag-name = \"{{crate_name}}/{{version}}\"\nsign-tag = true\n",
    )];
    let mut translation = translate(&workspace(&TWO, &files));
    assert!(translation.settings.has("release", "tag"));
    translation.without_conventions("two groups have one tag");
    assert_eq!(config(&translation), usual());
    let notes: Vec<String> = translation.notes.iter().map(ToString::to_string).collect();
    has(&notes, "release.toml: tag-name", "two groups have one tag");

    translation = translate(&workspace(&TWO, &files));
    translation.without_settings("a key is twice in it");
    assert_eq!(config(&translation), usual());
    let notes: Vec<String> = translation.notes.iter().map(ToString::to_string).collect();
    has(&notes, "stagegate.toml: ", "a key is twice in it");
}

#[test]
fn each_line_says_where_it_comes_from() {
    let files = [(
        "release.toml",
        "allow-branch = [\"main\", \"v*\"]\npush-remote = \"up\"\nregistry = \"r\"\ntag-message = \"a\\nb\"\n",
    )];
    let translation = translate(&workspace(&TWO, &files));
    let text = text::settings("main", &translation.settings);
    for line in [
        "[release]\nbranch = \"main\"\nbranches = [\"v*\"]  # release.toml: allow-branch\nremote = \"up\"  # release.toml: push-remote\n",
        "\n[registry]\nname = \"r\"  # release.toml: registry\n",
    ] {
        assert!(text.contains(line), "no {line:?} in\n{text}");
    }
    let spoken = translation.settings.spoken();
    assert!(spoken.iter().all(|line| !line.contains('\n')), "{spoken:?}");
    assert_eq!(
        spoken[0],
        "release.toml: allow-branch: [release] branches = [\"v*\"]"
    );
}
