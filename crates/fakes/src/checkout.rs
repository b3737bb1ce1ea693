//! A copy of somebody's workspace, with a remote of its own.
//!
//! The original is only read: a git checkout is cloned, and what is not yet
//! committed is taken along as a commit on top; a plain directory is copied.
//! The copy's remote is a bare repository beside it.

use std::process::Command;

use anyhow::{Context, bail};
use camino::{Utf8Path, Utf8PathBuf};

/// The copy.
#[derive(Clone, Debug)]
pub struct Checkout {
    /// The Cargo workspace's root in it.
    pub root: Utf8PathBuf,
    /// The bare remote.
    pub remote: Utf8PathBuf,
    /// Paths that were not committed in the original.
    pub uncommitted: usize,
}

/// git, in a directory, whatever the user's own configuration asks for.
fn git(directory: &Utf8Path, args: &[&str]) -> anyhow::Result<String> {
    let mut command = Command::new("git");
    // Left by a hook or an alias of git's, they would lead to the original.
    for name in [
        "GIT_DIR",
        "GIT_WORK_TREE",
        "GIT_INDEX_FILE",
        "GIT_COMMON_DIR",
        "GIT_PREFIX",
    ] {
        command.env_remove(name);
    }
    let output = command
        .arg("-C")
        .arg(directory)
        .args(args)
        .env("GIT_TERMINAL_PROMPT", "0")
        .output()
        .with_context(|| format!("cannot start git in {directory}; is it installed?"))?;
    if !output.status.success() {
        bail!(
            "`git {}` in {directory} failed: {}",
            args.join(" "),
            String::from_utf8_lossy(&output.stderr).trim()
        );
    }
    String::from_utf8(output.stdout).with_context(|| format!("reading `git {}`", args.join(" ")))
}

impl Checkout {
    /// Copies the workspace whose root is `original` below `into`, on `branch`, with a
    /// remote named `remote_name`.
    ///
    /// # Errors
    /// When the original cannot be read or the copy cannot be written.
    pub fn of(
        original: &Utf8Path,
        into: &Utf8Path,
        branch: &str,
        remote_name: &str,
    ) -> anyhow::Result<Checkout> {
        let copy = into.join("work");
        let remote = into.join("remote.git");
        let top = git(original, &["rev-parse", "--show-toplevel"]).ok();
        let committed =
            top.is_some() && git(original, &["rev-parse", "--verify", "--quiet", "HEAD"]).is_ok();
        let (inside, uncommitted) = match top.as_deref().map(str::trim) {
            Some(top) if committed => clone(Utf8Path::new(top), original, &copy, branch)?,
            _ => (Utf8PathBuf::new(), copy_plain(original, &copy, branch)?),
        };
        git(
            &copy,
            &["clone", "--quiet", "--bare", copy.as_str(), remote.as_str()],
        )?;
        // Its address would be the original, which must not be reached.
        let _ = git(&copy, &["remote", "remove", "origin"]);
        git(&copy, &["remote", "add", remote_name, remote.as_str()])?;
        let root = if inside.as_str().is_empty() {
            copy
        } else {
            copy.join(inside)
        };
        Ok(Checkout {
            root,
            remote,
            uncommitted,
        })
    }
}

/// Makes a copy nobody's: it commits under its own name and signs nothing.
fn make_anonymous(copy: &Utf8Path) -> anyhow::Result<()> {
    for (name, value) in [
        ("user.name", "stagegate rehearsal"),
        ("user.email", "rehearsal@localhost"),
        ("commit.gpgsign", "false"),
        ("tag.gpgsign", "false"),
        ("core.hooksPath", "/dev/null"),
        ("gc.auto", "0"),
    ] {
        git(copy, &["config", name, value])?;
    }
    Ok(())
}

