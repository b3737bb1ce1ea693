//! Names that crates.io gives to nobody.

/// Every reserved name: crates of the compiler, and names of devices on Windows. From the migrations
/// 20170305095748, 20170430202433 and 2021-02-10-141019 of crates.io, as they stand at
/// commit 57fa0006 of 2026-08-21. `-` and `_` count as one character, and case does not count.
pub const RESERVED_NAMES: [&str; 62] = [
    "alloc",
    "arena",
    "ast",
    "builtins",
    "collections",
    "compiler-builtins",
    "compiler-rt",
    "compiletest",
    "core",
    "coretest",
    "debug",
    "driver",
    "flate",
    "fmt_macros",
    "grammar",
    "graphviz",
    "macro",
    "macros",
    "proc_macro",
    "rbml",
    "rust-installer",
    "rustbook",
    "rustc",
    "rustc_back",
    "rustc_borrowck",
    "rustc_driver",
    "rustc_llvm",
    "rustc_resolve",
    "rustc_trans",
    "rustc_typeck",
    "rustdoc",
    "rustllvm",
    "rustuv",
    "serialize",
    "std",
    "syntax",
    "test",
    "unicode",
    "nul",
    "con",
    "prn",
    "aux",
    "com0",
    "com1",
    "com2",
    "com3",
    "com4",
    "com5",
    "com6",
    "com7",
    "com8",
    "com9",
    "lpt0",
    "lpt1",
    "lpt2",
    "lpt3",
    "lpt4",
    "lpt5",
    "lpt6",
    "lpt7",
    "lpt8",
    "lpt9",
];

/// Returns whether crates.io keeps this name to itself.
pub fn is_reserved(name: &str) -> bool {
    RESERVED_NAMES
        .iter()
        .any(|reserved| canonical(reserved) == canonical(name))
}

/// Returns the form in which crates.io compares names.
pub(crate) fn canonical(name: &str) -> String {
    name.to_lowercase().replace('-', "_")
}
