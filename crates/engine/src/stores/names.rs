//! The names of stores and of processes: what may be shown of them, and what is taken out of them.

use std::time::Duration;

use super::DEFAULT_LEASE;

/// What operators call this process: the machine and the number of the process.
pub(super) fn node_name() -> String {
    let machine = std::fs::read_to_string("/proc/sys/kernel/hostname").unwrap_or_default();
    let machine = Some(machine.trim().to_owned()).filter(|machine| !machine.is_empty());
    let machine = machine.or_else(|| std::env::var("HOSTNAME").ok()).unwrap_or_else(|| "node".to_owned());
    format!("{machine}/{}", std::process::id())
}

/// The name of a store as it may be shown: passwords are told to nobody.
pub fn shown(url: &str) -> String {
    let Some((scheme, rest)) =
        url.split_once("://").filter(|(scheme, _)| scheme.starts_with("postgres") || is_kurrent(scheme))
    else {
        return url.to_owned();
    };
    let (place, query) = rest.split_once('?').unwrap_or((rest, ""));
    let place = match place.rsplit_once('@') {
        Some((login, host)) => format!("{}@{host}", login.split_once(':').map_or(login, |(user, _)| user)),
        None => place.to_owned(),
    };
    let query: Vec<_> =
        query.split('&').filter(|part| !part.is_empty() && !part.starts_with("password=")).collect();
    if query.is_empty() {
        format!("{scheme}://{place}")
    } else {
        format!("{scheme}://{place}?{}", query.join("&"))
    }
}

/// Whether a scheme is one of KurrentDB, with or without the discovery of its cluster.
pub(super) fn is_kurrent(scheme: &str) -> bool {
    matches!(scheme.strip_suffix("+discover").unwrap_or(scheme), "kurrentdb" | "kdb" | "esdb")
}

/// Takes `lease=` out of a URL.
pub(super) fn without_lease(url: &str) -> Result<(String, Duration), String> {
    let Some((place, query)) = url.split_once('?') else { return Ok((url.to_owned(), DEFAULT_LEASE)) };
    let (ours, theirs): (Vec<_>, Vec<_>) = query.split('&').partition(|part| part.starts_with("lease="));
    let lease = match ours.last().and_then(|part| part.strip_prefix("lease=")) {
        None => DEFAULT_LEASE,
        Some(text) => seconds(text).ok_or_else(|| format!("`lease={text}` must be 1s to 600s"))?,
    };
    let url = if theirs.is_empty() { place.to_owned() } else { format!("{place}?{}", theirs.join("&")) };
    Ok((url, lease))
}

fn seconds(text: &str) -> Option<Duration> {
    let seconds = text.strip_suffix('s').unwrap_or(text).parse().ok()?;
    (1..=600).contains(&seconds).then(|| Duration::from_secs(seconds))
}

#[cfg(test)]
mod tests {
    use super::{super::StoreUrl, *};

    #[test]
    fn a_lease_is_taken_out_of_the_url() {
        let parsed = |url: &str| url.parse::<StoreUrl>();
        let url = "postgres://ann@db/bank?schema=shop";
        assert_eq!(
            parsed("postgres://ann@db/bank?lease=3s&schema=shop").ok(),
            Some(StoreUrl::Postgres(url.to_owned(), Duration::from_secs(3)))
        );
        assert_eq!(parsed(url).ok(), Some(StoreUrl::Postgres(url.to_owned(), DEFAULT_LEASE)));
        for wrong in ["0s", "x", "3h", "601"] {
            assert!(parsed(&format!("{url}&lease={wrong}")).is_err(), "{wrong}");
        }
    }

    #[test]
    fn a_password_is_not_shown() {
        assert_eq!(shown("postgres://ann:s3cret@db/bank?password=s3cret&a=b"), "postgres://ann@db/bank?a=b");
        assert_eq!(shown("file:./data"), "file:./data");
        let cluster = "esdb+discover://admin:s3cret@a:2113,b:2113?tls=false";
        assert_eq!(shown(cluster), "esdb+discover://admin@a:2113,b:2113?tls=false");
    }
}