fn clone(
    top: &Utf8Path,
    original: &Utf8Path,
    copy: &Utf8Path,
    branch: &str,
) -> anyhow::Result<(Utf8PathBuf, usize)> {
    let original = original
        .canonicalize_utf8()
        .with_context(|| format!("following {original}"))?;
    let top = top
        .canonicalize_utf8()
        .with_context(|| format!("following {top}"))?;
    let inside = original
        .strip_prefix(&top)
        .unwrap_or(Utf8Path::new(""))
        .to_owned();
    git(
        &top,
        &[
            "clone",
            "--quiet",
            "--no-hardlinks",
            "--no-local",
            "--no-checkout",
            top.as_str(),
            copy.as_str(),
        ],
    )?;
    make_anonymous(copy)?;
    settle_filters(&top, copy)?;
    git(copy, &["checkout", "--quiet", "-B", branch])?;
    clone_submodules(&top, copy)?;
    copy_lockfile(&original, &copy.join(&inside))?;
    let changed = git(
        &top,
        &[
            "ls-files",
            "-z",
            "--modified",
            "--deleted",
            "--others",
            "--exclude-standard",
        ],
    )?;
    let staged = git(&top, &["diff", "-z", "--name-only", "--cached"])?;
    let mut paths: Vec<&str> = changed
        .split('\0')
        .chain(staged.split('\0'))
        .filter(|p| !p.is_empty())
        .collect();
    paths.sort_unstable();
    paths.dedup();
    for path in &paths {
        let (from, to) = (top.join(path), copy.join(path));
        if from.is_dir() {
            bail!(
                "{from} is a git checkout of its own inside the workspace; commit it as a submodule or ignore it"
            );
        }
        if from.symlink_metadata().is_ok() {
            copy_entry(&from, &to)?;
        } else if to.symlink_metadata().is_ok() {
            std::fs::remove_file(&to).with_context(|| format!("removing {to}"))?;
        }
    }
    if !paths.is_empty() {
        git(copy, &["add", "--all"])?;
        git(
            copy,
            &[
                "commit",
                "--quiet",
                "--message",
                "What was not yet committed",
            ],
        )?;
    }
    Ok((inside, paths.len()))
}

/// Files of the copy come out as those of the original: with its line endings and filters.
fn settle_filters(top: &Utf8Path, copy: &Utf8Path) -> anyhow::Result<()> {
    let names = "^(core\\.(autocrlf|eol)|filter\\..*)$";
    // Exit code 1: there is no such setting.
    let settings = git(top, &["config", "--local", "-z", "--get-regexp", names]);
    let settings = settings.unwrap_or_default();
    for (name, value) in settings.split('\0').filter_map(|one| one.split_once('\n')) {
        git(copy, &["config", "--add", name, value])?;
    }
    Ok(())
}

/// Submodules at the commits that the copy names, out of those of the original.
fn clone_submodules(original: &Utf8Path, copy: &Utf8Path) -> anyhow::Result<()> {
    let tree = git(copy, &["ls-tree", "-r", "-z", "--full-tree", "HEAD"])?;
    for (head, path) in tree.split('\0').filter_map(|line| line.split_once('\t')) {
        let Some(commit) = head.strip_prefix("160000 commit ") else {
            continue;
        };
        let (from, to) = (original.join(path), copy.join(path));
        if !from.join(".git").exists() {
            continue;
        }
        let clone = ["clone", "--quiet", "--no-checkout", "--no-local"];
        git(copy, &[&clone[..], &[from.as_str(), to.as_str()]].concat())?;
        make_anonymous(&to)?;
        settle_filters(&from, &to)?;
        git(&to, &["checkout", "--quiet", "--detach", commit])?;
        clone_submodules(&from, &to)?;
    }
    Ok(())
}

/// Copies a lockfile that git ignores, and so does not clone.
fn copy_lockfile(original: &Utf8Path, copy: &Utf8Path) -> anyhow::Result<()> {
    let (from, to) = (original.join("Cargo.lock"), copy.join("Cargo.lock"));
    match from.is_file() && !to.exists() {
        true => copy_entry(&from, &to),
        false => Ok(()),
    }
}

fn copy_plain(original: &Utf8Path, copy: &Utf8Path, branch: &str) -> anyhow::Result<usize> {
    copy_directory(original, copy)?;
    git(copy, &["init", "--quiet", "--initial-branch", branch])?;
    make_anonymous(copy)?;
    if !copy.join(".gitignore").exists() {
        std::fs::write(copy.join(".gitignore"), "/target\n")?;
    }
    git(copy, &["add", "--all"])?;
    git(
        copy,
        &[
            "commit",
            "--quiet",
            "--message",
            "The workspace as it was found",
        ],
    )?;
    Ok(0)
}

