//! The survey: every read, and nothing but reads.
//!
//! What cannot be looked at becomes a blocker in its place, and the survey goes
//! on: a person hears of everything at once. It writes nothing anywhere:
//! not even `git fetch` is used where `git ls-remote` tells as much.

pub mod advisories;
pub mod changelogs;
pub mod checkout;
mod distances;
pub mod github;
pub mod history;
pub mod hosts;
pub mod interfaces;
mod other_workspaces;
pub(crate) mod packed_commit;
pub mod packing;
pub mod registry;
pub mod released;
mod signing;
pub mod sizes;
pub mod targets;
pub mod tools;
mod unpublished;

use std::collections::BTreeMap;

use anyhow::Context as _;
use camino::{Utf8Path, Utf8PathBuf};
use jiff::Timestamp;
use jiff::tz::TimeZone;
use semver::Version;
use stagegate_config::schema::{Config, Level};
use stagegate_manifest::{Package, Workspace, normalized, relative_to};
use stagegate_plan::facts::{ChangelogFacts, Facts, GitFacts, RegistryFacts, SurveyResult};
use stagegate_plan::model::{Blocker, Blockers};
use stagegate_plan::release::replacements;
use stagegate_plan::request::Request;
use stagegate_plan::version::{Conventions, Evidence, Group, Selection};

use crate::context::Context;

/// How far to look.
#[derive(Clone, Debug, Default)]
pub struct Scope {
    /// The packages that are meant, where not all are.
    pub selection: Selection,
    /// Gates will run.
    pub gates: bool,
    /// What is built for other targets than this machine's.
    pub targets: bool,
    /// The registry.
    pub registry: bool,
    /// GitHub.
    pub github: bool,
    /// The open release pull requests there.
    pub pulls: bool,
    /// The hosts of this environment.
    pub environment: Option<String>,
    /// What runs on the hosts of this one, to be promoted.
    pub from: Option<String>,
    /// The version whose GitHub release is of interest, and a package of its
    /// group; absent: the main group's.
    pub version: Option<(Option<String>, Version)>,
    /// The version whose files are meant instead of the checked-out ones, and a
    /// package of its group; absent: the main group's.
    pub files_of: Option<(Option<String>, Version)>,
    /// The version whose packages are of interest though they may have left the workspace
    /// since, and a package of its group; absent: the main group's.
    pub packages_of: Option<(Option<String>, Version)>,
    /// Whether the files of a tag are meant instead of the checked-out ones, where what the
    /// registry lacks is tagged elsewhere.
    pub unpublished: bool,
    /// Crates that the registry is asked for, whoever they belong to.
    pub crates: Vec<String>,
    /// Whether git can sign commits and tags, where it is to.
    pub signing: bool,
    /// What happened since the last releases.
    pub history: bool,
    /// How public interfaces changed since then.
    pub interfaces: bool,
    /// The released version that goes out to hosts, instead of what is checked out.
    pub deployed: Option<Version>,
}

