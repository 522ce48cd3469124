//! What a person is in a project. The order is the order of rights: an owner can do all that a manager can.

use crate::domain::smallint::small_int_enum;

small_int_enum! {
    /// A role in a project.
    #[derive(PartialOrd, Ord)]
    pub enum Role {
        Member = 0 => "member",
        Manager = 1 => "manager",
        Owner = 2 => "owner",
    }
}
