//! Numbers between memory and disk.

/// Frames begin at multiples of this, so that the first eight bytes of a frame never straddle a sector.
pub(crate) const ALIGN: u64 = 8;

/// A place in memory. What is in memory can be counted in `usize`.
pub(crate) fn index(number: u64) -> usize {
    usize::try_from(number).unwrap_or(usize::MAX)
}

/// A length in memory as a 32-bit number. All lengths that are written are bounded far below.
pub(crate) fn short(length: usize) -> u32 {
    u32::try_from(length).expect("lengths are bounded by the checks of requests")
}

/// The smallest multiple of [`ALIGN`] that is not below.
pub(crate) const fn aligned(length: u64) -> u64 {
    length.next_multiple_of(ALIGN)
}

/// An offset in a segment, in units of [`ALIGN`], as indexes keep it.
pub(crate) fn packed(offset: u64) -> u32 {
    u32::try_from(offset / ALIGN).expect("segments are smaller than 32 GiB")
}

/// The offset of [`packed`].
pub(crate) const fn unpacked(packed: u32) -> u64 {
    packed as u64 * ALIGN
}

/// Reads a little-endian number; the caller has checked that it is there.
macro_rules! le {
    ($kind:ty, $bytes:expr, $at:expr) => {{
        let mut number = [0; size_of::<$kind>()];
        number.copy_from_slice(&$bytes[$at..$at + size_of::<$kind>()]);
        <$kind>::from_le_bytes(number)
    }};
}
pub(crate) use le;