impl Scope {
    /// Returns what a request needs to know.
    pub fn of(request: &Request) -> Scope {
        match request {
            Request::Release(wanted) => Scope {
                selection: wanted.selection.clone(),
                gates: true,
                targets: !wanted.handed_on
                    && !wanted.skip.contains(&stagegate_config::stage::Stage::Draft),
                registry: true,
                github: !wanted.skip.contains(&stagegate_config::stage::Stage::Draft),
                pulls: false,
                environment: (!wanted.skips_deploy() && !wanted.unpublished)
                    .then(|| wanted.environment.clone()),
                from: None,
                version: None,
                files_of: None,
                packages_of: None,
                unpublished: wanted.unpublished,
                crates: Vec::new(),
                signing: true,
                // What nobody has written is told from the commits.
                history: true,
                interfaces: wanted.asks_for_auto(),
                deployed: None,
            },
            Request::Deploy(wanted) => Scope {
                environment: Some(wanted.environment.clone()),
                from: wanted.from.clone(),
                deployed: wanted.version.clone(),
                ..Scope::default()
            },
            Request::Rollback(wanted) => Scope {
                environment: Some(wanted.environment.clone()),
                ..Scope::default()
            },
            Request::Yank(wanted) => Scope {
                registry: true,
                github: true,
                version: Some((wanted.crates.first().cloned(), wanted.version.clone())),
                packages_of: Some((wanted.crates.first().cloned(), wanted.version.clone())),
                crates: wanted.crates.clone(),
                ..Scope::default()
            },
            Request::Hotfix(wanted) => Scope {
                registry: true,
                files_of: Some((wanted.package.clone(), wanted.version.clone())),
                signing: true,
                ..Scope::default()
            },
            Request::Prepare(wanted) => Scope {
                selection: wanted.selection.clone(),
                github: true,
                pulls: true,
                signing: true,
                // What nobody has written is told from the commits.
                history: true,
                interfaces: wanted.asks_for_auto(),
                ..Scope::default()
            },
            Request::Check(wanted) => Scope {
                selection: wanted.selection.clone(),
                gates: true,
                ..Scope::default()
            },
        }
    }

    /// Returns the scope of everything, for `doctor`.
    pub fn everything(environment: &str) -> Scope {
        Scope {
            gates: true,
            targets: true,
            registry: true,
            github: true,
            signing: true,
            environment: Some(environment.to_owned()),
            ..Scope::default()
        }
    }
}

