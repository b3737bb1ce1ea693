//! The memory of a process and all it starts, read from `/proc` while it runs.

use std::collections::BTreeMap;

/// Resident memory at its highest, KiB.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Peak {
    /// Of the process itself.
    pub(crate) own: u64,
    /// Of all the tool's processes together but for compilers and linkers, which
    /// take the same in every tool.
    pub(crate) tools: u64,
}

impl Peak {
    /// Takes in how things stand now.
    pub(crate) fn look(&mut self, root: u32) {
        let processes = processes();
        self.own = self.own.max(processes.get(&root).map_or(0, |p| p.resident));
        let together = processes
            .iter()
            .filter(|(id, process)| {
                belongs(&processes, **id, root) && !COMPILERS.contains(&process.name.as_str())
            })
            .map(|(_, process)| process.resident)
            .sum();
        self.tools = self.tools.max(together);
    }
}

const COMPILERS: [&str; 6] = ["rustc", "cc", "ld", "ld.lld", "rust-lld", "collect2"];

struct Process {
    parent: u32,
    name: String,
    resident: u64,
}

fn belongs(processes: &BTreeMap<u32, Process>, id: u32, root: u32) -> bool {
    let mut id = id;
    // A process cannot have more ancestors than there are processes.
    for _ in 0..processes.len() {
        if id == root {
            return true;
        }
        match processes.get(&id) {
            Some(process) => id = process.parent,
            None => return false,
        }
    }
    false
}

fn processes() -> BTreeMap<u32, Process> {
    let mut found = BTreeMap::new();
    let Ok(entries) = std::fs::read_dir("/proc") else {
        return found;
    };
    for entry in entries.flatten() {
        let Some(id) = entry.file_name().to_str().and_then(|n| n.parse().ok()) else {
            continue;
        };
        let Ok(status) = std::fs::read_to_string(entry.path().join("status")) else {
            continue;
        };
        let field = |name: &str| {
            let line = status.lines().find_map(|line| line.strip_prefix(name))?;
            line.split_whitespace().next().map(str::to_owned)
        };
        let number = |name: &str| field(name).and_then(|text| text.parse().ok());
        let process = Process {
            parent: number("PPid:").unwrap_or(0) as u32,
            name: field("Name:").unwrap_or_default(),
            resident: number("VmRSS:").unwrap_or(0u64),
        };
        found.insert(id, process);
    }
    found
}
