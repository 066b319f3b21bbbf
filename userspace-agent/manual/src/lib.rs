// SPDX-License-Identifier: GPL-2.0 OR MIT

//! The manual page of a tool: what clap knows, then what it does not.

use std::io::{self, Write};

use clap::Command;
use clap_mangen::Man;

/// The page `TITLE.8` of a command in roff; `rest` are the sections that are not about the
/// command line.
///
/// # Errors
///
/// None but what writing into memory can bring.
pub fn page(mut command: Command, title: &str, rest: &str) -> io::Result<Vec<u8>> {
    command.build();
    let mut page = Vec::new();
    writeln!(page, ".\\\" SPDX-License-Identifier: GPL-2.0 OR MIT")?;
    let man = Man::new(command.clone())
        .section("8")
        .title(title)
        .date("2026-11-25")
        .source(concat!("switchyard ", env!("CARGO_PKG_VERSION")))
        .manual("Switchyard");
    man.render_title(&mut page)?;
    man.render_name_section(&mut page)?;
    man.render_synopsis_section(&mut page)?;
    man.render_description_section(&mut page)?;
    man.render_options_section(&mut page)?;
    writeln!(page, ".SH COMMANDS")?;
    for sub in command.get_subcommands() {
        render(&mut page, sub, "")?;
    }
    page.write_all(rest.as_bytes())?;
    Ok(page)
}

/// A command without subcommands as a section of its own; the others' parts.
fn render(page: &mut Vec<u8>, command: &Command, before: &str) -> io::Result<()> {
    let name = format!("{before}{}", command.get_name());
    if command.get_name() == "help" {
        return Ok(());
    }
    if command.has_subcommands() {
        for sub in command.get_subcommands() {
            render(page, sub, &format!("{name} "))?;
        }
        return Ok(());
    }
    let mut synopsis = format!("\\fB{}\\fR", escape(&name));
    for argument in command.get_arguments() {
        if argument.is_global_set() || argument.get_id() == "help" {
            continue;
        }
        synopsis.push(' ');
        synopsis.push_str(&usage(argument));
    }
    writeln!(page, ".TP\n{synopsis}")?;
    if let Some(about) = command.get_about() {
        writeln!(page, "{}.", escape(&about.to_string()))?;
    }
    let mut options = command
        .get_arguments()
        .filter(|a| !a.is_global_set() && a.get_id() != "help")
        .peekable();
    if options.peek().is_some() {
        writeln!(page, ".RS")?;
        for argument in options {
            let help = argument.get_long_help().or_else(|| argument.get_help());
            let help = help.map(ToString::to_string).unwrap_or_default();
            writeln!(
                page,
                ".TP\n{}\n{}.",
                usage(argument).trim_matches(['[', ']']),
                escape(help.trim_end_matches('.'))
            )?;
        }
        writeln!(page, ".RE")?;
    }
    Ok(())
}

/// An argument as a synopsis shows it.
fn usage(argument: &clap::Arg) -> String {
    let names: Vec<String> = argument
        .get_value_names()
        .unwrap_or_default()
        .iter()
        .map(|name| format!("\\fI{}\\fR", escape(name)))
        .collect();
    let values = if argument.get_action().takes_values() {
        names.join(" ")
    } else {
        String::new()
    };
    let text = match argument.get_long() {
        Some(long) if values.is_empty() => format!("\\fB{}\\fR", escape(&format!("--{long}"))),
        Some(long) => format!("\\fB{}\\fR {values}", escape(&format!("--{long}"))),
        None => values,
    };
    if argument.is_required_set() {
        text
    } else {
        format!("[{text}]")
    }
}

/// An example of a configuration as a page shows it; its first lines, which are about itself, are
/// left out.
#[must_use]
pub fn example(file: &str) -> String {
    let (_, text) = file.split_once("\n\n").unwrap_or(("", file));
    escape(text.trim())
}

/// Text for roff: hyphens that can be copied, and no line that is a request.
fn escape(text: &str) -> String {
    text.replace('\\', "\\e").replace('-', "\\-")
}
