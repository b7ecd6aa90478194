//! Owns the service that programs that are no members speak to, as tarpc makes it of this trait. Never loses a method or its one
//! argument: later versions only add to them.

use super::answer::{Answers, Delivered, Done, Listed, Place, Reply, Welcome};
use super::ask::{Hello, Membership, Named, Page, Registration, Sent, Survey};
use super::failure::Failure;

#[tarpc::service]
pub(crate) trait Gateway {
    /// Who are you, and what do you understand? Also asked now and then, to see whether you are still there.
    async fn hello(ask: Hello) -> Welcome;
    /// Start this worker under this name.
    async fn register(ask: Registration) -> Result<Place, Failure>;
    /// Where is this name? If nobody has it, start this worker.
    async fn whereis_or_register(ask: Registration) -> Result<Place, Failure>;
    /// Where is this name?
    async fn whereis(ask: Named) -> Result<Option<Place>, Failure>;
    /// End this worker and free its name.
    async fn unregister(ask: Named) -> Result<Done, Failure>;
    /// Have this worker answer this message.
    async fn call(ask: Sent) -> Result<Reply, Failure>;
    /// Give it this message.
    async fn cast(ask: Sent) -> Result<Done, Failure>;
    /// Give it to all members of a group.
    async fn publish(ask: Survey) -> Result<Delivered, Failure>;
    /// Have all members of a group answer it.
    async fn multicall(ask: Survey) -> Result<Answers, Failure>;
    /// Who is there, in the order of the names, after this one?
    async fn page(ask: Page) -> Result<Listed, Failure>;
    /// Put this name into a group.
    async fn join(ask: Membership) -> Result<Done, Failure>;
    /// Take it out again.
    async fn leave(ask: Membership) -> Result<Done, Failure>;
}
