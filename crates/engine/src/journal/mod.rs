//! The journal: intent is written down before the effect, the result after it.
//!
//! JSON Lines, each record on the disk before anything follows from it, one
//! file per target, and one writer per checkout: a lock that the kernel gives
//! back when its holder dies, however it dies. The first record is the plan
//! itself with its digest, so that a resumed run obeys the very plan that was
//! begun. A last line without its newline was cut by a kill; it is dropped,
//! for what it spoke of had not yet been acted on.

mod error;
mod lock;
mod record;

pub use error::JournalError;
pub use lock::Lock;
pub use record::Record;

use std::fs::{File, OpenOptions};
use std::io::{Read, Seek, SeekFrom, Write};

use camino::{Utf8Path, Utf8PathBuf};
use jiff::Timestamp;
use stagegate_config::stage::Stage;
use stagegate_deploy::{FrontendStep, ServiceStep};
use stagegate_plan::model::{
    Action, DeployBundle, DeployService, Event, IllegalTransition, Phase, Plan, RunId, RunState,
    Step, StepStatus,
};

/// Told of every record, before and after it reaches the disk. The rehearsal's
/// crash matrix listens here; nobody else needs to.
pub type Observer = Box<dyn Fn(Moment, usize, &Record) + Send + Sync>;

/// When an [`Observer`] is told.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Moment {
    /// The record is about to be written.
    Before,
    /// The record is on the disk.
    After,
}

/// An open journal.
pub struct Journal {
    path: Utf8PathBuf,
    file: File,
    records: usize,
    state: RunState,
    observer: Option<Observer>,
    _lock: Lock,
}

impl Journal {
    /// Returns where the journal of a target lies while it is open.
    pub fn path_of(state: &Utf8Path, id: &RunId) -> Utf8PathBuf {
        state.join(format!("{id}.jsonl"))
    }

    /// Begins the journal of a plan.
    pub fn begin(
        state: &Utf8Path,
        plan: &Plan,
        observer: Option<Observer>,
    ) -> Result<Journal, JournalError> {
        let lock = Lock::take(state)?;
        let path = Journal::path_of(state, &plan.run_id);
        Journal::refuse_begun(state, &plan.run_id)?;
        if read(&path)?.is_some() {
            set_aside(&path)?;
        }
        let file = open(&path)?;
        let mut journal = Journal {
            path,
            file,
            records: 0,
            state: RunState::default(),
            observer,
            _lock: lock,
        };
        journal.append(&Record::Plan {
            at: plan.at,
            digest: plan.digest(),
            plan: Box::new(plan.clone()),
        })?;
        sync_directory(state);
        Ok(journal)
    }

    /// Goes on with the journal of a target, and gives the plan it is of.
    pub fn resume(
        state: &Utf8Path,
        id: &RunId,
        observer: Option<Observer>,
    ) -> Result<(Plan, Journal), JournalError> {
        let lock = Lock::take(state)?;
        let path = Journal::path_of(state, id);
        let Some((plan, known)) = read(&path)? else {
            return Err(JournalError::Nothing {
                id: id.clone(),
                path,
            });
        };
        let mut file = open(&path)?;
        let io = |source| JournalError::Io {
            path: path.clone(),
            verb: "written",
            source,
        };
        file.set_len(known.length).map_err(io)?;
        file.seek(SeekFrom::End(0)).map_err(io)?;
        let Known {
            records, mut state, ..
        } = known;
        // What an earlier run has begun may begin again in this one.
        begin_anew(&mut state);
        Ok((
            plan,
            Journal {
                path,
                file,
                records,
                state,
                observer,
                _lock: lock,
            },
        ))
    }

