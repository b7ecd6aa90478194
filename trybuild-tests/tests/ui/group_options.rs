#[derive(swarm::Group)]
#[group(wroker = A)]
struct G;

fn main() {}
