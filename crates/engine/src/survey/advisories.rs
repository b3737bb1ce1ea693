//! The audit gate's database: there, or where it would come from.

use stagegate_config::schema::Level;
use stagegate_plan::facts::SurveyResult;
use stagegate_plan::model::Blocker;

use crate::context::Context;
use crate::tools::advisory_db::default_database;

pub(crate) fn look(context: &Context) -> Option<SurveyResult<String>> {
    let gate = &context.config.gates.audit;
    if gate.level == Level::Off || !context.root.join("Cargo.lock").is_file() {
        return None;
    }
    let Some(database) = &gate.database else {
        return Some(Ok(format!(
            "RustSec's, fetched into {}",
            default_database()
        )));
    };
    let path = context.root.join(database);
    Some(if path.join("crates").is_dir() {
        Ok(path.to_string())
    } else {
        Err(Blocker::new(
            format!("the advisory database {path} has no `crates` directory"),
            "correct `gates.audit.database` in stagegate.toml, or leave it out to use RustSec's own",
        ))
    })
}
