//! What a registration costs: counted in messages, and measured when asked (`--nocapture`, best in release).

use crate::directory::tests::cluster::{Check, Cluster, Setup};
use crate::directory::{Action, Answer, Ask, Event, Happened, Message, Order, PartitionId, RequestId};
use crate::name::Name;
use swarm_net::time::{Instant, Now};

use crate::directory::tests::cluster::spec;

const NAMES: u64 = 6_000;

/// Three nodes; each name is registered at its owner, in batches of one frame per pair.
#[test]
fn a_registration_costs_two_messages_and_one_record_a_replica() -> Check {
    let setup = Setup { nodes: 3, partitions: 64, replicas: 3, ..Setup::of(3) };
    let mut all = Cluster::new(setup);
    let now = Now { instant: Instant::from_nanos(2_000_000_000), unix_ms: 1_700_000_100_000 };
    let (mut sends, mut records, mut registered) = (0, 0, 0);
    let begun = std::time::Instant::now();
    let mut frames: Vec<Vec<Vec<(PartitionId, Message)>>> = vec![vec![Vec::new(); 3]; 3];
    let mut out = Vec::new();
    for seq in 0..NAMES {
        let name = Name::from(seq);
        let world = &all.nodes[0].dir.world;
        let owner = world.owner(all.nodes[0].dir.partition_of(&name)).ok_or("no owner")?;
        let owner = all.index(owner);
        let from = RequestId { node: all.ids[owner], seq };
        let mut events = vec![(owner, Event::Ask { from, name, ask: Ask::Register(spec(false)) })];
        loop {
            while let Some((n, event)) = events.pop() {
                all.nodes[n].dir.handle(now, event, &mut out);
                for action in out.drain(..) {
                    match action {
                        Action::Send { to, partition, message } => {
                            sends += 1;
                            if let Message::Update { ops, .. } = &message {
                                records += ops.len() as u64;
                            }
                            frames[n][all.ids.iter().position(|id| *id == to).ok_or("nobody")?]
                                .push((partition, message));
                        }
                        Action::Order { name, order: Order::Start { epoch, .. } } => {
                            events.push((n, Event::Cell { name, epoch, happened: Happened::Started }));
                        }
                        Action::Answer { answer: Answer::Registered(_), .. } => registered += 1,
                        Action::Answer { .. } | Action::Order { .. } => {
                            return Err("something else happened".into());
                        }
                        Action::Route { .. } | Action::Role { .. } | Action::Notice(_) | Action::Drained => {}
                        Action::Lease(_) => {}
                    }
                }
            }
            // A frame travels when it is full, or at the end.
            let full = if seq + 1 == NAMES { 1 } else { 64 };
            for (n, row) in frames.iter_mut().enumerate() {
                for (m, frame) in row.iter_mut().enumerate().filter(|(_, frame)| frame.len() >= full) {
                    events.push((m, Event::Messages { from: all.ids[n], batch: std::mem::take(frame) }));
                }
            }
            if events.is_empty() {
                break;
            }
        }
    }
    let took = begun.elapsed();
    println!("{NAMES} registrations in {took:?}: {:?} each, over three nodes", took / NAMES as u32);
    assert_eq!((registered, sends, records), (NAMES, NAMES * 4, NAMES * 2));
    let partitions = all.nodes.iter().flat_map(|node| &node.dir.partitions);
    let kept = partitions.clone().map(|partition| {
        let works = partition.office.as_ref().map_or(0, |office| office.names.len());
        (works, partition.cells.len(), partition.hosted as u64)
    });
    let kept = kept.fold((0, 0, 0), |sum, one| (sum.0 + one.0, sum.1 + one.1, sum.2 + one.2));
    assert_eq!(kept, (0, 0, NAMES), "of a name at rest nothing is kept but its record");
    Ok(())
}
