//! One JSON object a line, for programs.

use stagegate_plan::model::Event;

use super::Renderer;

pub(super) struct Json;

impl Renderer for Json {
    fn event(&mut self, event: &Event) {
        super::line(&serde_json::to_string(event).expect("an event is plain data"));
    }
}
