//! A worker whose messages, replies and init arguments can be JSON, and what it tells of itself.
#![forbid(unsafe_code)]
#![deny(warnings, missing_docs, unreachable_pub, private_interfaces)]

use swarm::message::{Schema, decode, encode};
use swarm::prelude::*;
use swarm::registration::WORKERS;
use swarm::worker::{FieldShape, MessageShape, VariantShape};
use swarm::{Message, Worker};

/// Money comes in.
#[swarm::message(json)]
#[derive(Debug, Clone, PartialEq)]
pub struct Deposit {
    /// How much.
    pub cents: u64,
    /// What for, if that is said.
    pub memo: Option<String>,
    /// By whom.
    pub by: Vec<Party>,
}

pub use parties::Party;

mod parties {
    /// Who takes part.
    #[swarm::message(json)]
    #[derive(Debug, Clone, PartialEq)]
    pub enum Party {
        /// A person.
        Person {
            /// As it is called.
            name: String,
        },
        /// Two accounts.
        Joint(u64, u64),
        /// One account.
        Account(u64),
        /// Nobody knows.
        Unknown,
    }
}

/// Nothing more.
#[swarm::message(json)]
#[derive(Debug, PartialEq)]
pub struct Audit;

/// Its own traits.
#[swarm::message]
pub struct Own(pub u64);

mod own {
    use swarm::__private::serde::{Deserialize, Deserializer, Serialize, Serializer};

    impl Serialize for super::Own {
        fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
            serializer.collect_str(&self.0)
        }
    }

    impl<'de> Deserialize<'de> for super::Own {
        fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
            let text = String::deserialize(deserializer)?;
            text.parse().map(Self).map_err(swarm::__private::serde::de::Error::custom)
        }
    }
}

/// There was not enough.
#[swarm::message(json)]
#[derive(Debug, PartialEq)]
pub struct Overdrawn {
    /// By how much.
    pub by: u64,
}

/// An account.
pub struct Account(u64);

#[swarm::worker(json, name = "bank.account")]
impl Account {
    /// Opens it.
    #[init]
    fn init(_: &Context<Self>, opening: u64, r#type: String) -> Self {
        drop(r#type);
        Self(opening)
    }

    /// The balance.
    #[call]
    fn balance(&self) -> u64 {
        self.0
    }

    /// Sends money away.
    ///
    /// As much as there is.
    #[call(name = "send")]
    async fn transfer(&mut self, to: String, r#cents: u64) -> Result<Self_, Overdrawn> {
        drop(to);
        Err(Overdrawn { by: cents })
    }

    #[call(Deposit, timeout = "200ms")]
    fn deposit(&mut self, msg: &Archived<Deposit>) -> Deposit {
        self.0 += msg.cents.to_native();
        Deposit { cents: self.0, memo: None, by: Vec::new() }
    }

    #[cast(Audit)]
    fn audit(&mut self, _: Audit) {}

    #[cast(Own)]
    fn own(&mut self, own: Own) {
        self.0 = own.0;
    }
}

type Self_ = u64;

/// A worker with nothing to say.
pub struct Mute;

#[swarm::worker(json)]
impl Mute {
    #[init]
    fn init() -> Self {
        Self
    }
}

/// A worker that says nothing of itself.
pub struct Plain;

#[swarm::worker]
impl Plain {
    #[init]
    fn init() -> Self {
        Self
    }
}

fn message(name: &str) -> &'static MessageShape {
    let shape = Account::SHAPE.expect("it is marked");
    shape.message(name).expect("it has it")
}

fn read<T: swarm::Wire>(name: &str, text: &str) -> Result<T, String> {
    let payload = (message(name).read)(text.as_bytes()).map_err(|error| error.to_string())?;
    Ok(decode(&payload).expect("it was encoded"))
}

fn fields(variant: &VariantShape) -> Vec<(&'static str, &'static str, &'static str)> {
    let field = |FieldShape { name, ty, docs, .. }: &FieldShape| (*name, *ty, *docs);
    variant.fields.iter().map(field).collect()
}

#[test]
fn it_is_as_it_says() {
    what_it_tells();
    what_it_reads();
    what_it_writes();
    let entry = WORKERS.iter().find(|entry| entry.kind == Account::KIND);
    assert_eq!(entry.and_then(|entry| entry.shape).map(|shape| shape.messages.len()), Some(5));
    assert!(Plain::SHAPE.is_none());
    assert_eq!(Mute::SHAPE.expect("it is marked").messages.len(), 0);
}

