//! What a message may be made of.
use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet, VecDeque};
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::time::Duration;

use swarm::Message;
use swarm::message::{Schema, decode, encode};

#[swarm::message]
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Everything {
    pub integers: (u8, u16, u32, u64, u128, i8),
    pub more: (i16, i32, i64, i128, f32, f64),
    pub others: (bool, char, (), String, Box<u64>, Option<String>),
    pub result: Option<Result<u64, String>>,
    pub lists: (Vec<u64>, VecDeque<String>, [u16; 3]),
    pub maps: (HashMap<String, u64>, BTreeMap<u64, String>),
    pub sets: (HashSet<u64>, BTreeSet<String>),
    pub duration: Duration,
    pub address: Option<IpAddr>,
    pub socket: Option<SocketAddr>,
}

/// Contains itself, in four ways.
#[swarm::message]
#[derive(Debug, PartialEq)]
pub struct Tree {
    pub left: Option<Box<Tree>>,
    pub right: Option<Box<Self>>,
    pub more: Vec<Tree>,
    pub named: HashMap<String, Tree>,
}

/// Contain each other.
#[swarm::message(cycle(Stmt))]
#[derive(Debug, PartialEq)]
pub enum Expr {
    Number(i64),
    Block(Vec<Stmt>),
}

#[swarm::message(cycle(Expr))]
#[derive(Debug, PartialEq)]
pub struct Stmt {
    pub value: Expr,
    pub not: Option<Box<Stmt>>,
}

/// Another one without its statement's second field would differ, though `Expr` looks the same.
mod other {
    #[swarm::message(cycle(Stmt))]
    pub enum Expr {
        Number(i64),
        Block(Vec<Stmt>),
    }

    #[swarm::message(cycle(Expr))]
    pub struct Stmt {
        pub value: Expr,
    }
}

mod foreign {
    #[derive(Clone, Copy, Debug, PartialEq)]
    pub struct Meters(pub u64);
}

pub struct AsNumber;

impl swarm::rkyv::with::ArchiveWith<foreign::Meters> for AsNumber {
    type Archived = swarm::rkyv::Archived<u64>;
    type Resolver = ();

    fn resolve_with(field: &foreign::Meters, (): (), out: swarm::rkyv::Place<Self::Archived>) {
        swarm::rkyv::Archive::resolve(&field.0, (), out);
    }
}

impl<S: swarm::rkyv::rancor::Fallible + ?Sized> swarm::rkyv::with::SerializeWith<foreign::Meters, S> for AsNumber {
    fn serialize_with(_: &foreign::Meters, _: &mut S) -> Result<(), S::Error> {
        Ok(())
    }
}

impl<D: swarm::rkyv::rancor::Fallible + ?Sized>
    swarm::rkyv::with::DeserializeWith<swarm::rkyv::Archived<u64>, foreign::Meters, D> for AsNumber
{
    fn deserialize_with(field: &swarm::rkyv::Archived<u64>, _: &mut D) -> Result<foreign::Meters, D::Error> {
        Ok(foreign::Meters(field.to_native()))
    }
}

/// A field of a foreign type.
#[swarm::message(name = "maps.way")]
#[derive(Debug, PartialEq)]
pub struct Way {
    #[rkyv(with = AsNumber)]
    #[swarm(schema = "meters@1")]
    pub length: foreign::Meters,
    pub name: String,
}

mod same {
    #[swarm::message(name = "maps.way")]
    pub struct Path {
        #[rkyv(with = super::AsNumber)]
        #[swarm(schema = "meters@2")]
        pub length: super::foreign::Meters,
        pub name: String,
    }
}

#[swarm::message]
#[derive(Debug, PartialEq)]
pub enum Event {
    Started,
    Moved { from: String, to: String },
    Failed(u32, String),
}

#[swarm::message(reply = Vec<String>)]
pub struct Ask;

/// thiserror beside it, above and below.
#[derive(Debug, PartialEq, thiserror::Error)]
#[swarm::message]
pub enum Above {
    #[error("{0} is too much")]
    TooMuch(u64),
}

#[swarm::message]
#[derive(Debug, PartialEq, thiserror::Error)]
pub enum Below {
    #[error("{0} is too much")]
    TooMuch(u64),
}

fn back<T: swarm::Wire + PartialEq + std::fmt::Debug>(value: T) {
    let bytes = encode(&value);
    assert_eq!(decode::<T>(&bytes), Ok(value));
}

#[test]
fn it_is_as_it_says() {
    let mut everything = Everything { address: Some(Ipv4Addr::LOCALHOST.into()), ..Everything::default() };
    everything.maps.0.insert("a name that is not inline".into(), 7);
    everything.lists.1.push_back("text".into());
    back(everything);
    let leaf = || Tree { left: None, right: None, more: Vec::new(), named: HashMap::new() };
    back(Tree { left: Some(Box::new(leaf())), right: None, more: vec![leaf(), leaf()], named: HashMap::new() });
    back(Expr::Block(vec![Stmt { value: Expr::Number(1), not: None }]));
    back(Way { length: foreign::Meters(9), name: "home".into() });
    back(Event::Moved { from: "here".into(), to: "there".into() });
    back(Event::Started);
    back(Above::TooMuch(1));
    back(Below::TooMuch(2));

    assert_eq!(Way::NAME, "maps.way");
    assert_eq!(Way::ID, same::Path::ID);
    assert_ne!(Way::FINGERPRINT, same::Path::FINGERPRINT);
    assert_ne!(Expr::FINGERPRINT, other::Expr::FINGERPRINT);
    assert_eq!(Expr::SHALLOW, other::Expr::SHALLOW);
    assert_eq!(Ask::REPLY, Some(<Vec<String>>::FINGERPRINT));
    assert!(decode::<Event>(&encode(&7_u8)).is_err());
}

/// Enums that rkyv's derive has names of its own for.
mod taken {
    #[swarm::message]
    #[derive(Debug, Clone, PartialEq)]
    pub enum Tag {
        Plain,
        Named { name: String },
    }

    #[swarm::message]
    #[derive(Debug, Clone, PartialEq)]
    pub enum VariantColor {
        Color(Tag),
        Other(Vec<Tag>),
    }
}

#[test]
fn an_enum_may_be_called_as_the_derive_calls_its_own() {
    use taken::{Tag, VariantColor};

    let tag = Tag::Named { name: "red".to_owned() };
    for value in [VariantColor::Color(tag.clone()), VariantColor::Other(vec![tag, Tag::Plain])] {
        let bytes = encode(&value);
        assert_eq!(decode::<VariantColor>(&bytes), Ok(value));
    }
}
