//! The rights that API clients ask about by name, the least role that has each, and sets of them: what somebody may do is what
//! the role gives, less what the token that they show leaves out.

use std::str::FromStr;

use crate::domain::role::Role;

/// Defines the rights in the order in which answers list them.
macro_rules! permissions {
    ($($variant:ident = $name:literal, $least:ident, $group:literal, $about:literal;)+) => {
        /// One right in a project. All but the last bear TaskView's own names.
        #[derive(Debug, Clone, Copy, PartialEq, Eq)]
        pub enum Permission { $($variant),+ }

        impl Permission {
            pub const ALL: &'static [Permission] = &[$(Permission::$variant),+];

            pub fn name(self) -> &'static str {
                match self { $(Permission::$variant => $name),+ }
            }

            /// The lowest role that has it.
            pub fn least(self) -> Role {
                match self { $(Permission::$variant => Role::$least),+ }
            }

            /// What it is listed under.
            pub fn group(self) -> &'static str {
                match self { $(Permission::$variant => $group),+ }
            }

            /// A sentence for who makes a token.
            pub fn about(self) -> &'static str {
                match self { $(Permission::$variant => $about),+ }
            }
        }
    };
}

permissions! {
    GoalCanEdit = "goal_can_edit", Manager, "Projects", "Make projects, change their name, description and color, archive them.";
    GoalCanDelete = "goal_can_delete", Owner, "Projects", "Delete projects that one owns, hand them to a manager.";
    GoalCanManageUsers = "goal_can_manage_users", Manager, "Projects", "Add, change and remove members.";
    ComponentCanAddTasks = "component_can_add_tasks", Member, "Tasks", "Add tasks.";
    ComponentCanWatchContent = "component_can_watch_content", Member, "Tasks", "See tasks, tags and members.";
    TaskCanEditDescription = "task_can_edit_description", Member, "Tasks", "Change what a task says: description, note, parent.";
    TaskCanEditStatus = "task_can_edit_status", Member, "Tasks", "Change the status, complete tasks.";
    TaskCanEditDeadline = "task_can_edit_deadline", Member, "Tasks", "Change dates and times.";
    TaskCanEditPriority = "task_can_edit_priority", Member, "Tasks", "Change the priority.";
    TaskCanEditTags = "task_can_edit_tags", Member, "Tasks", "Tag tasks; add, change and remove tags.";
    TaskCanAssignUsers = "task_can_assign_users", Member, "Tasks", "Change who is assigned.";
    TaskCanDelete = "task_can_delete", Member, "Tasks", "Delete tasks.";
    IntegrationsCanView = "integrations_can_view", Member, "Webhooks", "See webhooks and their delivery history.";
    IntegrationsCanManage = "integrations_can_manage", Manager, "Webhooks", "Add, change, test and delete webhooks, re-send deliveries.";
    EventsCanPublish = "events_can_publish", Manager, "Webhooks", "Publish events of a host application.";
}

impl Permission {
    const fn bit(self) -> u32 {
        1 << self as u32
    }

    /// Its place in [`Permission::ALL`], from 1: the id that answers give it.
    pub fn number(self) -> u32 {
        self as u32 + 1
    }
}

impl FromStr for Permission {
    type Err = ();

    fn from_str(name: &str) -> Result<Self, ()> {
        let found = Permission::ALL.iter().find(|one| one.name() == name);
        found.copied().ok_or(())
    }
}

/// Some of the rights.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Permissions(u32);

impl Permissions {
    pub fn all() -> Self {
        Permission::ALL.iter().copied().collect()
    }

    pub fn of_role(role: Role) -> Self {
        let all = Permission::ALL.iter().copied();
        all.filter(|one| role >= one.least()).collect()
    }

    pub fn has(self, one: Permission) -> bool {
        self.0 & one.bit() != 0
    }

    pub fn both(self, other: Permissions) -> Self {
        Permissions(self.0 & other.0)
    }

    /// Who may change webhooks may see them.
    #[must_use]
    pub fn with_implied(self) -> Self {
        if self.has(Permission::IntegrationsCanManage) {
            Permissions(self.0 | Permission::IntegrationsCanView.bit())
        } else {
            self
        }
    }

    pub fn iter(self) -> impl Iterator<Item = Permission> {
        Permission::ALL.iter().copied().filter(move |one| self.has(*one))
    }
}

impl FromIterator<Permission> for Permissions {
    fn from_iter<I: IntoIterator<Item = Permission>>(some: I) -> Self {
        Permissions(some.into_iter().fold(0, |bits, one| bits | one.bit()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_higher_role_has_all_that_a_lower_one_has() {
        let [member, manager, owner] = [Role::Member, Role::Manager, Role::Owner].map(Permissions::of_role);

        assert_eq!(owner, Permissions::all());
        assert_eq!(member.both(manager), member);
        assert_eq!(manager.both(owner), manager);
        assert!(member != manager && manager != owner);
        assert!(!manager.has(Permission::GoalCanDelete));
    }

    #[test]
    fn a_right_is_found_by_its_name_only() {
        for &one in Permission::ALL {
            assert_eq!(one.name().parse(), Ok(one));
            assert_eq!(
                [one].into_iter().collect::<Permissions>().iter().collect::<Vec<_>>(),
                [one]
            );
        }
        assert_eq!("goal_can_fly".parse::<Permission>(), Err(()));
        assert_eq!("".parse::<Permission>(), Err(()));
    }
}
