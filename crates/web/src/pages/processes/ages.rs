//! How old instances are: when each began, and when it has last done something.

use engine_runtime::processes::Summary;
use engine_store::{Clock, ReadError, ReadStream, SystemClock, Timestamp};
use engine_types::StreamName;

use super::{SHOWN, Which};
use crate::{Web, api::Problem};

/// How many instances are looked at for those that have been quiet for long.
const LOOKED_AT: usize = 500;

/// For how long an instance may be asked to have been quiet: the word of it, how it is shown, and milliseconds.
pub(super) const QUIET: [(&str, &str, u64); 4] = [
    ("1m", "1 minute", 60_000),
    ("10m", "10 minutes", 600_000),
    ("1h", "1 hour", 3_600_000),
    ("1d", "1 day", 86_400_000),
];

/// An instance, when it began, and when it has last done something; both are absent where nothing is stored of it yet.
pub(super) struct Aged {
    pub(super) summary: Summary,
    pub(super) began: Option<Timestamp>,
    pub(super) last: Option<Timestamp>,
}

/// A page of instances that were quiet for so long, and where the next page begins.
pub(super) async fn page(
    web: &Web,
    process: &str,
    which: &Which,
) -> Result<(Vec<Aged>, Option<String>), Problem> {
    let quiet_ms = QUIET.iter().find(|(word, ..)| *word == which.quiet).map_or(0, |(.., ms)| *ms);
    let (now, state) = (SystemClock.now(), Which::some(&which.state));
    let mut after = Which::some(&which.after).map(str::to_owned);
    let (mut found, mut looked_at) = (Vec::new(), 0);
    loop {
        let page = web.bus().processes().list(process, state, after.as_deref(), SHOWN - found.len()).await?;
        for summary in page.instances {
            looked_at += 1;
            let (began, last) = times(web, process, &summary.id).await?;
            let is_quiet = last.is_none_or(|last| now.since(last).as_millis() >= u128::from(quiet_ms));
            if is_quiet {
                found.push(Aged { summary, began, last });
            }
        }
        match page.next {
            Some(next) if found.len() < SHOWN && looked_at < LOOKED_AT => after = Some(next),
            next => return Ok((found, next)),
        }
    }
}

async fn times(
    web: &Web,
    process: &str,
    id: &str,
) -> Result<(Option<Timestamp>, Option<Timestamp>), Problem> {
    let stream = StreamName::of_instance(process, id)?;
    let (first, last) = (ReadStream::forwards(stream.clone()), ReadStream::backwards(stream));
    Ok((time(web, first).await?, time(web, last).await?))
}

/// When the first event of a page was stored.
async fn time(web: &Web, request: ReadStream) -> Result<Option<Timestamp>, Problem> {
    match web.store().read_stream(request.limit(1)).await {
        Ok(page) => Ok(page.events.first().map(|event| event.created)),
        Err(ReadError::StreamNotFound { .. } | ReadError::StreamDeleted { .. }) => Ok(None),
        Err(error) => Err(error.into()),
    }
}
