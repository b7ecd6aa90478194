#[swarm::message(cycle(B))]
struct A(Vec<B>);

#[swarm::message(cycle(C))]
struct B(Vec<C>);

#[swarm::message(cycle(A))]
struct C(Vec<A>);

const PRINT: u64 = <A as swarm::Schema>::FINGERPRINT.0;

fn main() {
    println!("{PRINT}");
}
