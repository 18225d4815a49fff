//! What all files of a store begin with.

use std::path::Path;

use super::VERSION;
use crate::{error::OpenError, units::le};

/// A header of 64 bytes, as every file of the store begins with: the magic word, the version, content, and
/// a checksum. Word, version and checksum stay where they are in every version to come.
pub(crate) fn header(magic: [u8; 8], version: u32) -> [u8; 64] {
    let mut bytes = [0; 64];
    bytes[..8].copy_from_slice(&magic);
    bytes[8..12].copy_from_slice(&version.to_le_bytes());
    bytes
}

/// Writes the checksum into a header.
pub(crate) fn seal_header(mut bytes: [u8; 64]) -> [u8; 64] {
    let checksum = crc32c::crc32c(&bytes[..60]);
    bytes[60..].copy_from_slice(&checksum.to_le_bytes());
    bytes
}

/// Checks a header, in the order in which the answers help: is it ours, is it whole, can we read it. Versions up to
/// `newest` can be read.
pub(crate) fn check_header(bytes: &[u8], magic: [u8; 8], newest: u32, file: &Path) -> Result<(), OpenError> {
    let corrupt =
        |fault: &str| Err(OpenError::Corrupt { file: file.to_owned(), offset: 0, fault: fault.to_owned() });
    if bytes.len() < 64 {
        return corrupt("the header is cut off");
    }
    if crc32c::crc32c(&bytes[..60]) != le!(u32, bytes, 60) {
        return corrupt("the checksum of the header does not fit");
    }
    if bytes[..8] != magic {
        return corrupt("this is a file of another kind");
    }
    match le!(u32, bytes, 8) {
        found if (VERSION..=newest).contains(&found) => Ok(()),
        found => Err(OpenError::WrongVersion { file: file.to_owned(), found, supported: newest }),
    }
}
