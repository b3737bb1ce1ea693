//! git, asked through its plumbing: output that is made for programs.

use std::collections::{BTreeMap, BTreeSet};

use anyhow::{Context, bail};
use camino::{Utf8Path, Utf8PathBuf};
use stagegate_plan::model::{CommitIdentity, TimeCategory};

use crate::interrupt::Interrupt;
use crate::tools::process::{Outcome, Tool, read};
use crate::tools::secret_env::Keeps;

/// git in one directory.
#[derive(Clone, Debug)]
pub struct Git {
    directory: Utf8PathBuf,
}

impl Git {
    /// git in `directory`.
    pub fn at(directory: &Utf8Path) -> Git {
        Git {
            directory: directory.to_owned(),
        }
    }

    /// Returns the command, not yet run.
    ///
    /// It runs no hooks of the checkout: they are made for a person's commits and pushes,
    /// expect what a fresh tree has not, and would decide when the branch has moved. What
    /// must hold of a release is a gate, and the remote's own hooks run there.
    pub fn tool<S: AsRef<str>>(&self, args: impl IntoIterator<Item = S>) -> Tool {
        Tool::new("git", &self.directory, TimeCategory::Git)
            .keeping(Keeps::Remote)
            .env("GIT_TERMINAL_PROMPT", "0")
            .env("LC_ALL", "C")
            .unshown("-c")
            .unshown("core.hooksPath=/dev/null")
            .args(args)
    }

    /// Returns its output without the final newline; failure is an error with git's words.
    pub fn read<S: AsRef<str>>(&self, args: impl IntoIterator<Item = S>) -> anyhow::Result<String> {
        Ok(read(self.tool(args))?.trim_end_matches('\n').to_owned())
    }

    /// Returns its output, or `None` where git says no with exit code 1.
    pub fn ask<S: AsRef<str>>(
        &self,
        args: impl IntoIterator<Item = S>,
    ) -> anyhow::Result<Option<String>> {
        let tool = self.tool(args);
        let shown = tool.shown().to_owned();
        let outcome: Outcome = tool.run(None, &Interrupt::default(), &mut |_| {})?;
        match outcome.status.code() {
            Some(0) => Ok(Some(outcome.stdout.trim_end_matches('\n').to_owned())),
            Some(1) => Ok(None),
            _ => bail!("`{shown}` failed ({}):\n{}", outcome.status, outcome.tail),
        }
    }

    /// Returns the commit that a revision means, if there is such a one.
    pub fn commit_of(&self, revision: &str) -> anyhow::Result<Option<String>> {
        self.ask([
            "rev-parse",
            "--verify",
            "--quiet",
            &format!("{revision}^{{commit}}"),
        ])
    }

    /// Returns the commit that a revision means, which has to be there.
    pub fn need_commit(&self, revision: &str) -> anyhow::Result<String> {
        self.commit_of(revision)?
            .with_context(|| format!("{revision} is gone"))
    }

    /// Returns those of the settings, by a regular expression of git's, that are on; in lower case.
    pub fn switched_on(&self, names: &str) -> anyhow::Result<BTreeSet<String>> {
        let args = ["config", "--type=bool", "--get-regexp", names];
        let text = self.ask(args)?.unwrap_or_default();
        // The last word on each counts, as for git.
        let mut on = BTreeSet::new();
        for (name, value) in text.lines().filter_map(|line| line.split_once(' ')) {
            match value {
                "true" => on.insert(name.to_owned()),
                _ => on.remove(name),
            };
        }
        Ok(on)
    }

    /// Returns whether `old` is `new` or lies before it. Unknown commits do not.
    pub fn is_ancestor(&self, old: &str, new: &str) -> bool {
        matches!(
            self.ask(["merge-base", "--is-ancestor", old, new]),
            Ok(Some(_))
        )
    }

    /// Returns the submodules that a commit names: their paths within the repository, and their
    /// commits.
    pub fn submodules(&self, commit: &str) -> anyhow::Result<Vec<(Utf8PathBuf, String)>> {
        let text = self.read(["ls-tree", "-r", "-z", "--full-tree", commit])?;
        // `MODE TYPE OBJECT<tab>PATH`; the mode of a submodule's commit is 160000.
        let entries = text.split('\0').filter_map(|line| line.split_once('\t'));
        let submodule = |(head, path): (&str, &str)| {
            let commit = head.strip_prefix("160000 commit ")?;
            Some((path.into(), commit.to_owned()))
        };
        Ok(entries.filter_map(submodule).collect())
    }

    /// Tracked files whose content LFS keeps, within the repository.
    pub fn lfs_files(&self) -> anyhow::Result<Vec<String>> {
        let args = [
            "ls-files",
            "-z",
            "--full-name",
            "--",
            ":(top,attr:filter=lfs)",
        ];
        let text = self.read(args)?;
        let paths = text.split('\0').filter(|path| !path.is_empty());
        Ok(paths.map(str::to_owned).collect())
    }

    /// Tracked files, as `MODE OBJECT` by their path within the repository.
    pub fn tracked(&self) -> anyhow::Result<BTreeMap<String, String>> {
        let text = self.read(["ls-files", "-z", "--stage", "--full-name", "--", ":/"])?;
        let entries = text.split('\0').filter_map(|line| line.split_once('\t'));
        let entry = |(head, path): (&str, &str)| (path.to_owned(), head.to_owned());
        Ok(entries.map(entry).collect())
    }

    /// Paths that differ from the last commit, untracked ones included, ignored
    /// ones not.
    pub fn dirty(&self) -> anyhow::Result<Vec<String>> {
        self.status("--untracked-files=normal")
    }

    /// Tracked paths that differ from the last commit.
    pub fn changed(&self) -> anyhow::Result<Vec<String>> {
        self.status("--untracked-files=no")
    }

    fn status(&self, untracked: &str) -> anyhow::Result<Vec<String>> {
        let text = self.read(["status", "--porcelain=v1", "-z", untracked])?;
        let mut paths = Vec::new();
        let mut parts = text.split('\0').filter(|part| !part.is_empty());
        while let Some(part) = parts.next() {
            let (state, path) = part.split_at_checked(3).context("reading `git status`")?;
            if state.starts_with(['R', 'C']) {
                // The old name follows as a part of its own.
                parts.next();
            }
            paths.push(path.to_owned());
        }
        Ok(paths)
    }

    /// Returns the reference's commit at the remote, by `git ls-remote`: nothing is fetched,
    /// nothing is written.
    pub fn remote_refs(&self, remote: &str) -> anyhow::Result<Vec<(String, String)>> {
        let text = self.read(["ls-remote", remote])?;
        Ok(text
            .lines()
            .filter_map(|l| l.split_once('\t'))
            .map(|(a, b)| (b.to_owned(), a.to_owned()))
            .collect())
    }

    /// Returns the environment that makes a commit or a tag come out the same again.
    pub fn sealed<S: AsRef<str>>(
        &self,
        who: &CommitIdentity,
        at: jiff::Timestamp,
        args: impl IntoIterator<Item = S>,
    ) -> Tool {
        let date = format!("{} +0000", at.as_second());
        let mut tool = self.tool(args);
        for role in ["AUTHOR", "COMMITTER"] {
            tool = tool
                .env(&format!("GIT_{role}_NAME"), &who.name)
                .env(&format!("GIT_{role}_EMAIL"), &who.email)
                .env(&format!("GIT_{role}_DATE"), &date);
        }
        tool
    }
}
