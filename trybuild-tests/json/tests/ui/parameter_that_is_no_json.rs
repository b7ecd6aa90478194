use swarm::Wire;

struct Cache<T>(T);

#[swarm::worker(json)]
impl<T: Wire + Sync> Cache<T> {
    #[init]
    fn init(first: (T,)) -> Self {
        Self(first.0)
    }

    #[cast]
    fn put(&mut self, value: T) {
        self.0 = value;
    }
}

fn main() {}