    /// Returns the runs that are begun and not completed in this checkout.
    pub fn open_runs(state: &Utf8Path) -> Vec<RunId> {
        let Ok(entries) = std::fs::read_dir(state) else {
            return Vec::new();
        };
        let names = entries.filter_map(|e| e.ok()?.file_name().into_string().ok());
        let mut targets: Vec<_> = names
            .filter_map(|n| n.strip_suffix(".jsonl")?.parse().ok())
            // A kill before the plan was on the disk leaves a file that says nothing.
            .filter(|id| !matches!(read(&Journal::path_of(state, id)), Ok(None)))
            .collect();
        targets.sort();
        targets
    }

    /// Returns the plan of a target that is begun, if it is.
    pub fn plan_of(state: &Utf8Path, id: &RunId) -> Result<Option<Plan>, JournalError> {
        let known = read(&Journal::path_of(state, id))?;
        Ok(known.map(|(plan, _)| plan))
    }

    /// Returns the plan that a journal is of, and what its records come to, wherever it lies.
    pub fn look_at(path: &Utf8Path) -> Result<Option<(Plan, RunState)>, JournalError> {
        Ok(read(path)?.map(|(plan, known)| (plan, known.state)))
    }

    /// Moves a journal out of the way; it is kept under another name, which is returned.
    pub fn set_aside_file(path: &Utf8Path) -> Result<Utf8PathBuf, JournalError> {
        set_aside(path)
    }

    /// Returns an error where a target is begun in a way that somebody could see: it can only be
    /// gone on with.
    pub fn refuse_begun(state: &Utf8Path, id: &RunId) -> Result<(), JournalError> {
        let path = Journal::path_of(state, id);
        match read(&path)? {
            Some((plan, known)) if !known.left_no_trace(&plan) => Err(JournalError::Begun {
                id: id.clone(),
                done: known.done(&plan),
                steps: plan.steps.len(),
                path,
            }),
            _ => Ok(()),
        }
    }

    /// Returns whether a target is begun in a way that somebody could see: then it can only be gone
    /// on with. Otherwise it may just as well be begun anew.
    pub fn left_a_trace(state: &Utf8Path, id: &RunId) -> bool {
        match read(&Journal::path_of(state, id)) {
            Ok(Some((plan, known))) => !known.left_no_trace(&plan),
            Ok(None) => false,
            // Nothing is known of what a damaged journal was about.
            Err(_) => true,
        }
    }

    /// Returns what the records come to.
    pub fn state(&self) -> &RunState {
        &self.state
    }

    /// Returns whether a step of the plan is known to be done.
    pub fn is_done(&self, step: &str) -> bool {
        self.state.evidence(Phase::Forward, step).is_some()
    }

    /// Returns whether any step was ever begun.
    pub fn has_begun(&self, plan: &Plan) -> bool {
        let begun = |step: &Step| self.state.was_started(Phase::Forward, &step.id);
        plan.steps.iter().any(begun)
    }

    /// Writes one record, and returns when it is on the disk.
    pub fn append(&mut self, record: &Record) -> Result<(), JournalError> {
        if let Some(event) = record.event() {
            self.state
                .apply(&event)
                .map_err(|cause| JournalError::Illegal {
                    path: self.path.clone(),
                    cause,
                })?;
        }
        if let Some(observer) = &self.observer {
            observer(Moment::Before, self.records + 1, record);
        }
        let mut line = serde_json::to_vec(record).expect("a record is plain data");
        line.push(b'\n');
        self.file
            .write_all(&line)
            .and_then(|()| self.file.sync_data())
            .map_err(|source| JournalError::Io {
                path: self.path.clone(),
                verb: "written",
                source,
            })?;
        self.records += 1;
        if let Some(observer) = &self.observer {
            observer(Moment::After, self.records, record);
        }
        Ok(())
    }

    /// Closes the journal of a completed plan: it is kept, and no longer open.
    pub fn complete(self) -> Result<(), JournalError> {
        let at = Timestamp::now();
        self.close(&Record::Completed { at })
    }

    /// Closes the journal of a deploy that was undone on every host.
    pub fn close_rolled_back(self) -> Result<(), JournalError> {
        let at = Timestamp::now();
        self.close(&Record::RolledBack { at })
    }

