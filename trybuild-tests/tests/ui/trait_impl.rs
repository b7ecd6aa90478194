trait T {
    fn init() -> Self;
}

struct A;

#[swarm::worker]
impl T for A {
    #[init]
    fn init() -> Self {
        Self
    }
}

fn main() {
    let _ = <A as T>::init;
}