/// Looks at everything in scope.
pub fn survey(context: &Context, scope: &Scope) -> anyhow::Result<Facts> {
    let at = Timestamp::now();
    let mut workspace = context.workspace.clone();
    let mut files = files(&workspace, &context.config)?;
    // What the checkout tells at once; registry and remote have their say below.
    let mut evidence = Evidence {
        tags: checkout::tag_names(&context.git()),
        published: None,
    };
    let mut groups = learn(context, &mut workspace, &files, scope, &evidence);
    let wanted = tag_of(
        context,
        scope.files_of.as_ref(),
        groups_of(&groups),
        &evidence,
    );
    let tagged = match scope.unpublished {
        true => unpublished::tag(context, &workspace, &files, scope, &evidence)?,
        false => None,
    };
    let wanted = wanted.or_else(|| tagged.as_ref().map(|tagged| tagged.tag.clone()));
    let released = released::files_of(context, wanted.as_deref())?;
    let root = released.as_ref().map_or(&context.root, |there| &there.root);
    if released.is_some() {
        workspace = context.workspace_at(root)?;
        files = self::files(&workspace, &context.config)?;
        groups = learn(context, &mut workspace, &files, scope, &evidence);
    }
    let wanted = tag_of(
        context,
        scope.packages_of.as_ref(),
        groups_of(&groups),
        &evidence,
    );
    if let Some(there) = released::files_of(context, wanted.as_deref())? {
        let former = context.workspace_at(&there.root)?.packages.into_iter();
        let mut left: Vec<_> = former
            .filter(|p| workspace.package(&p.name).is_none())
            .collect();
        workspace.packages.append(&mut left);
        groups = learn(context, &mut workspace, &files, scope, &evidence);
    }
    let publishes = workspace
        .packages
        .iter()
        .any(|p| p.publishable_to_any(&context.config.registry.names()));
    let main_tag = tag_of(
        context,
        scope.version.as_ref(),
        groups_of(&groups),
        &evidence,
    );
    // Whatever is asked answers in its own time, registry, GitHub and hosts from afar.
    let wanted_files = released.as_ref();
    let workspace_ref = &workspace;
    let files_ref = &files;
    let (registries, github, (hosts, promoted), git, packing, sizes, tools) =
        std::thread::scope(|threads| {
            let registry = threads.spawn(|| match scope.registry && publishes {
                true => every_registry(context, workspace_ref),
                false => Vec::new(),
            });
            let wants_release = scope.github && context.config.github.release;
            let tag = main_tag.as_deref();
            let github = threads.spawn(move || {
                wants_release.then(|| github::look(context, workspace_ref, tag, scope))
            });
            let git = threads.spawn(|| checkout::look(context, scope));
            let packs = scope.registry && publishes && wanted_files.is_none();
            let packing = threads.spawn(move || {
                packs
                    .then(|| packing::look(context, workspace_ref, files_ref))
                    .transpose()
            });
            let sizes = threads.spawn(|| {
                (scope.registry && publishes).then(|| sizes::look(context, workspace_ref))
            });
            let tools = threads.spawn(|| scope.gates.then(|| tools::look(context)));
            let hosts = (hosts::look(context, scope), hosts::running(context, scope));
            (
                registry.join().expect("the survey does not panic"),
                github.join().expect("the survey does not panic"),
                hosts,
                git.join().expect("the survey does not panic"),
                packing.join().expect("the survey does not panic"),
                sizes
                    .join()
                    .expect("the survey does not panic")
                    .unwrap_or_default(),
                tools
                    .join()
                    .expect("the survey does not panic")
                    .unwrap_or_default(),
            )
        });
    let git_is_readable = git.is_ok();
    add_from_afar(&mut evidence, git.as_ref().ok(), &registries);
    mark_registered(&mut workspace, &registries);
    let found = learn(context, &mut workspace, &files, scope, &evidence);
    let (groups, conventions, has_other_groups) = match found {
        Ok(found) => (Ok(found.groups), found.notes, found.has_other_groups),
        Err(blocker) => (Err(blocker), Vec::new(), false),
    };
    let mut registries = registries
        .into_iter()
        .map(|found| with_crates(context, &scope.crates, found));
    let registry = registries.next();
    let more_registries = registries.collect();
    let mut past = history::Past::default();
    let mut interfaces = BTreeMap::new();
    if let (true, Ok(groups), Ok(git)) = (scope.history, &groups, &git) {
        let packed = match &registry {
            Some(Ok(registry)) => packed_commit::look(context, groups, git, registry),
            _ => BTreeMap::new(),
        };
        past = history::look(context, &workspace, &files, groups, git, &packed)?;
        // Whoever has the gate has the tool, and reads in a pull request what it says.
        let read_by_people = scope.pulls && context.config.gates.semver.level != Level::Off;
        if scope.interfaces || read_by_people {
            interfaces = interfaces::look(context, &workspace, groups, &past.groups);
        }
    }
    let deployed = scope.deployed.clone().map(|version| (None, version));
    let deployed = tag_of(
        context,
        deployed.as_ref(),
        groups.as_deref().ok(),
        &evidence,
    );
    let distances = git.as_ref().map_or_else(
        |_| BTreeMap::new(),
        |git| distances::read(context, git, deployed.as_deref(), (&hosts, &promoted)),
    );
    Ok(Facts {
        at,
        command: context.command,
        date: at
            .to_zoned(TimeZone::system())
            .strftime("%Y-%m-%d")
            .to_string(),
        changelogs: changelogs(context, root, groups.as_deref().unwrap_or_default()),
        has_other_groups,
        conventions,
        groups,
        cliff: cliff(root),
        history: past.groups,
        history_gap: past.gap,
        interfaces,
        git,
        tagged,
        tools,
        targets: targets::look(context, scope),
        advisories: if scope.gates {
            advisories::look(context)
        } else {
            None
        },
        registry,
        more_registries,
        github,
        sizes,
        // Without a commit nothing is packed, and the checkout says so.
        packing: match git_is_readable {
            true => packing?.unwrap_or_default(),
            false => BTreeMap::new(),
        },
        hosts,
        promoted,
        distances,
        subdirectory: context.subdirectory.clone(),
        other_workspaces: match &released {
            None => other_workspaces::look(context, &workspace).unwrap_or_default(),
            Some(_) => Vec::new(),
        },
        workspace,
        files,
    })
}

