#[swarm::message]
struct Plain {
    text: String,
}

#[swarm::message(json)]
struct Deposit {
    cents: u64,
    by: Vec<Plain>,
}

fn main() {
    let deposit = Deposit { cents: 1, by: vec![Plain { text: String::new() }] };
    assert_eq!(deposit.cents as usize + deposit.by.len() + deposit.by[0].text.len(), 2);
}
