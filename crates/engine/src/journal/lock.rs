//! One writer per checkout, by a lock that dies with its holder.

use std::fs::{File, OpenOptions};

use camino::Utf8Path;

use crate::journal::JournalError;

/// The one who may write journals in this checkout.
#[derive(Debug)]
pub struct Lock {
    file: File,
}

impl Drop for Lock {
    /// Closing the file alone would not do: a child that another thread is just starting
    /// has it open too, until its own program runs.
    fn drop(&mut self) {
        // It is given back with the file at the latest.
        drop(self.file.unlock());
    }
}

impl Lock {
    /// Takes the checkout's lock, or says that it is taken.
    pub fn take(state: &Utf8Path) -> Result<Lock, JournalError> {
        let path = state.join("lock");
        let io = |source| JournalError::Io {
            path: path.clone(),
            verb: "locked",
            source,
        };
        std::fs::create_dir_all(state).map_err(io)?;
        let file = OpenOptions::new()
            .create(true)
            .append(true)
            .open(&path)
            .map_err(io)?;
        match file.try_lock() {
            Ok(()) => Ok(Lock { file }),
            Err(std::fs::TryLockError::WouldBlock) => Err(JournalError::Locked { lock: path }),
            Err(std::fs::TryLockError::Error(source)) => Err(io(source)),
        }
    }
}