/// Returns the groups of the workspace as the checkout alone tells them: nobody else is asked.
///
/// # Errors
/// If the workspace's files cannot be read, or groups are configured that cannot be.
pub fn groups_of_checkout(context: &Context) -> anyhow::Result<Vec<Group>> {
    let mut workspace = context.workspace.clone();
    let files = files(&workspace, &context.config)?;
    let evidence = Evidence {
        tags: checkout::tag_names(&context.git()),
        published: None,
    };
    let scope = Scope::default();
    let found = learn(context, &mut workspace, &files, &scope, &evidence);
    Ok(found.map_err(|blocker| Blockers(vec![blocker]))?.groups)
}

/// Learns what releases are like; what they leave out is marked.
fn learn(
    context: &Context,
    workspace: &mut Workspace,
    files: &BTreeMap<Utf8PathBuf, Vec<u8>>,
    scope: &Scope,
    evidence: &Evidence,
) -> SurveyResult<Conventions> {
    let found = stagegate_plan::version::conventions(
        workspace,
        files,
        &context.config,
        &scope.selection,
        evidence,
    )?;
    workspace.leave_out(&found.left_out);
    Ok(found)
}

/// Looks at every registry that a release publishes to, the main one first.
fn every_registry(context: &Context, workspace: &Workspace) -> Vec<SurveyResult<RegistryFacts>> {
    let names = context.config.registry.names().into_iter();
    names
        .map(|name| registry::look(context, name, workspace))
        .collect()
}

/// Marks what a registry has although the manifest does not let it go there.
fn mark_registered(workspace: &mut Workspace, registries: &[SurveyResult<RegistryFacts>]) {
    let mut there: Vec<String> = Vec::new();
    for registry in registries.iter().flatten() {
        let is_there = |member: &&Package| {
            !member.may_go_to(&registry.name) && registry.has_in_another_shape(workspace, member)
        };
        let members = workspace.packages.iter().filter(is_there);
        there.extend(members.map(|member| member.name.clone()));
    }
    for member in &mut workspace.packages {
        member.is_in_registry = there.contains(&member.name);
    }
}

/// Adds the remote's tags, and the versions in the registries.
fn add_from_afar(
    evidence: &mut Evidence,
    git: Option<&GitFacts>,
    registries: &[SurveyResult<RegistryFacts>],
) {
    let remote = git.and_then(|git| git.remote.as_ref().ok());
    let tags = remote.into_iter().flat_map(|remote| remote.tags.keys());
    evidence.tags.extend(tags.cloned());
    let mut published: BTreeMap<String, Vec<Version>> = BTreeMap::new();
    for registry in registries.iter().flatten() {
        for (name, known) in &registry.versions {
            let versions = published.entry(name.clone()).or_default();
            versions.extend(known.iter().map(|version| version.vers.clone()));
        }
    }
    if registries.iter().any(Result::is_ok) {
        evidence.published = Some(published);
    }
}

/// Returns the registry with what it has of these crates too: what has left the workspace is still
/// there.
fn with_crates(
    context: &Context,
    crates: &[String],
    found: SurveyResult<RegistryFacts>,
) -> SurveyResult<RegistryFacts> {
    let mut found = found?;
    for name in crates {
        if !found.versions.contains_key(name) {
            let versions = context
                .registry_of(&found.name)
                .and_then(|registry| Ok(registry.versions(name)?))
                .map_err(|error| {
                    Blocker::new(
                        format!(
                            "the registry {} cannot be asked for {name}: {error:#}",
                            found.name
                        ),
                        "check the name and the network",
                    )
                })?;
            found.versions.insert(name.clone(), versions);
        }
    }
    Ok(found)
}

/// Returns the tag of a version, of a package's group or the main one.
fn tag_of(
    context: &Context,
    wanted: Option<&(Option<String>, Version)>,
    groups: Option<&[Group]>,
    evidence: &Evidence,
) -> Option<String> {
    let (package, version) = wanted?;
    let groups = groups?;
    let named = |package: &String| groups.iter().find(|g| g.has(package));
    // A package that has left the workspace was most likely of the main group.
    let main = || stagegate_plan::version::groups::main(groups, &context.config);
    let group = package.as_ref().and_then(named).or_else(main);
    let exists = |tag: &str| evidence.tags.contains(tag);
    Some(group?.existing_tag_of(version, &exists))
}

