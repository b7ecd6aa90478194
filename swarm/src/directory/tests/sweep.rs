//! Owns the tests of the regular comparison between owners and hosts.

use std::collections::BTreeMap;
use std::time::Duration;

use crate::directory::tests::cluster::{Check, Cluster, Setup};
use crate::directory::{Event, Message, PartitionId, Role};
use crate::name::Name;

/// Whatever the number of members, each hears of each partition as often, and no more of them get a message than must.
#[test]
fn in_sixteen_sweeps_an_owner_compares_each_partition_with_each_member_once() -> Check {
    for members in [2, 3, 5, 17, 20] {
        let mut all = Cluster::new(Setup { nodes: members, partitions: 64, capable: u32::MAX, ..Setup::of(members) });
        let mut heard: BTreeMap<(usize, u16), u32> = BTreeMap::new();
        let mut most = 0;
        for _ in 0..16 {
            all.now += Duration::from_secs(1);
            all.feed(0, Event::Timeout)?;
            let mut told = 0;
            for ((_, to), queue) in all.channels.iter().filter(|((from, _), _)| *from == 0) {
                for (_, message) in queue {
                    if let Message::Digest { marks } = message {
                        told += 1;
                        marks.iter().for_each(|mark| *heard.entry((*to, mark.partition)).or_default() += 1);
                    }
                }
            }
            most = most.max(told);
            all.deliver_all()?;
        }
        let owns = |partition: &u16| all.nodes[0].dir.role(PartitionId(*partition)) == Role::Owner { complete: true };
        let owned: Vec<u16> = (0..64).filter(owns).collect();
        let expected = (1..members).flat_map(|to| owned.iter().map(move |partition| ((to, *partition), 1)));
        assert_eq!(heard, expected.collect(), "{members} members");
        assert!(most <= 2, "{members} members: {most} messages in one sweep");
    }
    Ok(())
}

/// A worker ends, and the owner is never told: without a comparison it would be taken to run for ever.
#[test]
fn what_an_owner_was_not_told_is_found() -> Check {
    let mut all = Cluster::new(Setup { nodes: 3, capable: 0b011, ..Setup::of(3) });
    let (owner, host) = (2, 1);
    let name = Name::from("x");
    all.register(owner, "x")?;
    all.deliver_all()?;
    while let Some((n, name)) = all.jobs().pop() {
        all.work(n, &name, true)?;
        all.deliver_all()?;
    }
    assert_eq!((all.owner("x"), all.hosts("x")), (Some(owner), vec![host]));
    all.stop(host, &name)?;
    let lost = all.channels.remove(&(host, owner)).ok_or("nothing was said")?;
    assert!(matches!(lost.front(), Some((_, Message::Report { .. }))), "{lost:?}");
    assert_eq!(all.nodes[owner].dir.stats().records, 1);
    all.pass(Duration::from_secs(17))?;
    assert_eq!(all.nodes[owner].dir.stats().records, 0);
    Ok(())
}
