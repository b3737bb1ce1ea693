//! The names that branches of stagegate's own begin with.

/// What the names of such branches begin with.
pub const HOTFIX_BRANCH_PREFIX: &str = "hotfix/";

/// What the names of such branches begin with.
pub const RELEASE_BRANCH_PREFIX: &str = "release/";

/// Returns whether a branch is one of a hotfix.
pub fn is_hotfix_branch(branch: &str) -> bool {
    begins(branch, HOTFIX_BRANCH_PREFIX)
}

/// Returns whether a branch is one of a release pull request.
pub fn is_release_branch(branch: &str) -> bool {
    begins(branch, RELEASE_BRANCH_PREFIX)
}

/// Returns what a branch of a release pull request prepares, as it is typed after `release`;
/// none for any other branch.
pub fn prepared_by(branch: &str) -> Option<String> {
    if !is_release_branch(branch) {
        return None;
    }
    let words = branch.get(RELEASE_BRANCH_PREFIX.len()..)?;
    Some(words.replace(',', " "))
}

/// Returns whether one name begins like another: where a branch is called `release`, none can
/// be called `release/1.0.0`, and it becomes `release-1.0.0`.
fn begins(branch: &str, prefix: &str) -> bool {
    let stem = prefix.trim_end_matches('/');
    let rest = branch.strip_prefix(stem).unwrap_or_default();
    rest.starts_with(['/', '-'])
}

/// Returns the name of a branch that can be made beside those that are there: git keeps
/// branches as files, so none can be a directory to another. What stands in the way is the
/// error.
pub fn branch_beside<'b>(
    prefix: &str,
    name: &str,
    there: impl Iterator<Item = &'b String> + Clone,
) -> Result<String, String> {
    let stem = prefix.trim_end_matches('/');
    let in_the_way = |wanted: &str| {
        let mut there = there.clone();
        there.find(|branch| {
            let is_above =
                |a: &str, b: &str| b.strip_prefix(a).is_some_and(|rest| rest.starts_with('/'));
            is_above(branch, wanted) || is_above(wanted, branch)
        })
    };
    let mut names = [format!("{prefix}{name}"), format!("{stem}-{name}")].into_iter();
    match names.find(|wanted| in_the_way(wanted).is_none()) {
        Some(wanted) => Ok(wanted),
        None => Err(in_the_way(&format!("{stem}-{name}"))
            .cloned()
            .unwrap_or_default()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_branch_is_named_beside_those_that_are_there() {
        let check = |prefix: &str, name: &str, there: &[&str], want: Result<&str, &str>| {
            let there: Vec<String> = there.iter().map(|&branch| branch.to_owned()).collect();
            let found = branch_beside(prefix, name, there.iter());
            let want = want.map(str::to_owned).map_err(str::to_owned);
            assert_eq!(found, want, "{prefix}{name} beside {there:?}");
        };
        check(
            "release/",
            "1.1.0",
            &["main", "release/1.0.0"],
            Ok("release/1.1.0"),
        );
        check("release/", "1.1.0", &["release"], Ok("release-1.1.0"));
        check(
            "hotfix/",
            "1.0.1",
            &["hotfix/1.0.1/try"],
            Ok("hotfix-1.0.1"),
        );
        check("hotfix/", "1.0.1", &["hotfixes"], Ok("hotfix/1.0.1"));
        check(
            "hotfix/",
            "1.0.1",
            &["hotfix", "hotfix-1.0.1/a"],
            Err("hotfix-1.0.1/a"),
        );
        let prepared = |branch: &str| prepared_by(branch);
        assert_eq!(
            prepared("release/a=1.0.0,b=2.0.0").unwrap(),
            "a=1.0.0 b=2.0.0"
        );
        assert_eq!(prepared("release-1.1.0").unwrap(), "1.1.0");
        assert_eq!(prepared("main"), None);
        assert!(is_hotfix_branch("hotfix/1.0.1") && is_hotfix_branch("hotfix-1.0.1"));
        assert!(!is_hotfix_branch("hotfixes") && !is_release_branch("release"));
    }
}