    /// Closes the journal of a run that somebody gives up; returns where it is kept.
    pub fn abandon(mut self) -> Result<Utf8PathBuf, JournalError> {
        let at = Timestamp::now();
        self.append(&Record::Abandoned { at })?;
        set_aside(&self.path)
    }

    fn close(mut self, last: &Record) -> Result<(), JournalError> {
        self.append(last)?;
        rename(&self.path, &self.path.with_extension("done"))
    }
}

struct Known {
    records: usize,
    length: u64,
    state: RunState,
}

impl Known {
    /// Returns how many steps are done.
    fn done(&self, plan: &Plan) -> usize {
        let done = |step: &&Step| self.state.evidence(Phase::Forward, &step.id).is_some();
        plan.steps.iter().filter(done).count()
    }

    /// Tells whether nobody could see that it was begun: gates, and what is prepared apart,
    /// leave everything as it was; so does a release on a host that failed before users were
    /// to meet it, for what it had begun there has ended with it.
    fn left_no_trace(&self, plan: &Plan) -> bool {
        let begun = |step: &&Step| self.state.was_started(Phase::Forward, &step.id);
        let status = |step: &Step| self.state.status(Phase::Forward, &step.id);
        let failed = plan
            .steps
            .iter()
            .any(|step| status(step) == Some(StepStatus::Failed));
        let is_over = |step: &Step| failed && status(step) != Some(StepStatus::Running);
        plan.steps
            .iter()
            .filter(begun)
            .all(|step| step.stage < Stage::Commit || (is_unseen(step) && is_over(step)))
    }
}

/// Tells whether a step brings a service to a host that leads no user to it.
fn is_unseen(step: &Step) -> bool {
    match &step.action {
        Action::DeployService(DeployService { step, .. }) => matches!(
            step,
            ServiceStep::Upload | ServiceStep::Start | ServiceStep::Health
        ),
        Action::DeployBundle(DeployBundle { step, .. }) => *step == FrontendStep::Upload,
        _ => false,
    }
}

/// Moves a journal that nobody needs out of the way; it is kept all the same, beside others
/// that were before it.
fn set_aside(path: &Utf8Path) -> Result<Utf8PathBuf, JournalError> {
    let more = (2..).map(|number| format!("set-aside-{number}"));
    let mut names = std::iter::once("set-aside".to_owned()).chain(more);
    let free = names.find_map(|name| {
        let kept = path.with_extension(name);
        (!kept.exists()).then_some(kept)
    });
    let kept = free.expect("some number is free");
    rename(path, &kept)?;
    Ok(kept)
}

fn rename(path: &Utf8Path, kept: &Utf8Path) -> Result<(), JournalError> {
    std::fs::rename(path, kept).map_err(|source| JournalError::Io {
        path: path.to_owned(),
        verb: "put aside",
        source,
    })
}

fn open(path: &Utf8Path) -> Result<File, JournalError> {
    OpenOptions::new()
        .create(true)
        .read(true)
        .write(true)
        .truncate(false)
        .open(path)
        .map_err(|source| JournalError::Io {
            path: path.to_owned(),
            verb: "opened",
            source,
        })
}

/// The new file's name must survive a power cut as well as its content.
fn sync_directory(state: &Utf8Path) {
    if let Ok(directory) = File::open(state) {
        let _ = directory.sync_all();
    }
}

