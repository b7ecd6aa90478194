#[swarm::message]
union U {
    a: u32,
    b: f32,
}

fn main() {
    drop(U { a: 1 });
}
