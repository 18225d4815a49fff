//! Panics of a user's code, as text.

use std::{any::Any, panic::AssertUnwindSafe};

/// What a panic said.
pub(crate) fn message(panic: &(dyn Any + Send)) -> String {
    panic
        .downcast_ref::<&str>()
        .map(ToString::to_string)
        .or_else(|| panic.downcast_ref::<String>().cloned())
        .unwrap_or_else(|| "without a message".to_owned())
}

/// Runs code of the domain; a panic becomes a message.
pub(crate) fn guarded<T>(what: &str, run: impl FnOnce() -> T) -> Result<T, String> {
    std::panic::catch_unwind(AssertUnwindSafe(run))
        .map_err(|panic| format!("`{what}` panicked: {}", message(&*panic)))
}
