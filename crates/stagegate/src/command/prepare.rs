//! `release prepare`: a pull request with what a release would change in the files.

use stagegate_engine::context::Context;
use stagegate_plan::model::StepFilter;
use stagegate_plan::request::{ReleaseRequest, Request};

use super::obey;
use super::obey::Order;
use crate::cli::{Format, Prepare};
use crate::exit::Exit;

pub(super) fn prepare(context: &Context, args: Prepare, format: Format) -> anyhow::Result<Exit> {
    let words: Vec<String> = args.versions.iter().map(ToString::to_string).collect();
    let target = obey::release_target(&args.versions, None);
    let request = ReleaseRequest {
        versions: args.versions,
        pre: None,
        skip: Vec::new(),
        freeze_override: None,
        environment: String::new(),
        tagged: false,
        handed_on: false,
    };
    let named = !words.is_empty();
    let order = Order {
        verb: "release prepare",
        words: named.then(|| words.join(" ")),
        request: named.then_some(Request::Prepare(request)),
        dry_run: args.dry_run,
        going: &args.going,
        target: target.map(|target| target.replacen("release-", "prepare-", 1)),
        portion: StepFilter::Whole,
    };
    obey::obey(context, order, format)
}
