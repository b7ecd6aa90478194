//! Workers and messages with parameters: each instantiation has an identity of its own.
use swarm::message::{Schema, decode, encode};
use swarm::{Message, Wire, Worker};

pub struct Cache<T> {
    values: Vec<T>,
}

#[swarm::worker(name = "tools.cache")]
impl<T: Wire + Clone + Sync> Cache<T> {
    #[init]
    fn init(first: (T,)) -> Self {
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

    #[call]
    fn last(&self) -> Option<T> {
        self.values.last().cloned()
    }

    #[call(Page<T>)]
    fn page(&mut self, page: Page<T>) -> Page<T> {
        page
    }
}

pub struct Buffer<const N: usize>([u8; N]);

#[swarm::worker]
impl<const N: usize> Buffer<N> {
    #[init]
    fn init() -> Self {
        Self([0; N])
    }

    #[call]
    fn swap(&mut self, bytes: [u8; N]) -> [u8; N] {
        std::mem::replace(&mut self.0, bytes)
    }
}

/// A message with parameters.
#[swarm::message]
#[derive(Debug, PartialEq)]
pub struct Page<T> {
    pub items: Vec<T>,
    pub next: Option<u64>,
}

/// With a bound of its own, and inside itself.
#[swarm::message]
#[derive(Debug, PartialEq)]
pub enum Tree<T: Wire, const N: usize> {
    Leaf([T; N]),
    Node(Vec<Tree<T, N>>),
}

#[test]
fn it_is_as_it_says() {
    assert_ne!(Cache::<String>::KIND, Cache::<u64>::KIND);
    assert_ne!(Buffer::<1>::KIND, Buffer::<2>::KIND);
    assert_eq!(Cache::<String>::NAME, "tools.cache");
    assert_ne!(cache::Put::<u8>::ID, cache::Put::<u16>::ID);
    assert_ne!(cache::Put::<u8>::FINGERPRINT, cache::Put::<u16>::FINGERPRINT);
    assert_eq!(cache::Size::NAME, "tools.cache/size");
    assert_eq!(Page::<u8>::NAME, "Page");
    let page = Page { items: vec![String::from("one"), String::from("two")], next: Some(3) };
    assert_eq!(decode(&encode(&page)), Ok(page));
    let tree = Tree::Node(vec![Tree::Leaf([1_u32, 2]), Tree::Node(Vec::new())]);
    assert_eq!(decode(&encode(&tree)), Ok(tree));
    drop(CacheClient::<String>::register("cache", (String::from("one"),)));
    drop(CacheClient::<String>::at("cache").put(0, String::from("two")));
    drop(CacheClient::<u64>::call("cache", cache::Put { key: 0, value: 2 }));
    drop(BufferClient::<4>::at("buffer").swap([1, 2, 3, 4]));
}
