//! Numbers with their nouns, as people read them.

/// Returns a number with its noun, in the singular or the plural.
pub fn count(number: usize, noun: &str) -> String {
    match (number, noun.strip_suffix('y')) {
        (1, _) => format!("1 {noun}"),
        (_, Some(stem)) if !stem.ends_with(['a', 'e', 'o', 'u']) => format!("{number} {stem}ies"),
        _ => format!("{number} {noun}s"),
    }
}

#[cfg(test)]
mod tests {
    use super::count;

    #[test]
    fn one_is_singular_and_none_is_plural() {
        assert_eq!(count(1, "advisory"), "1 advisory");
        assert_eq!(count(0, "advisory"), "0 advisories");
        assert_eq!(count(2, "key"), "2 keys");
        assert_eq!(count(1, "crate"), "1 crate");
        assert_eq!(count(3, "crate"), "3 crates");
    }
}
