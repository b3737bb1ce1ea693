//! `[release] targets`: what else than this machine's binary a release holds, and who
//! builds it.

use crate::schema::Config;

impl Config {
    /// Returns what types cannot say of the targets.
    pub fn problem_of_targets(&self) -> Option<String> {
        let targets = &self.release.targets;
        let plain = |c: char| c.is_ascii_alphanumeric() || "._-".contains(c);
        let named = |name: &str| {
            name.starts_with(|c: char| c.is_ascii_alphanumeric()) && name.chars().all(plain)
        };
        if let Some(name) = targets.keys().find(|name| !named(name)) {
            return Some(format!(
                "`release.targets` names {name:?}, which is no target triple, such as `aarch64-unknown-linux-gnu`"
            ));
        }
        if let Some((target, _)) = targets.iter().find(|(_, runner)| runner.trim().is_empty()) {
            return Some(format!(
                "`release.targets` names no runner for {target}, such as `ubuntu-24.04`"
            ));
        }
        let backend = self.app.as_ref().and_then(|app| app.backend.as_ref());
        (backend.is_none() && !targets.is_empty()).then(|| {
            "`release.targets` says what a backend is built for, and there is no [app.backend]"
                .to_owned()
        })
    }
}

#[cfg(test)]
mod tests {
    use camino::Utf8Path;

    use super::Config;

    #[test]
    fn a_target_is_a_triple_with_a_runner_for_a_backend() {
        const APP: &str = "[app]\nname = \"a\"\n[app.backend]\npackage = \"a\"\nport = 80\n";
        let parse = |targets: &str, app: &str| {
            let text = format!("[release]\ntargets = {{ {targets} }}\n{app}");
            Config::parse(Utf8Path::new("stagegate.toml"), &text).map_err(|e| e.to_string())
        };
        let config = parse("\"x86_64-unknown-linux-musl\" = \"ubuntu-24.04\"", APP).unwrap();
        assert_eq!(config.release.targets.len(), 1);
        parse("", "").unwrap();
        let check = |targets: &str, app: &str, want: &str| {
            let got = parse(targets, app).expect_err(targets);
            assert!(
                got.contains("stagegate.toml:2:") && got.contains(want),
                "{got}"
            );
        };
        check("\"../x\" = \"r\"", APP, "no target triple");
        check("\"-x\" = \"r\"", APP, "no target triple");
        check("\"\" = \"r\"", APP, "no target triple");
        check("\"x-y\" = \" \"", APP, "no runner for x-y");
        check("\"x-y\" = \"r\"", "", "no [app.backend]");
        check("\"x-y\" = [\"r\"]", APP, "string");
    }
}