/// Reads a journal; `None` where there is none, or only a cut first line.
fn read(path: &Utf8Path) -> Result<Option<(Plan, Known)>, JournalError> {
    let mut text = String::new();
    match File::open(path) {
        Ok(mut file) => {
            file.read_to_string(&mut text)
                .map_err(|source| JournalError::Io {
                    path: path.to_owned(),
                    verb: "read",
                    source,
                })?;
        }
        Err(e) if e.kind() == std::io::ErrorKind::NotFound => return Ok(None),
        Err(source) => {
            return Err(JournalError::Io {
                path: path.to_owned(),
                verb: "read",
                source,
            });
        }
    }
    let whole = text.rfind('\n').map_or(0, |end| end + 1);
    let mut known = Known {
        records: 0,
        length: whole as u64,
        state: RunState::default(),
    };
    let mut plan = None;
    for (index, line) in text[..whole].lines().enumerate() {
        let damaged = |cause: String| JournalError::Damaged {
            path: path.to_owned(),
            line: index + 1,
            cause,
        };
        let record: Record = serde_json::from_str(line).map_err(|e| damaged(e.to_string()))?;
        known.records += 1;
        if let Record::Plan {
            digest,
            plan: written,
            ..
        } = &record
        {
            if written.digest() != *digest {
                return Err(damaged("the plan does not match its digest".to_owned()));
            }
            plan = Some((**written).clone());
        }
        take_in(&mut known.state, &record).map_err(|cause| damaged(cause.to_string()))?;
    }
    Ok(plan.map(|plan| (plan, known)))
}

/// Folds one record. A journal holds several runs of one plan, and nothing says where
/// one ends: a step that begins again, or a second rollback, begins another run.
fn take_in(state: &mut RunState, record: &Record) -> Result<(), IllegalTransition> {
    let Some(event) = record.event() else {
        return Ok(());
    };
    if matches!(record, Record::RollbackStarted { .. }) && state.rollback.is_some() {
        begin_anew(state);
    }
    match state.apply(&event) {
        Err(IllegalTransition::BeganTwice(_)) => {
            let rollback = state.rollback.take();
            begin_anew(state);
            if matches!(record, Record::UndoStarted { .. }) {
                state.rollback = rollback;
            }
            state.apply(&event)
        }
        other => other,
    }
}

