#[swarm::message]
#[derive(Debug)]
struct Count {
    name: String,
    count: Option<usize>,
}

fn main() {
    println!("{:?}", Count { name: String::new(), count: None });
}
