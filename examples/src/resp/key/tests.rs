//! Names of keys, and the worker on nodes of its own.

use super::*;

#[test]
fn every_key_has_a_name_of_its_own() {
    let keys: [&[u8]; 8] = [b"", b"a", b"0x", b"0x61", b"0x3078", b"\xff", b"0xff", "ä".as_bytes()];
    let names: std::collections::HashSet<Name> = keys.iter().map(|key| name_of(key).expect("it is short")).collect();
    assert_eq!(names.len(), keys.len(), "{names:?}");
    assert_eq!(name_of(b"user:42"), Ok("user:42".into()));
    assert_eq!(name_of(b"\xff\x00"), Ok("0xff00".into()));
}

#[test]
fn a_key_may_be_as_long_as_a_name() {
    assert!(name_of(&[b'a'; Name::BYTES_MAX]).is_ok());
    assert_eq!(name_of(&[b'a'; Name::BYTES_MAX + 1]), Err(KeyTooLong));
    assert!(name_of(&[0xff; Name::BYTES_MAX / 2 - 1]).is_ok());
    assert_eq!(name_of(&[0xff; Name::BYTES_MAX / 2]), Err(KeyTooLong));
}
