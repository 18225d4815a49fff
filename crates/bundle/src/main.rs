//! The `engine` program: the command line over the bundled examples. Yours is as short.

fn main() -> std::process::ExitCode {
    engine_cli::run([bank::app(), conference::app()])
}