/// Marks the beginning of another run of the same plan.
fn begin_anew(state: &mut RunState) {
    if let Some(plan) = state.plan.clone() {
        let again = Event::RunStarted {
            plan,
            done_before: 0,
        };
        state
            .apply(&again)
            .expect("a run may be started at any time");
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn plan(version: &str) -> Plan {
        let action = Action::CustomCommand(stagegate_plan::model::CustomCommand {
            run: vec!["true".to_owned()],
            probe: None,
            pass_env: Vec::new(),
            env: Vec::new(),
        });
        Plan {
            cli_args: version.to_owned(),
            title: format!("release {version}"),
            steps: vec![Step::new("tag", Stage::Tag, "tag", action)],
            ..Plan::new(
                RunId::new(stagegate_plan::model::Verb::Release, version),
                version.parse().unwrap(),
                Timestamp::UNIX_EPOCH,
            )
        }
    }

    fn id(text: &str) -> RunId {
        text.parse().unwrap()
    }

    fn directory() -> (tempfile::TempDir, Utf8PathBuf) {
        let directory = tempfile::tempdir().unwrap();
        let path = Utf8PathBuf::from_path_buf(directory.path().to_owned()).unwrap();
        (directory, path)
    }

    fn started(step: &str) -> Record {
        Record::Started {
            at: Timestamp::UNIX_EPOCH,
            step: step.to_owned(),
        }
    }

    fn done(step: &str) -> Record {
        Record::Done {
            at: Timestamp::UNIX_EPOCH,
            step: step.to_owned(),
            evidence: "seen".to_owned(),
        }
    }

    #[test]
    fn what_was_done_is_known_after_a_restart() {
        let (_keep, state) = directory();
        let mut journal = Journal::begin(&state, &plan("1.0.0"), None).unwrap();
        journal.append(&started("tag")).unwrap();
        journal.append(&done("tag")).unwrap();
        drop(journal);
        let (known, journal) = Journal::resume(&state, &id("release-1.0.0"), None).unwrap();
        assert_eq!(known, plan("1.0.0"));
        assert_eq!(
            journal.state().evidence(Phase::Forward, "tag"),
            Some("seen")
        );
        assert!(journal.is_done("tag"));
        assert_eq!(Journal::open_runs(&state), [id("release-1.0.0")]);
        journal.complete().unwrap();
        assert!(Journal::open_runs(&state).is_empty());
    }

    #[test]
    fn a_record_cut_at_any_byte_is_dropped_and_no_other_is_lost() {
        let (_keep, state) = directory();
        let mut journal = Journal::begin(&state, &plan("1.0.0"), None).unwrap();
        journal.append(&started("tag")).unwrap();
        journal.append(&done("tag")).unwrap();
        drop(journal);
        let path = Journal::path_of(&state, &id("release-1.0.0"));
        let whole = std::fs::read(&path).unwrap();
        let mut ends = whole.iter().enumerate().filter(|(_, b)| **b == b'\n');
        let first = ends.next().unwrap().0 + 1;
        let second = ends.next().unwrap().0 + 1;
        for cut in first..whole.len() {
            std::fs::write(&path, &whole[..cut]).unwrap();
            let (_, mut journal) = Journal::resume(&state, &id("release-1.0.0"), None).unwrap();
            assert!(!journal.is_done("tag"), "cut at {cut}");
            if cut < second {
                journal.append(&started("tag")).unwrap();
            }
            journal.append(&done("tag")).unwrap();
            drop(journal);
            assert_eq!(std::fs::read(&path).unwrap(), whole, "cut at {cut}");
        }
    }

    #[test]
    fn a_journal_without_its_plan_is_not_begun() {
        let (_keep, state) = directory();
        for text in ["", "{\"record\":\"pl"] {
            std::fs::write(Journal::path_of(&state, &id("release-1.0.0")), text).unwrap();
            assert!(Journal::open_runs(&state).is_empty(), "{text:?}");
        }
        drop(Journal::begin(&state, &plan("1.0.0"), None).unwrap());
        assert_eq!(Journal::open_runs(&state), [id("release-1.0.0")]);
        std::fs::write(Journal::path_of(&state, &id("release-2.0.0")), "nonsense\n").unwrap();
        assert_eq!(
            Journal::open_runs(&state).len(),
            2,
            "a damaged one is not passed over"
        );
    }

    #[test]
    fn only_one_may_write_and_a_begun_plan_is_not_begun_again() {
        let (_keep, state) = directory();
        let journal = Journal::begin(&state, &plan("1.0.0"), None).unwrap();
        assert!(matches!(
            Journal::begin(&state, &plan("2.0.0"), None),
            Err(JournalError::Locked { .. })
        ));
        drop(journal);
        assert!(!Journal::left_a_trace(&state, &id("release-1.0.0")));
        let mut journal = Journal::begin(&state, &plan("1.0.0"), None).unwrap();
        journal.append(&started("tag")).unwrap();
        drop(journal);
        assert!(Journal::left_a_trace(&state, &id("release-1.0.0")));
        let again = Journal::begin(&state, &plan("1.0.0"), None);
        assert!(matches!(again, Err(JournalError::Begun { .. })));
        assert!(matches!(
            Journal::resume(&state, &id("release-3.0.0"), None),
            Err(JournalError::Nothing { .. })
        ));
    }

    #[test]
    fn a_changed_plan_or_a_strange_line_is_not_obeyed() {
        let (_keep, state) = directory();
        drop(Journal::begin(&state, &plan("1.0.0"), None).unwrap());
        let path = Journal::path_of(&state, &id("release-1.0.0"));
        let text = std::fs::read_to_string(&path).unwrap();
        std::fs::write(&path, text.replace("\"tag\"", "\"rag\"")).unwrap();
        let error = Journal::resume(&state, &id("release-1.0.0"), None)
            .map(drop)
            .unwrap_err()
            .to_string();
        assert!(error.contains("release-1.0.0.jsonl:1"), "{error}");
        std::fs::write(&path, format!("{text}nonsense\n")).unwrap();
        let error = Journal::resume(&state, &id("release-1.0.0"), None)
            .map(drop)
            .unwrap_err()
            .to_string();
        assert!(error.contains("release-1.0.0.jsonl:2"), "{error}");
    }
}
