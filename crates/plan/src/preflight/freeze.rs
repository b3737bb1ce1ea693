//! Whether deploys are frozen.

use stagegate_config::schema::EnvironmentConfig;

use crate::model::{Blocker, Plan};

/// Refuses a deploy in a freeze, unless somebody says why not; that is kept.
pub fn frozen(
    (name, environment): (&str, &EnvironmentConfig),
    despite: Option<&str>,
    plan: &mut Plan,
    blockers: &mut Vec<Blocker>,
) {
    let windows = environment.freeze.iter();
    let Some((window, until)) = windows
        .filter_map(|window| Some((window, window.until(plan.at)?)))
        .max_by(|(_, a), (_, b)| a.cmp(b))
    else {
        return;
    };
    let until = until.strftime("%a %F %H:%M %Z");
    match despite {
        None => blockers.push(Blocker::new(
            format!("deploys to {name} are frozen until {until} (`{window}`)"),
            "wait, or pass `--override-freeze WHY`, which the hosts' records then say",
        )),
        Some(why) => {
            plan.notes.push(format!(
                "deploys to {name} are frozen until {until}; it is done all the same: {why}"
            ));
            plan.freeze_override = Some(why.to_owned());
        }
    }
}
