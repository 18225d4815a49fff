//! What clap has to say, in the words of this program.

use crate::failure::Failure;

/// What clap has to say, as a failure: the fault as its message, the usage as advice.
pub(crate) fn fault(error: &clap::Error) -> Failure {
    let text = rendered(&error.render());
    let text = text.trim_start_matches("error: ");
    let (fault, rest) = text.split_once("\n\n").unwrap_or((text, ""));
    let fault: Vec<_> = fault.lines().map(str::trim).filter(|line| !line.is_empty()).collect();
    let failure = Failure::usage(fault.join(" "));
    let advice = rest.lines().map(str::trim).filter(|line| !line.is_empty() && !line.starts_with("For more"));
    let mut advice: Vec<_> = advice.map(|line| format!("  {line}")).collect();
    if error.kind() == clap::error::ErrorKind::InvalidSubcommand {
        advice.push("  `--help` lists the commands".to_owned());
    }
    if advice.is_empty() { failure } else { failure.advising(format!("\n{}", advice.join("\n"))) }
}

/// A text of clap's, which leaves a gap where a program's name would stand.
pub(crate) fn rendered(text: &clap::builder::StyledStr) -> String {
    text.to_string().replace("Usage:  ", "Usage: ")
}
