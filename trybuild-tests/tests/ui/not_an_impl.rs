#[swarm::worker]
struct A;

fn main() {
    drop(A);
}
