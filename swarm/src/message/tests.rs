use std::collections::{BTreeMap, HashMap};

use super::*;

#[test]
fn fingerprints_are_fixed_for_ever() {
    assert_eq!(Fingerprint::of("u64"), Fingerprint(0xa2481493b9362ff3));
    assert_eq!(<Vec<(u8, String)>>::FINGERPRINT, Fingerprint(0xe270b2a76585d4fc));
}

#[test]
fn types_that_are_encoded_differently_differ() {
    let all = [
        u32::FINGERPRINT,
        u64::FINGERPRINT,
        <(u32,)>::FINGERPRINT,
        <(u32, u64)>::FINGERPRINT,
        <(u64, u32)>::FINGERPRINT,
        <((u32, u64),)>::FINGERPRINT,
        <[u32; 2]>::FINGERPRINT,
        <[u32; 3]>::FINGERPRINT,
        <Vec<u32>>::FINGERPRINT,
        <Box<u32>>::FINGERPRINT,
        <Option<u32>>::FINGERPRINT,
        <Result<u32, u64>>::FINGERPRINT,
        <Result<u64, u32>>::FINGERPRINT,
        <HashMap<u32, u64>>::FINGERPRINT,
        <BTreeMap<u32, u64>>::FINGERPRINT,
        Fingerprint::of("x").field("a", u32::FINGERPRINT),
        Fingerprint::of("x").field("b", u32::FINGERPRINT),
        Fingerprint::of("x").variant("a").with(u32::FINGERPRINT),
    ];
    for (i, one) in all.iter().enumerate() {
        for (j, other) in all.iter().enumerate() {
            assert_eq!(one == other, i == j, "{i} and {j}");
        }
    }
}

#[test]
fn what_is_encoded_comes_back() {
    let value = (7_u64, String::from("a text longer than what is stored inline"), vec![Some(1_u8), None]);
    assert_eq!(decode::<(u64, String, Vec<Option<u8>>)>(&encode(&value)), Ok(value));
    assert_eq!(encode(&()), Payload::empty());
    assert_eq!(decode::<()>(&Payload::empty()), Ok(()));
}

#[test]
fn bytes_of_another_length_are_refused() {
    let payload = encode(&7_u64);
    let longer = Payload::copy_of(&[&payload[..], &[0; 8]].concat());
    let text = decode::<u64>(&longer).expect_err("8 bytes too many").to_string();
    assert!(text.starts_with("the 16 bytes of a `u64` cannot be read (its archive has exactly 8 bytes"), "{text}");
    let texts = encode(&vec![String::from("one"), String::from("two")]);
    assert!(decode::<Vec<String>>(&Payload::copy_of(&texts[..texts.len() - 2])).is_err());
    assert!(decode::<u64>(&Payload::copy_of(&payload[..4])).is_err());
    assert!(decode::<()>(&Payload::copy_of(&[0])).is_err());
    assert!(Checked::<Vec<u64>>::new(Payload::copy_of(&[0xff; 64])).is_err());
}

/// A map as nobody encodes it: inner nodes in a row, so many of them, each the child of the next.
fn chained_map(nodes: u32) -> Payload {
    const LEAF: usize = 16;
    const INNER: usize = 36;
    let mut bytes = vec![0; LEAF];
    bytes[12] = 5;
    let back = |bytes: i32| bytes.wrapping_neg().to_le_bytes();
    for node in 0..nodes {
        // Its kind, five keys and values, and no lesser child.
        bytes.extend_from_slice(&[1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0]);
        (0..5).for_each(|_| bytes.extend_from_slice(&1_i32.to_le_bytes()));
        let below = if node == 0 { LEAF } else { INNER };
        bytes.extend_from_slice(&back((INNER - 4 + below) as i32));
    }
    bytes.extend_from_slice(&back(if nodes == 0 { LEAF } else { INNER } as i32));
    bytes.extend_from_slice(&(5 * (nodes + 1)).to_le_bytes());
    Payload::copy_of(&bytes)
}

#[test]
fn a_map_whose_nodes_are_chained_without_end_is_refused() {
    for nodes in [0, 1, 100] {
        assert_eq!(decode::<BTreeMap<u8, u8>>(&chained_map(nodes)), Ok(BTreeMap::from([(0, 0)])), "{nodes} nodes");
    }
    for nodes in [100_000, 200] {
        assert!(decode::<BTreeMap<u8, u8>>(&chained_map(nodes)).is_err(), "{nodes} nodes");
    }
    assert!(crate::runtime::batch::read::<BTreeMap<u8, u8>>(&chained_map(100_000)).is_none());
}
