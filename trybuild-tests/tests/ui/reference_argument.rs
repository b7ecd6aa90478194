use swarm::prelude::*;

struct A;

#[swarm::worker]
impl A {
    #[init]
    fn init(_: &Context<Self>, opening: u64) -> Self {
        let _ = opening;
        Self
    }

    #[call]
    fn fine(&self, number: u64) -> u64 {
        number
    }

    #[call]
    fn text(&self, text: &str) {
        let _ = text;
    }

    #[call]
    fn bytes(&self, bytes: &[u8]) {
        let _ = bytes;
    }

    #[call]
    fn nested(&self, texts: Vec<&str>) {
        let _ = texts;
    }

    #[call]
    fn other(&self, list: &Vec<u64>) {
        let _ = list;
    }
}

fn main() {
    drop(AClient::register("a", 1));
    drop(AClient::at("a").fine(1));
}
