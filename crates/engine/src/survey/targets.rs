//! What this machine can build for.

use std::collections::BTreeMap;

use stagegate_plan::facts::SurveyResult;

use crate::context::Context;
use crate::survey::Scope;
use crate::tools::toolchain::standard_library;

/// Returns every target that the configuration names, if a release would be built for it here.
pub(crate) fn look(context: &Context, scope: &Scope) -> BTreeMap<String, SurveyResult<()>> {
    let builds = scope.targets && context.config.github.release;
    let targets = context.config.release.targets.keys().filter(|_| builds);
    let look = |target: &String| (target.clone(), standard_library(&context.root, target));
    targets.map(look).collect()
}
