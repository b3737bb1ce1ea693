//! Measuring where a step's time goes.

use std::time::Instant;

use stagegate_plan::model::{TimeBreakdown, TimeCategory};

/// Records what passes while `work` runs, and returns what it came to.
pub(crate) fn during<T>(
    time: &mut TimeBreakdown,
    category: TimeCategory,
    work: impl FnOnce() -> T,
) -> T {
    let start = Instant::now();
    let result = work();
    time.record(category, start.elapsed());
    result
}
