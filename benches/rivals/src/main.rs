//! The embedded log beside fjall, redb and SQLite, doing the same work in the same run on the same disk.
//!
//! `cargo run --release --manifest-path benches/rivals/Cargo.toml -- --help` says what can be measured.

mod event;
mod latency;
mod size;
mod stores;
mod work;

use std::path::PathBuf;

use clap::{Parser, Subcommand};

// All of them run on the same allocator, that of the `engine` program.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

#[derive(Parser)]
#[command(about = "The embedded log beside fjall, redb and SQLite")]
struct Arguments {
    /// Where the stores are made: a directory on the disk that is measured
    #[arg(long, global = true, default_value = "target")]
    dir: PathBuf,
    /// A tenth of the work
    #[arg(long, global = true)]
    short: bool,
    #[command(subcommand)]
    what: What,
}

#[derive(Subcommand)]
enum What {
    /// Appends, scans and stream reads of all four, with ratios
    Rivals,
    /// How long an append takes when they come at a fixed rate, whatever the store does
    Latency {
        /// Appends per second
        #[arg(long, value_delimiter = ',', default_value = "500,2000,10000")]
        rates: Vec<u64>,
        /// How long each rate is held
        #[arg(long, default_value_t = 20)]
        seconds: u64,
    },
    /// The figures of the log with few events and with many
    Size {
        /// How many events: 20,000,000 take some 10 GB
        #[arg(long, value_delimiter = ',', default_value = "10000,20000000")]
        events: Vec<u64>,
    },
}

fn main() -> anyhow::Result<()> {
    let arguments = Arguments::parse();
    std::fs::create_dir_all(&arguments.dir)?;
    let folder = tempfile::tempdir_in(&arguments.dir)?;
    let share = if arguments.short { 10 } else { 1 };
    match arguments.what {
        What::Rivals => work::run(folder.path(), share),
        What::Latency { rates, seconds } => latency::run(folder.path(), &rates, seconds.div_ceil(share)),
        What::Size { events } => size::run(folder.path(), &events, share),
    }
}
