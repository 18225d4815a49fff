//! What binds a password to a connection (`tls-server-end-point` of RFC 5929): a hash of the server's certificate, so
//! that nobody in between can pass a login on.

use ring::digest::{SHA256, SHA384, SHA512, digest};

/// The tags of DER that matter here.
const SEQUENCE: u8 = 0x30;
const OBJECT_IDENTIFIER: u8 = 0x06;

/// What algorithms that sign begin with: `1.2.840.113549.1.1.` is of RSA, `1.2.840.10045.4.` of ECDSA.
const OF_RSA: &[u8] = &[0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x01];
const OF_ECDSA: &[u8] = &[0x2a, 0x86, 0x48, 0xce, 0x3d, 0x04];

/// The hash of a certificate, by the algorithm that it was signed with; absent where that names none.
pub(super) fn end_point(certificate: &[u8]) -> Option<Vec<u8>> {
    let (SEQUENCE, whole, _) = value(certificate)? else { return None };
    let (_, _, behind) = value(whole)?;
    let (SEQUENCE, algorithm, _) = value(behind)? else { return None };
    let (OBJECT_IDENTIFIER, name, _) = value(algorithm)? else { return None };
    let hash = match (name.strip_prefix(OF_RSA), name.strip_prefix(OF_ECDSA)) {
        // MD5 and SHA-1 are too weak, and SHA-256 takes their place.
        (Some([4 | 5 | 11]), _) | (_, Some([1] | [3, 2])) => &SHA256,
        (Some([12]), _) | (_, Some([3, 3])) => &SHA384,
        (Some([13]), _) | (_, Some([3, 4])) => &SHA512,
        _ => return None,
    };
    Some(digest(hash, certificate).as_ref().to_vec())
}

/// The first value: its tag, what it holds, and what stands behind it.
fn value(bytes: &[u8]) -> Option<(u8, &[u8], &[u8])> {
    let [tag, first, rest @ ..] = bytes else { return None };
    let (length, rest) = match first {
        0..=0x7f => (usize::from(*first), rest),
        0x81..=0x84 => {
            let (length, rest) = rest.split_at_checked(usize::from(first & 0x7f))?;
            (length.iter().fold(0, |sum, byte| (sum << 8) | usize::from(*byte)), rest)
        }
        _ => return None,
    };
    let (held, behind) = rest.split_at_checked(length)?;
    Some((*tag, held, behind))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A certificate in outline: something, an algorithm, a signature.
    fn signed_with(name: &[u8]) -> Vec<u8> {
        let within = |tag: u8, held: &[u8]| [&[tag, u8::try_from(held.len()).unwrap_or(0)], held].concat();
        let algorithm = within(SEQUENCE, &within(OBJECT_IDENTIFIER, name));
        within(SEQUENCE, &[within(SEQUENCE, &[1, 2, 3]), algorithm, within(3, &[0])].concat())
    }

    #[test]
    fn the_hash_is_that_of_the_signature_but_never_a_weak_one() {
        let length_with =
            |rsa: u8| end_point(&signed_with(&[OF_RSA, &[rsa]].concat())).map(|hash| hash.len());
        assert_eq!([4, 5, 11, 12, 13].map(length_with), [32, 32, 32, 48, 64].map(Some));
        let ecdsa = signed_with(&[OF_ECDSA, &[3, 2]].concat());
        assert_eq!(end_point(&ecdsa), Some(digest(&SHA256, &ecdsa).as_ref().to_vec()));
    }

    #[test]
    fn what_names_no_hash_or_is_no_certificate_binds_nothing() {
        let ed25519 = signed_with(&[0x2b, 0x65, 0x70]);
        assert_eq!(end_point(&ed25519), None);
        for end in 0..ed25519.len() {
            assert_eq!(end_point(&ed25519[..end]), None, "{end}");
        }
        assert_eq!(end_point(&[0x30, 0x84, 0xff, 0xff, 0xff, 0xff]), None);
    }
}
