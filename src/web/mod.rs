//! Pages for people and JSON for programs. A handler reads the request, calls one action and renders; rules live below.
//! `routes` is the one table of every URL.

pub mod assets;
pub mod form;
pub mod headers;
pub mod json_tree;
pub mod laptop;
pub mod same_origin;
pub mod words;

#[cfg(test)]
mod parts_tests;
