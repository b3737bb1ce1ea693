//! The values that later steps of a workflow can read, by their documented names.

use std::collections::BTreeSet;

use stagegate_plan::model::{
    Action, CreateTag, DeployBundle, DeployService, Publish, PublishGithubRelease,
};

use super::record::{Record, ended};

/// Names and values. Lists are JSON, for `fromJSON`.
pub(super) fn values(record: &Record, site: &str) -> Vec<(&'static str, String)> {
    let tags = tags(record);
    let crates: Vec<String> = crates(record)
        .map(|name| format!("{name}@{}", record.plan().version_of(name)))
        .collect();
    let hosts = hosts(record);
    let json = |list: &[String]| serde_json::to_string(list).expect("a list is plain data");
    let end = record.state.end.as_ref().map(|it| ended(it.end));
    vec![
        ("ended", end.unwrap_or_default().to_owned()),
        ("version", record.plan().version.to_string()),
        ("commit", commit(record).unwrap_or_default()),
        ("tag", tags.first().cloned().unwrap_or_default()),
        ("tags", json(&tags)),
        (
            "release_url",
            releases(record, site)
                .into_iter()
                .next()
                .unwrap_or_default(),
        ),
        ("crates", json(&crates)),
        ("hosts", json(&hosts)),
    ]
}

/// Returns the commit that the release is made from.
fn commit(record: &Record) -> Option<String> {
    let mut steps = record.plan().steps.iter();
    steps.find_map(|step| match &step.action {
        Action::CreateCommitObject(object) => Some(object.parent.clone()),
        _ => None,
    })
}

/// Returns the tags of what is planned.
pub(super) fn tags(record: &Record) -> Vec<String> {
    let named = record
        .plan()
        .steps
        .iter()
        .filter_map(|step| match &step.action {
            Action::CreateTag(CreateTag { name, .. }) => Some(name.clone()),
            _ => None,
        });
    named.collect()
}

/// Returns where people see the releases that are public. `site`: the server's address.
pub(super) fn releases(record: &Record, site: &str) -> Vec<String> {
    let public = record.done().filter_map(|action| match action {
        Action::PublishGithubRelease(PublishGithubRelease { release, .. }) => Some(format!(
            "{}/{}/releases/tag/{}",
            site.trim_end_matches('/'),
            release.repository,
            release.tag
        )),
        _ => None,
    });
    public.collect()
}

/// Returns the crates that are published, each once, to however many registries.
pub(super) fn crates(record: &Record) -> impl Iterator<Item = &str> {
    let mut seen = BTreeSet::new();
    let published = record.done().filter_map(|action| match action {
        Action::Publish(Publish { package, .. }) => Some(package.as_str()),
        _ => None,
    });
    published.filter(move |name| seen.insert(*name))
}

/// Returns the hosts on which a service is confirmed or a bundle shown.
pub(super) fn hosts(record: &Record) -> Vec<String> {
    use stagegate_deploy::FrontendStep;
    use stagegate_deploy::ServiceStep;
    let mut hosts = Vec::new();
    for action in record.done() {
        let placement = match action {
            Action::DeployService(DeployService {
                step: ServiceStep::Confirm,
                placement,
                ..
            })
            | Action::DeployBundle(DeployBundle {
                step: FrontendStep::Flip,
                placement,
            }) => placement,
            _ => continue,
        };
        let Ok(there) = record.plan().placement(*placement) else {
            continue;
        };
        if !hosts.contains(&there.target.host) {
            hosts.push(there.target.host.clone());
        }
    }
    hosts
}
