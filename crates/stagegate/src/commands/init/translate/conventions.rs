//! Versions that move together, tags and members, as several tools say them, against what
//! stagegate learns by itself.

use std::collections::{BTreeMap, BTreeSet};

use toml_edit::{Array, Value};

use super::settings::below;
use super::{Moves, Sources, Translation};

/// What a tool says, and where.
#[derive(Clone, Debug)]
pub(super) struct Said {
    pub(super) text: String,
    pub(super) origin: String,
}

/// A list of words as a value.
pub(super) fn list<S: AsRef<str>>(words: impl IntoIterator<Item = S>) -> Value {
    Value::Array(
        words
            .into_iter()
            .map(|word| word.as_ref().to_owned())
            .collect::<Array>(),
    )
}

/// Translates who moves together: for each package the name that it shares with others.
/// Returns what moves together then.
pub(super) fn groups(
    sources: &Sources,
    shared: &BTreeMap<String, Said>,
    into: &mut Translation,
) -> Vec<Moves> {
    let mut moves = sources.moves.clone();
    let mut named: BTreeMap<&str, BTreeSet<&str>> = BTreeMap::new();
    for (package, said) in shared {
        named.entry(&said.text).or_default().insert(package);
    }
    for members in named.values().filter(|members| members.len() > 1) {
        let is_same = |one: &Moves| {
            one.members
                .iter()
                .map(String::as_str)
                .eq(members.iter().copied())
        };
        if moves.iter().any(is_same) {
            continue;
        }
        let first = members.iter().next().copied().unwrap_or_default();
        let origin = &shared[first].origin;
        let name = lead(members);
        if members.len() == sources.members.len() {
            into.set("release", "versioning", "lockstep", origin);
        } else {
            into.table(
                &below("release.group", name),
                vec![("crates", list(members))],
                origin,
            );
        }
        for one in &mut moves {
            one.members
                .retain(|member| !members.contains(member.as_str()));
        }
        moves.retain(|one| !one.members.is_empty());
        moves.push(Moves {
            name: name.to_owned(),
            members: members.iter().map(|&member| member.to_owned()).collect(),
            tags: Vec::new(),
        });
    }
    moves
}

/// Returns the package that the others are called after, or a word for all.
fn lead<'m>(members: &BTreeSet<&'m str>) -> &'m str {
    let leads = |name: &&&str| members.iter().all(|other| other.starts_with(**name));
    members.iter().find(leads).copied().unwrap_or("shared")
}

/// Translates the forms of tags, `{name}` and `{version}` in them, by package.
pub(super) fn tags(moves: &[Moves], wanted: &BTreeMap<String, Said>, into: &mut Translation) {
    let filled = |name: &str| Some(wanted.get(name)?.text.replace("{name}", name));
    let is_learned = |one: &Moves| {
        let form = |member: &String| filled(member).is_none_or(|form| one.tags.contains(&form));
        one.members.iter().all(form)
    };
    let said = |one: &Moves| one.members.iter().find_map(|member| wanted.get(member));
    let differing: Vec<(&Moves, &Said)> = moves
        .iter()
        .filter(|one| !is_learned(one))
        .filter_map(|one| Some((one, said(one)?)))
        .collect();
    let Some((_, first)) = differing.first() else {
        return;
    };
    let forms: BTreeSet<&str> = wanted.values().map(|said| said.text.as_str()).collect();
    let of_one_each = moves.iter().all(|one| one.members.len() == 1);
    let is_said_of_all = moves.iter().all(|one| said(one).is_some());
    let fits_all = match first.text.contains("{name}") {
        true => of_one_each,
        false => moves.len() == 1,
    };
    if forms.len() == 1 && fits_all && is_said_of_all {
        into.set("release", "tag", first.text.as_str(), &first.origin);
        return;
    }
    for (one, said) in differing {
        let forms: BTreeSet<String> = one.members.iter().filter_map(|name| filled(name)).collect();
        if forms.len() > 1 {
            into.note(
                &said.origin,
                format!(
                    "{} have one version and so one tag; each gets one of its own only where \
                     its tags show that it had one",
                    one.members.join(", ")
                ),
            );
        } else if !said.text.contains("{name}")
            && moves.len() > 1
            && shares_tag(moves, one, &forms, &filled)
        {
            into.note(
                &said.origin,
                format!(
                    "`{}` would be the tag of versions that do not move together; {} needs a \
                     tag with a name in it",
                    said.text, one.name
                ),
            );
        } else if one.members.len() == 1 {
            let table = below("release.package", &one.members[0]);
            into.set(&table, "tag", said.text.as_str(), &said.origin);
        } else if moves.len() == 1 {
            into.set("release", "tag", said.text.as_str(), &said.origin);
        } else {
            let table = below("release.group", &one.name);
            let form = forms.into_iter().next().unwrap_or_default();
            if into.settings.has(&table, "crates") {
                into.set(&table, "tag", form, &said.origin);
            } else {
                let pairs = vec![("crates", list(&one.members)), ("tag", form.into())];
                into.table(&table, pairs, &said.origin);
            }
        }
    }
}

/// Returns whether another group would have the same tag.
fn shares_tag(
    moves: &[Moves],
    one: &Moves,
    forms: &BTreeSet<String>,
    filled: &dyn Fn(&str) -> Option<String>,
) -> bool {
    let others = moves.iter().filter(|other| other.name != one.name);
    let mut names = others.flat_map(|other| &other.members);
    names.any(|name| filled(name).is_some_and(|form| forms.contains(&form)))
}

/// Translates which packages are not released, and which alone are; both by name, with where
/// that is said.
pub(super) fn members(
    sources: &Sources,
    released: &BTreeMap<String, (bool, String)>,
    default: Option<(bool, String)>,
    into: &mut Translation,
) {
    if let Some((false, origin)) = default {
        let wanted = released.iter().filter(|(_, (yes, _))| *yes);
        let wanted: Vec<&String> = wanted.map(|(name, _)| name).collect();
        match wanted.is_empty() {
            true => into.note(
                origin,
                "releases nothing, and stagegate releases what can be published; \
                 `[release] packages` or `exclude` say otherwise",
            ),
            false => into.set("release", "packages", list(wanted), &origin),
        }
        return;
    }
    let is_known = |name: &str| sources.members.iter().any(|member| member.name == name);
    let out = released
        .iter()
        .filter(|(name, (yes, _))| !yes && is_known(name));
    let out: Vec<(&String, &String)> = out.map(|(name, (_, origin))| (name, origin)).collect();
    if let Some((_, origin)) = out.first() {
        into.set(
            "release",
            "exclude",
            list(out.iter().map(|(name, _)| name)),
            origin,
        );
    }
}
