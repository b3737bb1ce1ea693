//! The steps of one batch, side by side: each on a thread of its own, started when the
//! schedule says so.

use std::sync::mpsc;
use std::time::Instant;

use stagegate_plan::model::{Event, Phase, Plan, Step, TimeBreakdown};

use crate::context::Context;
use crate::executor::rate_limit::RateLimits;
use crate::executor::recorder::{Failure, StepRecorder};
use crate::executor::schedule::Schedule;
use crate::executor::step::{Dispatch, Performed, StepContext, execute};

/// What every batch of a run has in common.
#[derive(Clone, Copy)]
pub(crate) struct Environment<'a> {
    pub(crate) plan: &'a Plan,
    pub(crate) context: &'a Context,
    pub(crate) dispatch: Dispatch,
    pub(crate) rate_limits: &'a RateLimits,
}

/// What a step's thread says.
enum Message<'s> {
    Event(Event),
    Ended {
        step: &'s Step,
        result: anyhow::Result<Performed>,
        seconds: f64,
        time: TimeBreakdown,
    },
}

/// Runs what the schedule holds; a step that fails lets the others end. What is left
/// waiting in the schedule without a failure was not begun because somebody asked to stop.
/// Returns the first step that was not done, and why.
pub(crate) fn run<'s>(
    environment: Environment<'_>,
    phase: Phase,
    schedule: &mut Schedule<'s>,
    recorder: &mut StepRecorder<'_>,
) -> anyhow::Result<Option<Failure>> {
    let (send, messages) = mpsc::channel::<Message<'s>>();
    let mut failure = None;
    std::thread::scope(|threads| -> anyhow::Result<()> {
        loop {
            if environment.context.interrupt.asked() {
                schedule.halt();
            }
            let ready = schedule.take_ready();
            for step in &ready {
                recorder.begin(phase, step)?;
            }
            for step in ready {
                let send = send.clone();
                threads.spawn(move || run_step(environment, step, &send));
            }
            if schedule.is_idle() {
                return Ok(());
            }
            match messages.recv().expect("we hold a sender ourselves") {
                Message::Event(event) => recorder.tell(&event),
                Message::Ended {
                    step,
                    result,
                    seconds,
                    time,
                } => match recorder.end(phase, step, result, seconds, time)? {
                    None => schedule.done(&step.id),
                    Some(cause) => {
                        failure.get_or_insert(cause);
                        schedule.failed(step);
                    }
                },
            }
        }
    })?;
    Ok(failure)
}

fn run_step<'s>(
    Environment {
        plan,
        context,
        dispatch,
        rate_limits,
    }: Environment<'_>,
    step: &'s Step,
    send: &mpsc::Sender<Message<'s>>,
) {
    let began = Instant::now();
    let tell = |event: Event| {
        // The receiver outlives every step; were it gone, nobody would listen.
        let _ = send.send(Message::Event(event));
    };
    let mut ctx = StepContext::new((plan, context), rate_limits, step, &tell);
    let result = execute(&mut ctx, dispatch(&step.action));
    let time = ctx.time;
    let _ = send.send(Message::Ended {
        step,
        result,
        seconds: began.elapsed().as_secs_f64(),
        time,
    });
}
