//! What the name of a store in a folder says behind its path: `file:PATH?compression=zstd&chain=blake3`.

use std::{fmt, path::PathBuf};

/// How the store in a folder is opened, as its name says.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct FolderOptions {
    /// Segments are compressed with zstd of this level when they are full: `compression=zstd`, or `compression=zstd:9`.
    pub compression: Option<i32>,
    /// All that is written from now on is tied into a hash chain, and `verify` asks for one: `chain=blake3`.
    pub chain: bool,
}

/// The level where none is named.
const LEVEL: i32 = 3;

/// Takes the options off a path. A `?` that belongs to the path is written `%3F`.
pub(super) fn parse(text: &str) -> Result<(PathBuf, FolderOptions), String> {
    let (path, query) = text.split_once('?').unwrap_or((text, ""));
    if path.is_empty() {
        return Err("a path must follow `file:`".to_owned());
    }
    let mut options = FolderOptions::default();
    for option in query.split('&').filter(|option| !option.is_empty()) {
        match option.split_once('=') {
            Some(("compression", "none")) => options.compression = None,
            Some(("compression", value)) => options.compression = Some(level(value)?),
            Some(("chain", "blake3")) => options.chain = true,
            Some(("chain", value)) => return Err(format!("`chain={value}` must be `chain=blake3`")),
            _ => {
                return Err(format!(
                    "`{option}` is no option of it: there are `compression=zstd` and `chain=blake3`; a `?` that \
                     belongs to the path is written `%3F`"
                ));
            }
        }
    }
    Ok((path.replace("%3F", "?").into(), options))
}

fn level(value: &str) -> Result<i32, String> {
    let fault = || format!("`compression={value}` must be `zstd`, `zstd:1` to `zstd:22`, or `none`");
    match value.strip_prefix("zstd").ok_or_else(fault)? {
        "" => Ok(LEVEL),
        level => {
            let level = level.strip_prefix(':').and_then(|level| level.parse().ok());
            level.filter(|level| (1..=22).contains(level)).ok_or_else(fault)
        }
    }
}

impl fmt::Display for FolderOptions {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut mark = '?';
        if let Some(level) = self.compression {
            write!(formatter, "{mark}compression=zstd:{level}")?;
            mark = '&';
        }
        if self.chain {
            write!(formatter, "{mark}chain=blake3")?;
        }
        Ok(())
    }
}

#[cfg(feature = "file")]
impl From<FolderOptions> for engine_log::LogOptions {
    fn from(named: FolderOptions) -> Self {
        let mut options = engine_log::LogOptions::default();
        options.compression =
            named.compression.map(|level| engine_log::Compression { level, ..Default::default() });
        options.chain = named.chain;
        options
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::{super::StoreUrl, *};

    fn file(path: &str, compression: Option<i32>, chain: bool) -> StoreUrl {
        StoreUrl::File(path.into(), FolderOptions { compression, chain })
    }

    #[test]
    fn options_follow_the_path() {
        for (url, wanted) in [
            ("file:./data", file("./data", None, false)),
            ("file:///srv/data?", file("/srv/data", None, false)),
            ("file:data?compression=zstd", file("data", Some(3), false)),
            ("file:data?chain=blake3&compression=zstd:19", file("data", Some(19), true)),
            ("file:what%3F?compression=none", file("what?", None, false)),
        ] {
            let parsed: StoreUrl = url.parse().unwrap();
            assert_eq!(parsed, wanted);
            assert_eq!(parsed.to_string().parse::<StoreUrl>().unwrap(), wanted, "{parsed}");
        }
    }

    #[test]
    fn a_wrong_option_is_told_with_those_there_are() {
        for (url, told) in [
            ("file:data?compressed", "`compression=zstd` and `chain=blake3`"),
            ("file:data?compression=lz4", "`zstd:1` to `zstd:22`"),
            ("file:data?compression=zstd:23", "`zstd:1` to `zstd:22`"),
            ("file:data?chain=md5", "`chain=blake3`"),
            ("file:?chain=blake3", "a path must follow"),
        ] {
            let fault = url.parse::<StoreUrl>().unwrap_err().to_string();
            assert!(fault.contains(told), "{fault}");
        }
    }
}
