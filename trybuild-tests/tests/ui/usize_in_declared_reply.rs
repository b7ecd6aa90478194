#[swarm::message(reply = Vec<usize>)]
struct Ask;

fn main() {
    drop(swarm::message::encode(&Ask));
}
