//! The `engine` program: the command line over the bundled examples. Yours is as short.

/// A program chooses its allocator; the libraries leave it to you. This one is faster than most systems' own at
/// what the engine does all the time: small pieces that one thread makes and another gives back.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> std::process::ExitCode {
    engine_cli::run([bank::app(), conference::app()])
}
