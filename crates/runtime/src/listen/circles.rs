//! Who waits for whom. A handler may send commands that count as done only when others have handled their events; it
//! must never wait for itself, not by way of others either. Pure.

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use engine_types::{Consistency, command::nearest};

/// What listens, whether others wait for it, and whom it waits for itself.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Waits<'a> {
    pub(crate) name: &'a str,
    /// Whether strong consistency waits for it.
    pub(crate) is_strong: bool,
    /// The consistency of the commands that it sends.
    pub(crate) sends: &'a Consistency,
}

/// Names that nobody has, and circles: each is told once.
pub(crate) fn faults(all: &[Waits<'_>]) -> Vec<String> {
    let graph: BTreeMap<_, _> = all.iter().map(|waits| (waits.name, waited_for(waits, all))).collect();
    let unknown = |name: &str| !graph.contains_key(name);
    let mut faults = Vec::new();
    for (waiting, names) in &graph {
        for name in names.iter().filter(|name| unknown(name)) {
            let hint = nearest(name, graph.keys().copied());
            let hint = hint.map_or_else(String::new, |near| format!("; did you mean `{near}`?"));
            faults.push(format!("`{waiting}` waits for `{name}`, which is no handler{hint}"));
        }
        if let Some(way) = circle(waiting, &graph)
            && way.iter().min() == Some(waiting)
        {
            let steps: Vec<_> =
                way.windows(2).map(|step| format!("`{}` waits for `{}`", step[0], step[1])).collect();
            faults.push(format!(
                "`{waiting}` would wait for itself ({}): choose another consistency for the commands that it `sends`",
                steps.join(", ")
            ));
        }
    }
    faults
}

fn waited_for<'a>(waits: &Waits<'a>, all: &[Waits<'a>]) -> Vec<&'a str> {
    match waits.sends {
        Consistency::Eventual => Vec::new(),
        Consistency::Strong => all.iter().filter(|other| other.is_strong).map(|other| other.name).collect(),
        Consistency::Handlers(names) => names.iter().map(String::as_str).collect(),
    }
}

/// The shortest way from a handler back to itself, with both ends.
fn circle<'a>(from: &'a str, graph: &BTreeMap<&'a str, Vec<&'a str>>) -> Option<Vec<&'a str>> {
    let mut ways = VecDeque::from([vec![from]]);
    let mut seen = BTreeSet::new();
    while let Some(way) = ways.pop_front() {
        for next in way.last().and_then(|last| graph.get(last)).into_iter().flatten() {
            let longer = [&way[..], &[next]].concat();
            if *next == from {
                return Some(longer);
            }
            if seen.insert(*next) {
                ways.push_back(longer);
            }
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    fn named(names: &[&str]) -> Consistency {
        Consistency::Handlers(names.iter().map(ToString::to_string).collect())
    }

    fn told(all: &[(&str, bool, Consistency)]) -> Vec<String> {
        let waits = all.iter().map(|(name, strong, sends)| Waits { name, is_strong: *strong, sends });
        faults(&waits.collect::<Vec<_>>())
    }

    #[test]
    fn one_that_waits_for_all_that_are_strong_and_is_strong_waits_for_itself() {
        let told = told(&[("mails", true, Consistency::Strong), ("totals", true, Consistency::Eventual)]);
        let fault = "`mails` would wait for itself (`mails` waits for `mails`): choose another consistency for the \
                     commands that it `sends`";
        assert_eq!(told, [fault]);
    }

    #[test]
    fn a_circle_by_way_of_others_is_told_once() {
        let told = told(&[
            ("a", false, named(&["b"])),
            ("b", true, Consistency::Eventual),
            ("c", false, named(&["b", "d"])),
            ("d", false, named(&["e"])),
            ("e", false, named(&["c"])),
        ]);
        assert_eq!(told.len(), 1, "{told:?}");
        assert!(told[0].contains("(`c` waits for `d`, `d` waits for `e`, `e` waits for `c`)"), "{told:?}");
    }

    #[test]
    fn one_that_waits_for_others_only_is_fine_and_a_name_that_nobody_has_is_told() {
        let strong = ("totals", true, Consistency::Eventual);
        assert_eq!(told(&[("mails", false, Consistency::Strong), strong.clone()]), [""; 0]);
        let fault = "`mails` waits for `total`, which is no handler; did you mean `totals`?";
        assert_eq!(told(&[("mails", false, named(&["total"])), strong]), [fault]);
    }
}
