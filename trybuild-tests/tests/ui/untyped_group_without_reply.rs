use swarm::Group;
use swarm::group::Answers;

#[swarm::message]
struct Ask;

#[derive(swarm::Group)]
struct Anyone;

fn multicall<G: Group, M, R>(_: M)
where
    G::Members: Answers<M, R>,
{
}

fn main() {
    multicall::<Anyone, _, _>(Ask);
}
