//! What becomes a name.

use std::borrow::Cow;
use std::sync::Arc;

use swarm::prelude::*;

fn name(name: impl Into<Name>) -> String {
    name.into().to_string()
}

#[test]
#[expect(clippy::needless_borrows_for_generic_args, reason = "that references are taken is what is shown")]
fn everything_that_becomes_a_name() {
    let text = String::from("a");
    assert_eq!(name("a"), "a");
    assert_eq!(name(&"a"), "a");
    assert_eq!(name(&text), "a");
    assert_eq!(name(Cow::Borrowed("a")), "a");
    assert_eq!(name(Arc::<str>::from("a")), "a");
    assert_eq!(name('a'), "a");
    assert_eq!(name(&Name::from("a")), "a");
    assert_eq!(name(Name::from(text)), "a");
    assert_eq!(
        (name(42), name(42_u8), name(-42_i128), name(42_usize)),
        ("42".into(), "42".into(), "-42".into(), "42".into())
    );
    assert_eq!(Name::from(42), Name::from("42"));
    assert_eq!(format!("{} {:?}", Name::from("a"), Name::from("a")), "a \"a\"");
}

#[cfg(feature = "uuid")]
mod by_uuid {
    use uuid::Uuid;

    use crate::{run, start};

    struct Session(Uuid);

    #[swarm::worker]
    impl Session {
        #[init]
        fn init(id: Uuid) -> Self {
            Self(id)
        }

        #[call]
        fn id(&self) -> Uuid {
            self.0
        }
    }

    #[test]
    fn a_uuid_is_a_name_and_travels() {
        run(async {
            let swarm = start("uuid").await;
            let id = Uuid::from_u128(7);
            SessionClient::register(id, id).on(&swarm).await.expect("the name is free");
            assert_eq!(swarm.at::<Session>(id.to_string()).id().await, Ok(id));
        });
    }
}