fn what_it_tells() {
    let shape = Account::SHAPE.expect("it is marked");
    let names: Vec<_> =
        shape.messages.iter().map(|shape| (shape.message, shape.method, shape.cast, shape.reply)).collect();
    assert_eq!(
        names,
        [
            ("bank.account/balance", "balance", false, "u64"),
            ("bank.account/send", "transfer", false, "Result<Self_, Overdrawn>"),
            ("Deposit", "deposit", false, "Deposit"),
            ("Audit", "audit", true, ""),
            ("Own", "own", true, ""),
        ]
    );
    assert_eq!(message("transfer").docs, "Sends money away.\n\nAs much as there is.");
    assert_eq!(message("transfer").id, account::Transfer::ID);
    let [transfer] = message("bank.account/send").takes.expect("it is described") else {
        panic!("it is a struct");
    };
    assert_eq!(fields(transfer), [("to", "String", ""), ("cents", "u64", "")]);
    let [deposit] = message("Deposit").takes.expect("it is described") else {
        panic!("it is a struct");
    };
    assert_eq!(
        fields(deposit),
        [
            ("cents", "u64", "How much."),
            ("memo", "Option<String>", "What for, if that is said."),
            ("by", "Vec<Party>", "By whom.")
        ]
    );
    assert!(message("own").takes.is_none());
    assert_eq!(shape.init.docs, "Opens it.");
    let opening: Vec<_> = shape.init.fields.iter().map(|field| (field.name, field.ty)).collect();
    assert_eq!(opening, [("opening", "u64"), ("type", "String")]);
    let party = <Party as swarm::worker::Described>::TAKES;
    let names: Vec<_> = party.iter().map(|variant| (variant.name, variant.named, variant.fields.len())).collect();
    assert_eq!(names, [("Person", true, 1), ("Joint", false, 2), ("Account", false, 1), ("Unknown", true, 0)]);
}

fn what_it_reads() {
    let text = r#"{"cents": 5, "by": [{"Person": {"name": "x"}}, {"Joint": [1, 2]}, {"Account": 3}, "Unknown"]}"#;
    let by = vec![Party::Person { name: "x".into() }, Party::Joint(1, 2), Party::Account(3), Party::Unknown];
    assert_eq!(read("deposit", text), Ok(Deposit { cents: 5, memo: None, by }));
    for nothing in ["{}", "null", " { } "] {
        assert!(read::<account::Balance>("balance", nothing).is_ok());
        assert_eq!(read("audit", nothing), Ok(Audit));
    }
    assert_eq!(read::<Own>("own", "\"7\"").map(|own| own.0), Ok(7));
    let wrong = [
        ("transfer", r#"{"to": "x"}"#, "missing field `cents` at line 1 column 11"),
        (
            "transfer",
            r#"{"to": "x", "cents": 1, "extra": 2}"#,
            "`extra`: unknown field `extra`, expected `to` or `cents` at line 1 column 31",
        ),
        (
            "transfer",
            r#"{"to": 7, "cents": 1}"#,
            "`to`: invalid type: integer `7`, expected a string at line 1 column 8",
        ),
        (
            "deposit",
            r#"{"cents": 5, "by": [{"Person": {"name": null}}]}"#,
            "`by[0].Person.name`: invalid type: null, expected a string at line 1 column 44",
        ),
        ("balance", r#"{"of": 1}"#, "unknown field `of`, there are no fields at line 1 column 5"),
        ("balance", "7", "invalid type: integer `7`, expected `{}`, since it has no fields at line 1 column 1"),
    ];
    for (name, text, problem) in wrong {
        let read = message(name).read;
        assert_eq!(read(text.as_bytes()).expect_err("it is wrong").to_string(), problem);
    }
    let read = Account::SHAPE.expect("it is marked").init.read;
    let init = read(br#"{"type": "x", "opening": 5}"#).expect("it is right");
    assert_eq!(decode::<(u64, String)>(&init), Ok((5, "x".to_owned())));
    assert_eq!(Account::ARGS, <(u64, String)>::FINGERPRINT);
    let read = Mute::SHAPE.expect("it is marked").init.read;
    assert_eq!(decode(&read(b"{}").expect("it is right")), Ok(()));
}

fn what_it_writes() {
    let reply: Result<u64, Overdrawn> = Err(Overdrawn { by: 3 });
    assert_eq!((message("transfer").write)(&encode(&reply)).as_deref(), Ok(r#"{"Err":{"by":3}}"#));
    let damaged = swarm::worker::Payload::copy_of(b"no");
    assert!((message("balance").write)(&damaged).is_err());
}
