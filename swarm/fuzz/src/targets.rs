//! Owns the targets: what each does with an input, and inputs to begin with. The fuzzers and the test that replays their
//! corpora share it. Never knows who runs it.

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet, VecDeque};
use std::fmt::Debug;
use std::net::IpAddr;
use std::time::Duration;

use swarm::message::{Checked, decode, encode};
use swarm::worker::Payload;
use swarm::{Message, Wire, Worker, fuzz};

/// A target: its name, what it does, what it begins with.
pub struct Target {
    pub name: &'static str,
    pub run: fn(&[u8]),
    pub seeds: fn() -> Vec<Vec<u8>>,
    /// How many bytes of memory it may take whatever the input is, and how many for each byte of the input. What is only
    /// announced counts for nothing.
    pub room: (usize, usize),
}

/// What is decoded stands in memory as it came, as it is, and as it is written again.
const DECODED: (usize, usize) = (32 << 10, 32);

/// Beside that there are the machines that hear it.
const HEARD: (usize, usize) = (128 << 10, 64);

/// Beside that there is the buffer that connections read into.
const READ: (usize, usize) = (512 << 10, 64);

/// Beside that there are two sessions of TLS, and what they have not sent yet.
const SHAKEN: (usize, usize) = (1 << 20, 128);

/// Long frames are made by repetition.
const REPEATED: (usize, usize) = (512 << 10, 512);

/// All of them.
pub const TARGETS: &[Target] = &[
    Target { name: "udp_packet", run: fuzz::udp_packet, seeds: fuzz::udp_packet_seeds, room: DECODED },
    Target { name: "gossip", run: fuzz::gossip, seeds: fuzz::gossip_seeds, room: HEARD },
    Target { name: "frames", run: fuzz::frames, seeds: fuzz::frames_seeds, room: REPEATED },
    Target { name: "connection", run: fuzz::connection, seeds: fuzz::connection_seeds, room: READ },
    Target { name: "sealed", run: fuzz::sealed, seeds: fuzz::sealed_seeds, room: HEARD },
    Target { name: "tunnel", run: fuzz::tunnel, seeds: fuzz::tunnel_seeds, room: READ },
    Target { name: "tls", run: fuzz::tls, seeds: fuzz::tls_seeds, room: SHAKEN },
    Target { name: "greeting", run: fuzz::greeting, seeds: fuzz::greeting_seeds, room: DECODED },
    Target { name: "call", run: call, seeds: call_seeds, room: DECODED },
    Target { name: "directory", run: fuzz::directory, seeds: fuzz::directory_seeds, room: HEARD },
    Target { name: "requests", run: fuzz::requests, seeds: fuzz::requests_seeds, room: HEARD },
    Target { name: "surveys", run: fuzz::surveys, seeds: fuzz::surveys_seeds, room: DECODED },
    Target { name: "words", run: fuzz::words, seeds: fuzz::words_seeds, room: DECODED },
    Target { name: "worker", run: worker, seeds: worker_seeds, room: DECODED },
    Target { name: "json", run: json, seeds: json_seeds, room: DECODED },
    Target { name: "config", run: fuzz::config, seeds: fuzz::config_seeds, room: HEARD },
];

/// What a library has: some of everything that messages may be made of.
#[swarm::message(json)]
#[derive(Clone, Debug, PartialEq)]
pub struct Book {
    title: String,
    pages: Vec<Vec<u8>>,
    words: HashMap<String, u32>,
    chapters: BTreeMap<u32, String>,
    marks: BTreeSet<u16>,
    letters: HashSet<char>,
    lent: VecDeque<bool>,
    form: Form,
    sequel: Option<Box<Book>>,
    read_in: Duration,
    at: IpAddr,
    found: Result<u8, String>,
    shelf: (i64, [u16; 3]),
}

#[swarm::message(json)]
#[derive(Clone, Debug, PartialEq)]
pub enum Form {
    Lost,
    Print(String),
    Sound { seconds: u64, voice: Option<i128> },
    Several(Vec<Form>),
}

/// The worker of the targets `call`, `worker` and `json`.
pub struct Library {
    books: Vec<Book>,
}

#[swarm::worker(json)]
impl Library {
    #[init]
    fn init(books: Vec<Book>) -> Self {
        Self { books }
    }

    #[call]
    fn add(&mut self, book: Book, copies: u16) -> Result<u64, Form> {
        self.books.push(book);
        Ok(u64::from(copies))
    }

    #[call]
    fn find(&mut self, title: String) -> Option<Book> {
        self.books.iter().find(|book| book.title == title).cloned()
    }

    #[call(Book)]
    fn lend(&self, book: Book) -> Book {
        book
    }

    #[cast]
    fn clear(&mut self) {
        self.books.clear();
    }
}

/// A frame of a call, and its payload as the message that it says it is.
fn call(bytes: &[u8]) {
    let Some((message, payload)) = fuzz::call(bytes) else { return };
    if message == library::Add::ID {
        heard::<library::Add>(payload);
    } else if message == library::Find::ID {
        heard::<library::Find>(payload);
    } else if message == library::Clear::ID {
        heard::<library::Clear>(payload);
    }
}

