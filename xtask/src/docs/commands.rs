//! The reference of the commands: their help, as it is printed.

use std::fmt::Write;

/// How wide the help is in a page.
const WIDTH: usize = 88;

/// Returns the page.
pub(super) fn page() -> String {
    let mut text = String::from(
        "# Commands\n\n<!-- Written by `cargo xtask docs`; change the help of the commands. -->\n\n\
         Every command prints this help with `--help`. Each also takes `--config FILE`, to overlay\n\
         a file on `stagegate.toml`, and `--format human|json|github`, to choose what is printed.\n",
    );
    let mut command = stagegate::command_line()
        .bin_name("cargo xtask")
        .term_width(WIDTH)
        .max_term_width(WIDTH)
        // They are the same everywhere, and said once.
        .mut_args(|arg| match arg.get_id().as_str() {
            "config" | "format" => arg.hide(true),
            _ => arg,
        })
        .disable_help_flag(true)
        .disable_help_subcommand(true);
    command.build();
    for subcommand in command.get_subcommands_mut() {
        section(subcommand, 2, &mut text);
    }
    text
}

fn section(command: &mut clap::Command, depth: usize, text: &mut String) {
    let name = command.get_bin_name().unwrap_or_default();
    let name = name.strip_prefix("cargo xtask ").unwrap_or(name).to_owned();
    let help = command.render_long_help().to_string();
    let lines: Vec<&str> = help.trim_end().lines().map(str::trim_end).collect();
    let _ = writeln!(
        text,
        "\n{} {name}\n\n```text\n{}\n```",
        "#".repeat(depth),
        lines.join("\n")
    );
    for subcommand in command.get_subcommands_mut() {
        section(subcommand, depth + 1, text);
    }
}
