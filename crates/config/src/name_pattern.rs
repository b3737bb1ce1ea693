//! Names of packages and branches, with a `*` for any part.

/// Returns whether a name fits a pattern in which `*` stands for any part.
pub fn fits(pattern: &str, name: &str) -> bool {
    match pattern.split_once('*') {
        None => pattern == name,
        Some((start, rest)) => name.strip_prefix(start).is_some_and(|tail| {
            (0..=tail.len())
                .filter(|&at| tail.is_char_boundary(at))
                .any(|at| fits(rest, &tail[at..]))
        }),
    }
}

#[cfg(test)]
mod tests {
    use super::fits;

    #[test]
    fn a_star_stands_for_any_part() {
        let check = |pattern: &str, name: &str, want: bool| {
            assert_eq!(fits(pattern, name), want, "{pattern} {name}");
        };
        check("core", "core", true);
        check("core", "core-io", false);
        check("core-*", "core-io", true);
        check("*-io", "core-io", true);
        check("*", "anything", true);
        check("a*b*c", "a1b2c", true);
        check("a*b*c", "a1b2", false);
        check("v*.x", "v0.8.x", true);
        check("v*.x", "main", false);
    }
}
