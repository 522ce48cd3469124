//! The rights that API clients ask about by name, and the least role that has each.

use crate::domain::role::Role;

/// In the order in which answers list them. All but the last are TaskView's own names.
pub const PERMISSIONS: &[(&str, Role)] = &[
    ("goal_can_edit", Role::Manager),
    ("goal_can_delete", Role::Owner),
    ("goal_can_manage_users", Role::Manager),
    ("component_can_add_tasks", Role::Member),
    ("component_can_watch_content", Role::Member),
    ("task_can_edit_description", Role::Member),
    ("task_can_edit_status", Role::Member),
    ("task_can_edit_deadline", Role::Member),
    ("task_can_edit_priority", Role::Member),
    ("task_can_edit_tags", Role::Member),
    ("task_can_assign_users", Role::Member),
    ("task_can_delete", Role::Member),
    ("integrations_can_view", Role::Member),
    ("integrations_can_manage", Role::Manager),
    ("events_can_publish", Role::Manager),
];

/// What somebody with this role may do.
pub fn of_role(role: Role) -> impl Iterator<Item = &'static str> {
    let granted = PERMISSIONS.iter().filter(move |(_, least)| role >= *least);
    granted.map(|(name, _)| *name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_higher_role_has_all_that_a_lower_one_has() {
        let count = |role| of_role(role).count();

        assert_eq!(count(Role::Owner), PERMISSIONS.len());
        assert!(count(Role::Member) < count(Role::Manager));
        assert!(of_role(Role::Member).all(|name| of_role(Role::Manager).any(|other| other == name)));
        assert!(!of_role(Role::Manager).any(|name| name == "goal_can_delete"));
    }
}
