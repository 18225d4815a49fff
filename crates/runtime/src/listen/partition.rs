//! Which partition a key belongs to.

/// The partition of a key, from 0.
///
/// Checkpoints are kept per partition, so this must never give another answer for the same numbers: neither in
/// another process nor in another version of this program. FNV-1a, 64 bits (Fowler, Noll, Vo), then the finishing
/// steps of `MurmurHash3`, because the low bits of FNV alone are poor.
pub(crate) fn partition_of(key: &str, partitions: usize) -> usize {
    let mut hash: u64 = 0xcbf2_9ce4_8422_2325;
    for byte in key.bytes() {
        hash = (hash ^ u64::from(byte)).wrapping_mul(0x0000_0100_0000_01b3);
    }
    hash = (hash ^ (hash >> 33)).wrapping_mul(0xff51_afd7_ed55_8ccd);
    hash = (hash ^ (hash >> 33)).wrapping_mul(0xc4ce_b9fe_1a85_ec53);
    hash ^= hash >> 33;
    usize::try_from(hash % partitions.max(1) as u64).unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_partition_of_a_key_never_changes() {
        let partitions: Vec<_> =
            ["", "account-jsdf", "account-a", "order-1"].map(|key| partition_of(key, 1_000)).into();
        assert_eq!(partitions, [342, 207, 685, 757], "checkpoints that are stored depend on these numbers");
    }

    #[test]
    fn keys_spread_over_all_partitions() {
        let mut counts = [0; 8];
        for number in 0..8_000 {
            counts[partition_of(&format!("account-{number}"), 8)] += 1;
        }
        assert!(counts.iter().all(|count| (800..1_200).contains(count)), "{counts:?}");
    }
}