fn call_seeds() -> Vec<Vec<u8>> {
    let add = encode(&library::Add { book: book(), copies: 3 });
    let find = encode(&library::Find { title: "a title".into() });
    let (add_id, find_id) = (library::Add::ID, library::Find::ID);
    vec![fuzz::call_seed(add_id, &add), fuzz::call_seed(find_id, &find), fuzz::traced_call_seed(add_id, &add)]
}

/// Payloads alone: messages, replies, init arguments.
fn worker(bytes: &[u8]) {
    let Some((choice, rest)) = bytes.split_first() else { return };
    let payload = Payload::copy_of(rest);
    match choice % 6 {
        0 => heard::<library::Add>(payload),
        1 => heard::<library::Find>(payload),
        2 => back::<Result<u64, Form>>(&payload),
        3 => back::<Option<Book>>(&payload),
        4 => back::<Vec<Book>>(&payload),
        _ => back::<BTreeMap<String, BTreeMap<u8, Vec<Option<String>>>>>(&payload),
    }
}

fn worker_seeds() -> Vec<Vec<u8>> {
    let with = |choice: u8, payload: Payload| [&[choice], &payload[..]].concat();
    let inner: BTreeMap<u8, Vec<Option<String>>> = (0..9).map(|n| (n, vec![Some(format!("{n}")), None])).collect();
    let nested: BTreeMap<String, _> = (0..8).map(|n| (format!("key {n}"), inner.clone())).collect();
    vec![
        with(2, encode(&Err::<u64, _>(Form::Several(vec![Form::Lost, Form::Print("ink".into())])))),
        with(3, encode(&Some(book()))),
        with(5, encode(&nested)),
        with(4, encode(&vec![series()])),
    ]
}

/// A text as messages and init arguments; what it tells is told as the same again.
fn json(bytes: &[u8]) {
    let Some((choice, rest)) = bytes.split_first() else { return };
    let shape = Library::SHAPE.expect("it is marked");
    let read = |name: &str| shape.message(name).and_then(|message| (message.read)(rest).ok());
    match choice % 5 {
        0 => drop(read("add").map(heard::<library::Add>)),
        1 => drop(read("find").map(heard::<library::Find>)),
        2 => drop(read("clear").map(heard::<library::Clear>)),
        3 => drop((shape.init.read)(rest).map(heard::<Vec<Book>>)),
        _ => {
            let lend = shape.message("lend").expect("it has it");
            let Ok(payload) = (lend.read)(rest) else { return };
            // Another way to write the same may be longer than what is written.
            let Ok(text) = (lend.write)(&payload) else { return };
            let again = (lend.read)(text.as_bytes()).expect("what was written is read");
            assert_eq!(decode::<Book>(&again), decode::<Book>(&payload), "what was written comes back");
        }
    }
}

fn json_seeds() -> Vec<Vec<u8>> {
    let lend = Library::SHAPE.and_then(|shape| shape.message("lend")).expect("it has it");
    let book = (lend.write)(&encode(&book())).expect("it can be written");
    let with = |choice: u8, text: String| [&[choice], text.as_bytes()].concat();
    vec![
        with(0, format!(r#"{{"copies": 3, "book": {book}}}"#)),
        with(1, r#"{"title": "\u00e4\n"}"#.to_owned()),
        with(2, "{}".to_owned()),
        with(3, format!(r#"{{"books": [{book}]}}"#)),
        with(4, book),
        with(4, "[".repeat(70)),
    ]
}

/// A message as a handler gets it: validated, read in place, and made whole.
fn heard<M: Wire>(payload: Payload) {
    let whole = decode::<M>(&payload);
    let in_place = Checked::<M>::new(payload);
    assert_eq!(whole.is_ok(), in_place.is_ok(), "what is validated can be made whole");
    if let Ok(message) = in_place {
        let _ = message.archived();
    }
}

/// A value; written again it is read as the same.
fn back<T: Wire + PartialEq + Debug>(payload: &Payload) {
    if let Ok(value) = decode::<T>(payload) {
        assert_eq!(decode::<T>(&encode(&value)).as_ref(), Ok(&value), "what was written comes back");
    }
}

/// Nearly as deep as what travels may be.
fn series() -> Book {
    let last = Book { words: HashMap::new(), chapters: BTreeMap::new(), pages: Vec::new(), sequel: None, ..book() };
    (0..100).fold(last.clone(), |sequel, _| Book { sequel: Some(Box::new(sequel)), ..last.clone() })
}

fn book() -> Book {
    let plain = Book {
        title: "a title that is longer than what stands in the value".into(),
        pages: vec![vec![1, 2, 3], Vec::new(), vec![4; 20]],
        words: [("word".to_owned(), 1), ("another word".to_owned(), 2)].into(),
        chapters: (0..7).map(|n| (n, format!("chapter {n}"))).collect(),
        marks: [3, 5].into(),
        letters: ['a', 'ö'].into(),
        lent: [true, false].into(),
        form: Form::Sound { seconds: 5, voice: Some(-1) },
        sequel: None,
        read_in: Duration::from_millis(1_500),
        at: [127, 0, 0, 1].into(),
        found: Err("nowhere".into()),
        shelf: (-3, [1, 2, 3]),
    };
    Book { sequel: Some(Box::new(plain.clone())), ..plain }
}
