//! Owns where somebody comes from, as far as those are told apart who are served alike. Never knows who that is.

use std::net::{IpAddr, Ipv6Addr};

/// An address of IPv4, or a network of IPv6 (/64), of which one machine may have any number of addresses.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Source(IpAddr);

impl Source {
    pub(crate) fn of(from: IpAddr) -> Self {
        Self(match from.to_canonical() {
            IpAddr::V6(addr) => Ipv6Addr::from_bits(addr.to_bits() >> 64 << 64).into(),
            addr @ IpAddr::V4(_) => addr,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_has_many_addresses_is_one() {
        let source = |text: &str| Source::of(text.parse().expect("an address"));
        for (one, same, other) in [
            ("2001:db8:0:1::1", "2001:db8:0:1:ffff:ffff:ffff:ffff", "2001:db8:0:2::1"),
            ("192.0.2.1", "::ffff:192.0.2.1", "192.0.2.2"),
            ("::ffff:192.0.2.1", "192.0.2.1", "::ffff:192.0.2.2"),
        ] {
            assert!(source(one) == source(same) && source(one) != source(other), "{one}");
        }
    }
}
