//! What work costs, in processor time, whoever else uses the machine.

use std::{fs, time::Duration};

use anyhow::{Context, Result};

/// The kernel counts in hundredths of a second, see `proc_pid_stat(5)`.
const TICK: Duration = Duration::from_millis(10);

/// How long the processors have worked for a process, in user and kernel mode.
pub fn used_by(process: u32) -> Result<Duration> {
    let stat = fs::read_to_string(format!("/proc/{process}/stat"))?;
    // The name, in parentheses, may hold anything; the state follows it.
    let (_, fields) = stat.rsplit_once(')').context("no name in stat")?;
    let mut fields = fields.split_ascii_whitespace().skip(11);
    let mut ticks = || -> Result<u32> { Ok(fields.next().context("no times in stat")?.parse()?) };
    Ok(TICK * (ticks()? + ticks()?))
}
