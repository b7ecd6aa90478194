struct NotAGroup;

fn group<G: swarm::Group>() {}

fn main() {
    group::<NotAGroup>();
}
