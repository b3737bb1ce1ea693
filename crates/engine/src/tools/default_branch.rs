//! Which branch and which remote a checkout's releases belong to, where nobody has said so.

use crate::tools::git::Git;

/// Names that default branches have, for checkouts that do not know their remote's.
const USUAL: [&str; 4] = ["main", "master", "trunk", "develop"];

/// Returns the remote that releases are pushed to: the only one, or the one whose default
/// branch is checked out and followed here, or `origin`, or the first.
pub(crate) fn remote(git: &Git) -> Option<String> {
    let remotes = git.read(["remote"]).ok()?;
    let remotes: Vec<&str> = remotes.lines().collect();
    if let [only] = remotes.as_slice() {
        return Some((*only).to_owned());
    }
    let followed = git
        .ask(["symbolic-ref", "--quiet", "--short", "HEAD"])
        .ok()
        .flatten()
        .and_then(|branch| {
            let key = format!("branch.{branch}.remote");
            let remote = git.ask(["config", "--get", &key]).ok().flatten()?;
            (default_of(git, &remote)? == branch).then_some(remote)
        });
    let usual = || remotes.contains(&"origin").then(|| "origin".to_owned());
    let first = || remotes.first().map(|&name| name.to_owned());
    followed.or_else(usual).or_else(first)
}

/// Returns the branch that releases are made from: the remote's default branch as the clone
/// noted it, or the only one of the usual names that is here, or the only branch.
pub(crate) fn branch(git: &Git, remote: &str) -> Option<String> {
    if let Some(default) = default_of(git, remote) {
        return Some(default);
    }
    let here = git
        .read(["for-each-ref", "--format=%(refname:short)", "refs/heads"])
        .ok()?;
    let here: Vec<&str> = here.lines().collect();
    let usual: Vec<&&str> = here.iter().filter(|name| USUAL.contains(name)).collect();
    match (usual.as_slice(), here.as_slice()) {
        ([one], _) => Some((**one).to_owned()),
        ([], [only]) => Some((*only).to_owned()),
        _ => None,
    }
}

/// The branch that a remote's `HEAD` names, as `git clone` or `git remote set-head` noted it.
fn default_of(git: &Git, remote: &str) -> Option<String> {
    let head = format!("refs/remotes/{remote}/HEAD");
    let names = git
        .ask(["symbolic-ref", "--quiet", "--short", &head])
        .ok()??;
    let branch = names.strip_prefix(remote)?.strip_prefix('/')?;
    Some(branch.to_owned())
}

#[cfg(test)]
mod tests {
    use std::process::Command;

    use camino::Utf8Path;

    use super::*;

    fn git(directory: &Utf8Path, line: &str) {
        let who = ["-c", "user.name=N", "-c", "user.email=n@example.org"];
        let mut command = Command::new("git");
        command.current_dir(directory).args(who);
        let output = command.args(line.split(' ')).output().unwrap();
        assert!(output.status.success(), "{line}: {output:?}");
    }

    fn learned(directory: &Utf8Path) -> (Option<String>, Option<String>) {
        let git = Git::at(directory);
        let remote = remote(&git);
        let branch = branch(&git, remote.as_deref().unwrap_or("origin"));
        (remote, branch)
    }

    #[test]
    fn a_clone_knows_its_remotes_default_branch() {
        let place = tempfile::tempdir().unwrap();
        let place = Utf8Path::from_path(place.path()).unwrap();
        let some = |name: &str| Some(name.to_owned());
        git(place, "init --quiet --initial-branch stable source");
        let source = place.join("source");
        assert_eq!(learned(&source), (None, None), "no commit, no remote");
        git(&source, "commit --quiet --allow-empty --message Begin");
        git(&source, "branch main");
        assert_eq!(learned(&source), (None, some("main")), "a usual name");
        git(&source, "branch --delete main");
        assert_eq!(learned(&source), (None, some("stable")), "the only one");

        // A branch of one's own, in a clone.
        git(place, "clone --quiet source clone");
        let clone = place.join("clone");
        git(&clone, "switch --quiet --create topic");
        git(&clone, "branch main");
        assert_eq!(learned(&clone), (some("origin"), some("stable")));
        git(&clone, "remote rename origin upstream");
        assert_eq!(learned(&clone), (some("upstream"), some("stable")));
        // A fork beside it; the branch that is followed tells which is meant.
        git(&clone, "remote add fork ../fork");
        git(&clone, "switch --quiet stable");
        assert_eq!(learned(&clone), (some("upstream"), some("stable")));
        git(&clone, "remote add origin ../origin");
        git(&clone, "switch --quiet topic");
        assert_eq!(learned(&clone).0, some("origin"));
    }
}
