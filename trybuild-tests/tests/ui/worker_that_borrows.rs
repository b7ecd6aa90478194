struct A<'a>(&'a str);

#[swarm::worker]
impl<'a> A<'a> {
    #[init]
    fn init() -> Self {
        Self("")
    }
}

fn main() {
    println!("{}", A::init().0);
}
