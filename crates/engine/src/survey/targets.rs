//! What this machine can build for.

use std::collections::BTreeMap;

use stagegate_plan::facts::SurveyResult;

use crate::context::World;
use crate::survey::Scope;
use crate::tools::toolchain::standard_library;

/// Every target that the configuration names, if a release would be built for it here.
pub(crate) fn look(world: &World, scope: &Scope) -> BTreeMap<String, SurveyResult<()>> {
    let builds = scope.targets && world.config.github.release;
    let targets = world.config.release.targets.keys().filter(|_| builds);
    let look = |target: &String| (target.clone(), standard_library(world, target));
    targets.map(look).collect()
}