fn groups_of(found: &SurveyResult<Conventions>) -> Option<&[Group]> {
    found.as_ref().ok().map(|found| found.groups.as_slice())
}

fn files(workspace: &Workspace, config: &Config) -> anyhow::Result<BTreeMap<Utf8PathBuf, Vec<u8>>> {
    let replaced = replacements::files(config).map(|file| workspace.root.join(file));
    let manifests = workspace.packages.iter().map(|p| p.manifest_path.clone());
    let root = ["Cargo.toml", "Cargo.lock"].map(|name| workspace.root.join(name));
    let mut files = BTreeMap::new();
    for path in manifests.chain(root).chain(replaced) {
        let relative = relative_to(&workspace.root, &normalized(&path));
        match std::fs::read(&path) {
            Ok(bytes) => drop(files.insert(relative, bytes)),
            Err(e) if e.kind() == std::io::ErrorKind::NotFound => {}
            Err(e) => return Err(e).with_context(|| format!("reading {path}")),
        }
    }
    Ok(files)
}

/// Returns every changelog of a group that is there. One that the configuration names must be.
fn changelogs(
    context: &Context,
    root: &Utf8Path,
    groups: &[Group],
) -> BTreeMap<Utf8PathBuf, ChangelogFacts> {
    let release = &context.config.release;
    let configured: Vec<&Utf8PathBuf> = release
        .changelog
        .iter()
        .chain(release.groups.values().filter_map(|g| g.changelog.as_ref()))
        .collect();
    let mut found = BTreeMap::new();
    for path in groups.iter().flat_map(|group| &group.changelogs) {
        let text = match std::fs::read(root.join(path)) {
            Ok(bytes) => String::from_utf8(bytes).map_err(|e| {
                let place = e.utf8_error().valid_up_to();
                Blocker::new(
                    format!("{path} is not UTF-8 at byte {place}"),
                    "save it as UTF-8",
                )
            }),
            Err(e) if e.kind() == std::io::ErrorKind::NotFound && !configured.contains(&path) => {
                found.extend(asciidoc(root, path));
                continue;
            }
            Err(e) => Err(Blocker::new(
                format!("the changelog {path} cannot be read: {e}"),
                "correct `changelog` in stagegate.toml, or create the file",
            )),
        };
        let file = behind_links(root, path);
        found.insert(path.clone(), ChangelogFacts { file, text });
    }
    found
}

/// Returns an AsciiDoc changelog in the place of a usual one: it is not edited, and people
/// are told.
fn asciidoc(root: &Utf8Path, path: &Utf8Path) -> Option<(Utf8PathBuf, ChangelogFacts)> {
    let names = ["adoc", "asciidoc"].map(|ending| path.with_extension(ending));
    let file = names.into_iter().find(|file| root.join(file).is_file())?;
    let text = std::fs::read_to_string(root.join(&file)).ok()?;
    let facts = ChangelogFacts {
        file,
        text: Ok(text),
    };
    Some((path.to_owned(), facts))
}

/// Reads git-cliff's configuration, where git-cliff looks for it.
fn cliff(root: &Utf8Path) -> Option<(Utf8PathBuf, String)> {
    let places = ["cliff.toml", ".cliff.toml", ".config/cliff.toml"];
    let read = |place: &str| {
        let text = std::fs::read_to_string(root.join(place)).ok()?;
        Some((Utf8PathBuf::from(place), text))
    };
    places.into_iter().find_map(read)
}

/// Returns the file that a path leads to, so that a change of it leaves the link a link.
fn behind_links(root: &Utf8Path, path: &Utf8Path) -> Utf8PathBuf {
    let file = root.join(path).canonicalize_utf8();
    match (root.canonicalize_utf8(), file) {
        (Ok(root), Ok(file)) => relative_to(&root, &file),
        _ => path.to_owned(),
    }
}
