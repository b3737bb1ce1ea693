//! The leases of a run that is given up.

use std::collections::BTreeMap;

use stagegate_deploy::{Host, give_up_lease};
use stagegate_plan::model::Plan;

use super::on_host;
use crate::context::Context;

/// Gives up the run's leases, so that another run need not wait for their end: what the run
/// has started, and no user was led to, is then stopped by its host. Returns the hosts that
/// could not be asked, as `user@host:port`, and why.
pub(crate) fn give_up(context: &Context, plan: &Plan) -> BTreeMap<String, anyhow::Error> {
    let by_host: BTreeMap<String, _> = plan
        .placements
        .iter()
        .map(|placement| (placement.target.to_string(), placement))
        .collect();
    let unreached = by_host.into_iter().filter_map(|(name, placement)| {
        let deploy = on_host::describe(context, plan, placement);
        let given_up = Host::connect(&placement.target)
            .map_err(anyhow::Error::from)
            .and_then(|host| Ok(give_up_lease(&host, &deploy)?));
        Some((name, given_up.err()?))
    });
    unreached.collect()
}
