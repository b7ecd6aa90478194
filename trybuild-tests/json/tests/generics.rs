//! Workers and messages with parameters, under `#[cfg]`s, and with raw names.
#![allow(unexpected_cfgs)]
use swarm::{Json, Wire, Worker};

pub struct Cache<T> {
    values: Vec<T>,
}

#[swarm::worker(json, public)]
impl<T: Wire + Json + Clone + Sync> Cache<T> {
    #[init]
    fn init(first: (T,), room: u32) -> Self {
        let _ = room;
        Self { values: vec![first.0] }
    }

    #[call]
    fn put(&mut self, key: u32, value: T) -> Option<T> {
        let at = self.values.get_mut(key as usize)?;
        Some(std::mem::replace(at, value))
    }

    #[call]
    async fn size(&self) -> u64 {
        self.values.len() as u64
    }

    #[call(Page<T>)]
    fn page(&mut self, page: Page<T>) -> Page<T> {
        page
    }
}

#[swarm::message(json)]
pub struct Page<T> {
    pub items: Vec<T>,
    pub next: Option<u64>,
}

#[swarm::message(json)]
pub enum Tree<T: Wire> {
    Leaf(T),
    Node(Vec<Tree<T>>),
}

#[swarm::message(json)]
pub struct Mail {
    pub r#type: String,
    #[cfg(never)]
    pub gone: Missing,
    #[serde(default)]
    pub seen: bool,
}

pub struct r#Loop;

#[swarm::worker(json)]
impl r#Loop {
    #[cfg(never)]
    #[init]
    fn init(missing: Missing) -> Self {
        Self
    }

    #[cfg(not(never))]
    #[init]
    fn init(text: String) -> Self {
        drop(text);
        Self
    }

    #[call]
    fn r#match(&self, r#type: Tree<u64>, r#in: u32) -> u32 {
        drop(r#type);
        r#in
    }

    #[cfg(never)]
    #[call]
    fn either(&self, missing: Missing) -> Missing {
        missing
    }

    #[cfg(not(never))]
    #[call]
    fn either(&self) -> u32 {
        1
    }

    #[cfg(never)]
    #[cast(Missing)]
    fn gone(&mut self, missing: Missing) {}

    #[cast(Mail)]
    fn mail(&mut self, mail: Mail) {
        drop(mail);
    }
}

#[test]
fn it_is_as_it_says() {
    let cache = Cache::<String>::SHAPE.expect("it is marked");
    let put = cache.message("put").expect("it has it");
    assert_eq!(put.takes.expect("it is described")[0].fields[1].ty, "T");
    assert!((put.read)(br#"{"key": 1, "value": "one"}"#).is_ok());
    assert!((put.read)(br#"{"key": 1, "value": 1}"#).is_err());
    assert!((cache.init.read)(br#"{"first": ["one"], "room": 3}"#).is_ok());
    let page = cache.message("Page").expect("it has it");
    assert_eq!(page.takes.expect("it is described")[0].fields.len(), 2);
    assert!((page.read)(br#"{"items": []}"#).is_ok());

    let shape = Loop::SHAPE.expect("it is marked");
    assert_eq!(shape.messages.len(), 3);
    let text = br#"{"type": {"Node": [{"Leaf": 1}, {"Node": []}]}, "in": 3}"#;
    assert!((shape.message("match").expect("it has it").read)(text).is_ok());
    let mail = shape.message("mail").expect("it has it");
    assert!(mail.takes.is_none(), "serde knows it better");
    assert!((mail.read)(br#"{"type": "x"}"#).is_ok());
    assert!((mail.read)(br#"{"type": "x", "gone": 1}"#).is_err());
}
