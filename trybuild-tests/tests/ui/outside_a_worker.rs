use swarm::prelude::*;

struct A;

impl A {
    #[init]
    fn init(_: &Context<Self>) -> Self {
        Self
    }

    #[call]
    fn call(&self) {}

    #[cast]
    fn cast(&self) {}

    #[begin_handoff]
    fn begin(&self) {}

    #[end_handoff]
    fn end(&self) {}

    #[resolve_conflict]
    fn resolve(&self) {}

    #[die]
    fn die(&self) {}
}

fn main() {
    let _ = A::call;
}
