#[swarm::message]
struct M<'a> {
    text: &'a str,
}

fn main() {
    println!("{}", M { text: "" }.text);
}
