//! Rendezvous hashing: who should do what, decided by all alike without a word between them.

use std::collections::{BTreeMap, BTreeSet};

use uuid::Uuid;

/// The node that should own each partition. All get the same number of them, or one more; where a node comes or
/// goes, few of the others' move.
pub(super) fn owners(nodes: &BTreeSet<Uuid>, handler: &str, partitions: usize) -> Vec<Uuid> {
    let Some(share) = partitions.checked_div(nodes.len()) else { return Vec::new() };
    let mut extra = partitions % nodes.len();
    let mut loads: BTreeMap<Uuid, usize> = nodes.iter().map(|node| (*node, 0)).collect();
    let mut owners = Vec::with_capacity(partitions);
    for partition in 0..partitions {
        let place = Uuid::new_v5(&Uuid::NAMESPACE_OID, format!("{handler}/{partition}").as_bytes());
        let has_room = |load: usize| load < share || (load == share && extra > 0);
        let best = loads
            .iter_mut()
            .filter(|(_, load)| has_room(**load))
            .max_by_key(|(node, _)| (mixed(node.as_u128() ^ place.as_u128()), **node));
        let Some((node, load)) = best else { break };
        extra -= usize::from(*load == share);
        *load += 1;
        owners.push(*node);
    }
    owners
}

fn mixed(value: u128) -> u64 {
    let (high, low) = Uuid::from_u128(value).as_u64_pair();
    let mut hash = high.wrapping_mul(0x9e37_79b9_7f4a_7c15) ^ low;
    for factor in [0xff51_afd7_ed55_8ccd, 0xc4ce_b9fe_1a85_ec53] {
        hash = (hash ^ (hash >> 33)).wrapping_mul(factor);
    }
    hash ^ (hash >> 33)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn nodes(count: u128) -> BTreeSet<Uuid> {
        (1..=count).map(Uuid::from_u128).collect()
    }

    #[test]
    fn all_nodes_get_the_same_number_or_one_more() {
        for count in 1..6 {
            for partitions in 0..20 {
                let owners = owners(&nodes(count), "balances", partitions);
                assert_eq!(owners.len(), partitions);
                let share = partitions / usize::try_from(count).unwrap();
                for node in nodes(count) {
                    let load = owners.iter().filter(|owner| **owner == node).count();
                    assert!(load == share || load == share + 1, "{load} of {partitions} on {count} nodes");
                }
            }
        }
    }

    #[test]
    fn where_a_node_leaves_most_of_the_others_keep_what_they_have() {
        let (before, after) = (owners(&nodes(4), "balances", 1_000), owners(&nodes(3), "balances", 1_000));
        let moved = before.iter().zip(&after).filter(|(before, after)| before != after).count();
        assert!((250..400).contains(&moved), "{moved} moved");
    }

    #[test]
    fn nobody_owns_anything_where_there_is_no_node() {
        assert!(owners(&nodes(0), "balances", 3).is_empty());
    }
}
