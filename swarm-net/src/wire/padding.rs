//! Owns the bytes that fill something up to a multiple of 16. Never says what they fill up.

/// Whether the last `fill` of these bytes are zero; there are so many. Up to 16 are looked at as one number: on the way of every call
/// there are two such fills.
#[inline]
pub fn ends_in_zeros(bytes: &[u8], fill: usize) -> bool {
    match bytes.last_chunk() {
        Some(last) if fill <= 16 => u128::from_le_bytes(*last).leading_zeros() as usize >= 8 * fill,
        Some(_) | None => bytes.iter().rev().take(fill).all(|byte| *byte == 0),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_looks_at_the_fill_and_at_nothing_before_it() {
        for length in 0..40 {
            for fill in 0..=length.min(20) {
                let mut bytes = vec![7; length];
                bytes[length - fill..].fill(0);
                assert!(ends_in_zeros(&bytes, fill), "{fill} of {length}");
                for at in length - fill..length {
                    bytes[at] = 1;
                    assert!(!ends_in_zeros(&bytes, fill), "byte {at} of {length}, the last {fill} of which fill up");
                    bytes[at] = 0;
                }
            }
        }
    }
}