fn copy_directory(from: &Utf8Path, to: &Utf8Path) -> anyhow::Result<()> {
    std::fs::create_dir_all(to).with_context(|| format!("creating {to}"))?;
    for entry in from
        .read_dir_utf8()
        .with_context(|| format!("reading {from}"))?
    {
        let entry = entry.with_context(|| format!("reading {from}"))?;
        if entry.file_type()?.is_dir() {
            // Build output and another version control's memory are not sources.
            if ["target", ".git"].contains(&entry.file_name()) {
                continue;
            }
            copy_directory(entry.path(), &to.join(entry.file_name()))?;
        } else {
            copy_entry(entry.path(), &to.join(entry.file_name()))?;
        }
    }
    Ok(())
}

fn copy_entry(from: &Utf8Path, to: &Utf8Path) -> anyhow::Result<()> {
    if let Some(parent) = to.parent() {
        std::fs::create_dir_all(parent).with_context(|| format!("creating {parent}"))?;
    }
    if from.symlink_metadata()?.is_symlink() {
        let aim = from.read_link_utf8()?;
        let _ = std::fs::remove_file(to);
        std::os::unix::fs::symlink(aim, to).with_context(|| format!("linking {to}"))?;
    } else {
        std::fs::copy(from, to).with_context(|| format!("copying {from} to {to}"))?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_original_stays_as_it_is_and_nothing_of_it_is_lost() {
        let directory = tempfile::tempdir().unwrap();
        let root = Utf8Path::from_path(directory.path()).unwrap();
        let original = root.join("original");
        std::fs::create_dir_all(original.join("target")).unwrap();
        let write = |name: &str, text: &str| std::fs::write(original.join(name), text).unwrap();
        write("Cargo.toml", "old");
        write("gone", "x");
        write(".gitignore", "/target\n");
        git(&original, &["init", "--quiet", "--initial-branch", "topic"]).unwrap();
        make_anonymous(&original).unwrap();
        git(&original, &["add", "--all"]).unwrap();
        git(&original, &["commit", "--quiet", "--message", "first"]).unwrap();
        write("Cargo.toml", "new");
        write("fresh", "y");
        write("target/junk", "z");
        std::fs::remove_file(original.join("gone")).unwrap();
        let before = git(&original, &["status", "--porcelain"]).unwrap();

        let copy = Checkout::of(&original, &root.join("copy"), "main", "origin").unwrap();
        assert_eq!(copy.uncommitted, 3);
        assert_eq!(
            std::fs::read_to_string(copy.root.join("Cargo.toml")).unwrap(),
            "new"
        );
        assert!(copy.root.join("fresh").exists() && !copy.root.join("gone").exists());
        assert!(!copy.root.join("target").exists());
        assert_eq!(git(&copy.root, &["status", "--porcelain"]).unwrap(), "");
        assert_eq!(
            git(&copy.root, &["symbolic-ref", "--short", "HEAD"]).unwrap(),
            "main\n"
        );
        assert_eq!(
            git(&copy.root, &["remote", "get-url", "origin"])
                .unwrap()
                .trim(),
            copy.remote
        );
        assert_eq!(git(&original, &["status", "--porcelain"]).unwrap(), before);
    }

    #[test]
    fn a_plain_directory_becomes_a_checkout() {
        let directory = tempfile::tempdir().unwrap();
        let root = Utf8Path::from_path(directory.path()).unwrap();
        let original = root.join("original");
        std::fs::create_dir_all(&original).unwrap();
        std::fs::write(original.join("Cargo.toml"), "x").unwrap();
        let copy = Checkout::of(&original, &root.join("copy"), "main", "origin").unwrap();
        assert!(copy.root.join(".git").is_dir() && !original.join(".git").exists());
        let heads = git(&copy.remote, &["for-each-ref", "--format=%(refname)"]).unwrap();
        assert_eq!(heads.trim(), "refs/heads/main");
    }
}
