use super::*;

const MS: Duration = Duration::from_millis(1);

fn identity(i: u8) -> Identity {
    Identity::first(NodeId::new(SocketAddr::from(([10, 0, 0, i], 7000)), i.into()), 1000)
}

/// Node 1, which knows node 2 and hears nothing of it.
fn watcher() -> Swim {
    let mut swim = Swim::new(identity(1), Codec::new("c"), &MembershipConfig::lan(), 1, Instant::START);
    swim.learn(Instant::START, vec![Member::alive(identity(2))], true);
    assert_eq!(swim.take().1, [Note::Up(identity(2))]);
    swim
}

/// Runs all timers until `until`, each `lag` late, and says when node 2 was declared down.
fn run(swim: &mut Swim, until: Duration, lag: Duration) -> Option<Duration> {
    while let Some(due) = swim.next_timeout().filter(|due| *due <= Instant::START + until) {
        swim.timeout(due + lag, |_| None);
        let (packets, mut notes) = swim.take();
        notes.retain(|note| *note != Note::Suspect(identity(2)));
        if notes == [Note::Down(identity(2))] {
            return Some((due + lag).since(Instant::START));
        }
        assert_eq!(notes, []);
        let turned = packets.iter().filter(|(_, bytes)| is_turn_undead(bytes)).count();
        assert_eq!(turned, 0, "node 2 is told that it is down, and it is not");
    }
    None
}

fn is_turn_undead(mut bytes: &[u8]) -> bool {
    let header = foca::Codec::decode_header(&mut Codec::new("c"), &mut bytes).expect("our own packet");
    header.message == foca::Message::TurnUndead
}

#[test]
fn a_silent_member_is_suspected_and_then_down() {
    let down = run(&mut watcher(), 10_000 * MS, Duration::ZERO);
    assert_eq!(down, Some(2500 * MS), "two probe periods and the suspicion");
}

#[test]
fn a_refuted_suspicion_is_forgotten() {
    let mut swim = watcher();
    assert_eq!(run(&mut swim, 1200 * MS, Duration::ZERO), None);
    let refuted = Member::new(identity(2), 1, State::Alive);
    swim.learn(Instant::START + 1200 * MS, vec![refuted], true);
    // Foca would tell node 2 now that it is down, although it holds it to be alive.
    let down = run(&mut swim, 10_000 * MS, Duration::ZERO);
    assert_eq!(down, Some(3500 * MS), "only the suspicion of the new incarnation counts");
}

/// How often node 2 is told that it is down by a node that has heard its refutation.
fn wrongly_told() -> usize {
    let mut swim = watcher();
    assert_eq!(run(&mut swim, 1200 * MS, Duration::ZERO), None);
    swim.learn(Instant::START + 1200 * MS, vec![Member::new(identity(2), 1, State::Alive)], true);
    let mut told = 0;
    while let Some(due) = swim.next_timeout().filter(|due| *due <= Instant::START + 3000 * MS) {
        swim.timeout(due, |_| None);
        told += swim.take().0.iter().filter(|(_, bytes)| is_turn_undead(bytes)).count();
    }
    told
}

#[test]
fn without_the_filter_a_refuted_suspicion_is_told_to_the_suspect() {
    assert_eq!(wrongly_told(), 0);
    SIFTS.set(false);
    let told = wrongly_told();
    SIFTS.set(true);
    assert!(told > 0, "foca does what the filter is for no more");
}

#[test]
fn who_is_heard_of_when_it_is_down_already_is_noted_once() {
    let mut swim = watcher();
    for notes in [vec![Note::Down(identity(3))], Vec::new()] {
        swim.learn(Instant::START, vec![Member::down(identity(3))], false);
        assert_eq!(swim.take().1, notes);
    }
    let renewed = foca::Identity::renew(&identity(3)).expect("far from the last generation");
    swim.learn(Instant::START, vec![Member::alive(renewed), Member::down(identity(3))], true);
    let back = [Note::Renamed(identity(3), renewed), Note::Up(renewed)];
    assert_eq!(swim.take().1, back, "what is outdated is not noted");
}

#[test]
fn a_node_that_is_late_itself_is_patient() {
    let down = run(&mut watcher(), 60_000 * MS, 400 * MS).expect("patience ends");
    assert!(down > 5000 * MS, "{down:?}");
}

#[test]
fn suspicions_have_one_timer_each() {
    let mut swim = watcher();
    for ms in 0..20_000 {
        let now = Instant::START + ms * MS;
        swim.timeout(now, |_| Some(now));
    }
    assert!(swim.timers.len() < 10, "{} timers", swim.timers.len());
    assert_eq!(swim.take().1, [Note::Suspect(identity(2))]);
}

#[test]
fn a_suspicion_is_noted_by_who_has_it_and_by_who_hears_of_it() {
    let mut prober = watcher();
    let mut noted = Vec::new();
    while let Some(due) = prober.next_timeout().filter(|due| *due <= Instant::START + 2000 * MS) {
        prober.timeout(due, |_| None);
        noted.extend(prober.take().1.into_iter().map(|note| (due.since(Instant::START), note)));
    }
    assert_eq!(noted, [(1000 * MS, Note::Suspect(identity(2)))], "two probe periods");
    let mut hearer = watcher();
    for notes in [vec![Note::Suspect(identity(2))], Vec::new()] {
        hearer.learn(Instant::START, vec![Member::new(identity(2), 0, State::Suspect)], true);
        assert_eq!(hearer.take().1, notes, "it is news once");
    }
    hearer.learn(Instant::START, vec![Member::new(identity(2), 1, State::Alive)], true);
    hearer.learn(Instant::START, vec![Member::new(identity(2), 0, State::Suspect)], true);
    assert_eq!(hearer.take().1, [], "what was refuted is no news");
}
