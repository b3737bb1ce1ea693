//! Promotion: another environment's very artifacts, not the same sources built again.

use semver::Version;
use stagegate_config::resolve;
use stagegate_config::schema::Config;
use stagegate_config::stage::Stage;
use stagegate_deploy::Drift;

use crate::facts::{Facts, RunningHost};
use crate::model::{Action, Blocker, FetchArtifacts, Placement, Plan, Step};
use crate::request::{DeployRequest, Part};

/// Returns the host that artifacts are taken from, and the release that all hosts there run.
pub fn of(
    facts: &Facts,
    config: &Config,
    wanted: &DeployRequest,
    from: &str,
) -> Result<Placement, Vec<Blocker>> {
    resolve::environment(config, from).map_err(|error| vec![error.into()])?;
    if from == wanted.environment {
        return Err(vec![Blocker::new(
            format!("{from} cannot be promoted to itself"),
            "name another environment with --from",
        )]);
    }
    let mut blockers = Vec::new();
    let mut running: Vec<(&RunningHost, Version, String)> = Vec::new();
    for host in &facts.promoted {
        match release_of(host, wanted.part) {
            Ok((version, commit)) => running.push((host, version, commit)),
            Err(blocker) => blockers.push(blocker),
        }
    }
    let Some((first, version, commit)) = running.first() else {
        if blockers.is_empty() {
            blockers.push(Blocker::new(
                format!("no host of {from} could be asked what it runs"),
                format!("correct the `hosts` of [deploy.{from}]"),
            ));
        }
        return Err(blockers);
    };
    for (host, other, _) in running
        .iter()
        .filter(|(_, v, c)| (v, c) != (version, commit))
    {
        blockers.push(Blocker::new(
            format!(
                "{} runs {other} and {} runs {version}: what of {from} is meant is not clear",
                host.target, first.target
            ),
            format!("bring every host of {from} to one release"),
        ));
    }
    if !blockers.is_empty() {
        return Err(blockers);
    }
    Ok(Placement {
        target: first.target.clone(),
        app: first.app.clone(),
        version: version.clone(),
        revision: commit.clone(),
        built: false,
    })
}

/// Returns the release that a host runs, if it is one that may be promoted.
fn release_of(host: &RunningHost, part: Part) -> Result<(Version, String), Blocker> {
    let target = &host.target;
    let found = host.found.as_ref().map_err(Clone::clone)?;
    let remedy = "deploy it there first, and see that it is confirmed";
    if found.armed.is_some() {
        return Err(Blocker::new(
            format!("what {target} runs is not confirmed yet"),
            remedy,
        ));
    }
    let (Some(release), Some(version), Some(commit)) =
        (&found.release, &found.version, &found.commit)
    else {
        return Err(Blocker::new(format!("{target} runs nothing yet"), remedy));
    };
    if part.frontend() && host.app.frontend.is_some() && found.frontend.as_ref() != Some(release) {
        let bundle = found.frontend.as_deref().unwrap_or("none");
        return Err(Blocker::new(
            format!("{target} runs backend {release} and frontend {bundle}, which is no pair"),
            "deploy both there, or promote the backend alone",
        ));
    }
    let tampered = |drift: &&Drift| matches!(drift, Drift::ProgramChanged { .. });
    if let Some(drift) = found.drift.iter().find(tampered) {
        return Err(Blocker::new(format!("{target}: {drift}"), remedy));
    }
    let version = version
        .parse()
        .map_err(|e| Blocker::new(format!("{target} runs version {version:?}: {e}"), remedy))?;
    Ok((version, commit.clone()))
}

/// Adds the step that fetches it, in the place of a build.
pub fn step(there: Placement, part: Part, plan: &mut Plan) {
    let title = format!("take what runs on {}: {}", there.target, there.version);
    let action = Action::FetchArtifacts(FetchArtifacts {
        backend: part.backend() && there.app.backend.is_some(),
        frontend: part.frontend() && there.app.frontend.is_some(),
        placement: plan.place(there),
    });
    plan.steps
        .push(Step::new("fetch", Stage::Build, title, action));
}

#[cfg(test)]
mod tests {
    use super::*;

    fn running(drift: Vec<Drift>) -> RunningHost {
        let mut found = serde_json::json!({
            "target": "deploy@app1:22",
            "release": "1.4.0-0123456789ab", "version": "1.4.0", "commit": "0123456789ab",
            "slot": "blue", "since": null, "unit": "active", "health": {"passing": "1.4.0"},
            "last": null, "frontend": null, "armed": null,
        });
        found["drift"] = serde_json::to_value(drift).unwrap();
        RunningHost {
            target: "deploy@app1".parse().unwrap(),
            app: serde_json::from_value(serde_json::json!({"name": "guestbook"})).unwrap(),
            found: Ok(serde_json::from_value(found).unwrap()),
        }
    }

    #[test]
    fn a_tampered_artifact_is_refused_whatever_the_wording_of_its_drift() {
        let tampered = Drift::ProgramChanged {
            release: "1.4.0-0123456789ab".into(),
            found: "bb".into(),
            uploaded: "aa".into(),
        };
        let words = tampered.to_string();
        let other = Drift::FileDiffers {
            path: words.clone(),
        };
        // Another difference that reads the same is none of the artifact.
        assert!(other.to_string().contains(&words));
        let release = |drift| release_of(&running(drift), Part::Backend);
        assert!(release(vec![other.clone()]).is_ok());
        assert!(release(Vec::new()).is_ok());
        let refused = release(vec![other, tampered]).unwrap_err();
        assert!(refused.what.contains(&words), "{}", refused.what);
        // Nor does it hang on how facts were written: the kind alone is read back.
        let kind = serde_json::json!({
            "kind": "program-changed", "release": "", "found": "", "uploaded": "",
        });
        let read: Drift = serde_json::from_value(kind).unwrap();
        assert!(release(vec![read]).is_err());
    }
}
