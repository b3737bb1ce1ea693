//! Which branch and which remote a checkout's releases belong to, where nobody has said so.

use crate::tools::git::Git;

/// Names that default branches have, for checkouts that do not know their remote's.
const USUAL: [&str; 4] = ["main", "master", "trunk", "develop"];

/// The branches and remotes of a checkout, read by two calls of git's.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct CheckoutRefs {
    /// Local branches.
    branches: Vec<String>,
    /// The one that is checked out.
    current: Option<String>,
    /// The branch that each remote's `HEAD` names, as `git clone` or `git remote set-head`
    /// noted it.
    defaults: Vec<(String, String)>,
    remotes: Vec<String>,
    /// The remote that the branch which is checked out follows.
    followed: Option<String>,
}

impl CheckoutRefs {
    /// Reads them. Of what git does not tell, nothing is known.
    pub(crate) fn read(git: &Git) -> CheckoutRefs {
        let mut refs = CheckoutRefs::default();
        let format = "--format=%(HEAD) %(refname) %(symref)";
        let names = git.read(["for-each-ref", format, "refs/heads", "refs/remotes"]);
        for line in names.unwrap_or_default().lines() {
            refs.add_ref(line);
        }
        let keys = "^(remote\\..*\\.(url|fetch)|branch\\..*\\.remote)$";
        let settings = git.ask(["config", "--get-regexp", keys]).ok().flatten();
        for line in settings.unwrap_or_default().lines() {
            refs.add_setting(line);
        }
        refs
    }

    /// Takes in a line: `*` or a space, the reference, and what it stands for.
    fn add_ref(&mut self, line: &str) {
        let is_current = line.starts_with('*');
        let mut words = line.trim_start_matches(['*', ' ']).split(' ');
        let (name, target) = (words.next().unwrap_or_default(), words.next());
        if let Some(branch) = name.strip_prefix("refs/heads/") {
            if is_current {
                self.current = Some(branch.to_owned());
            }
            self.branches.push(branch.to_owned());
            return;
        }
        let remote = name
            .strip_prefix("refs/remotes/")
            .and_then(|name| name.strip_suffix("/HEAD"));
        let Some((remote, target)) = remote.zip(target) else {
            return;
        };
        let branch = target
            .strip_prefix("refs/remotes/")
            .and_then(|name| name.strip_prefix(remote)?.strip_prefix('/'));
        if let Some(branch) = branch {
            self.defaults.push((remote.to_owned(), branch.to_owned()));
        }
    }

    /// Takes in a line: a setting's name, a space and its value.
    fn add_setting(&mut self, line: &str) {
        let Some((key, value)) = line.split_once(' ') else {
            return;
        };
        let inner = |before: &str, after: &str| {
            let name = key.strip_prefix(before)?.strip_suffix(after)?;
            Some(name.to_owned())
        };
        if let Some(remote) = inner("remote.", ".url").or_else(|| inner("remote.", ".fetch")) {
            if !self.remotes.contains(&remote) {
                self.remotes.push(remote);
            }
        } else if let Some(branch) = inner("branch.", ".remote")
            && Some(&branch) == self.current.as_ref()
        {
            self.followed = Some(value.to_owned());
        }
    }

    /// Returns the remote that releases are pushed to: the only one, or the one whose
    /// default branch is checked out and followed here, or `origin`, or the first.
    pub(crate) fn remote(&self) -> Option<String> {
        if let [only] = self.remotes.as_slice() {
            return Some(only.clone());
        }
        let followed = self
            .followed
            .as_deref()
            .filter(|remote| self.default_of(remote) == self.current.as_deref());
        let usual = || self.remotes.iter().find(|name| *name == "origin");
        followed
            .map(str::to_owned)
            .or_else(|| usual().cloned())
            .or_else(|| self.remotes.first().cloned())
    }

    /// Returns the branch that releases are made from: the remote's default branch as the
    /// clone noted it, or the only one of the usual names that is here, or the only branch.
    pub(crate) fn branch(&self, remote: &str) -> Option<String> {
        if let Some(default) = self.default_of(remote) {
            return Some(default.to_owned());
        }
        let is_usual = |name: &&String| USUAL.contains(&name.as_str());
        let usual: Vec<&String> = self.branches.iter().filter(is_usual).collect();
        match (usual.as_slice(), self.branches.as_slice()) {
            ([one], _) => Some((*one).clone()),
            ([], [only]) => Some(only.clone()),
            _ => None,
        }
    }

    fn default_of(&self, remote: &str) -> Option<&str> {
        let found = self.defaults.iter().find(|(name, _)| name == remote);
        found.map(|(_, branch)| branch.as_str())
    }
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
        let refs = CheckoutRefs::read(&Git::at(directory));
        let remote = refs.remote();
        let branch = refs.branch(remote.as_deref().unwrap_or("origin"));
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
