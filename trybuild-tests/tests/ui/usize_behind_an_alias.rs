type Size = usize;

#[swarm::message]
struct Count {
    count: Size,
}

fn main() {}
