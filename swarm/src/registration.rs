//! Owns the list of worker types that this program contains, as the linker collected it. Never starts one.

mod info;

use std::any::TypeId;
use std::sync::Arc;

pub use info::{FieldInfo, KindInfo, MessageInfo, TypeInfo, VariantInfo};

use crate::epoch::Epoch;
use crate::message::Fingerprint;
use crate::name::Name;
use crate::worker::{AnyCell, Cell, Home, KindId, KindShape, Method, Options, Worker};

/// The worker types of this program: each `#[swarm::worker]` adds one, but for generic ones and `register = manual`.
/// Every node of the program knows them; a worker type of a crate that is not linked in is not among them, so name such a
/// crate once: `use its_crate as _;`. Empty is fine on ELF and Mach-O, which is where Swarm runs (linkme#114 is about
/// lld-link alone).
#[linkme::distributed_slice]
pub static WORKERS: [Entry];

/// A worker type with its type erased.
#[derive(Clone, Copy, Debug)]
pub struct Entry {
    /// Its name on the wire.
    pub name: &'static str,
    /// Its identity on the wire.
    pub kind: KindId,
    /// Its options.
    pub options: Options,
    /// Programs that are no members may reach it. Only a gateway looks at this, never a call between members.
    pub public: bool,
    /// The schema of its init arguments.
    pub args: Fingerprint,
    /// The schema of its handoff state, if it has one.
    pub state: Option<Fingerprint>,
    /// Tells two worker types of one name apart, which a node refuses at its start.
    pub rust_type: fn() -> (TypeId, &'static str),
    /// Its messages as JSON, if it is marked `json`.
    pub shape: Option<&'static KindShape>,
    /// Makes an empty cell for one, which then starts it.
    pub(crate) make: fn(Name, Epoch, Arc<Home>) -> Arc<dyn AnyCell>,
    /// Its methods, in the order of its source.
    pub methods: fn() -> Vec<MethodInfo>,
}

/// What other nodes and tools are told about one method.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct MethodInfo {
    /// The message's id on the wire.
    pub id: u64,
    /// The message's name on the wire.
    pub name: &'static str,
    /// It has no reply.
    pub cast: bool,
    /// The schema of the message.
    pub request: Fingerprint,
    /// The schema of the reply; that of `()` for a cast.
    pub reply: Fingerprint,
}

impl Entry {
    /// The entry of `W`.
    pub const fn of<W: Worker>() -> Self {
        Self {
            name: W::NAME,
            kind: W::KIND,
            options: W::OPTIONS,
            public: W::PUBLIC,
            args: W::ARGS,
            state: W::STATE,
            shape: W::SHAPE,
            rust_type: || (TypeId::of::<W>(), std::any::type_name::<W>()),
            make: |name, epoch, home| Cell::<W>::starting(name, epoch, home),
            methods: || W::METHODS.iter().map(MethodInfo::of).collect(),
        }
    }
}

impl MethodInfo {
    fn of<W>(method: &Method<W>) -> Self {
        let Method { id, name, cast, request, reply, run: _ } = *method;
        Self { id, name, cast, request, reply }
    }
}
