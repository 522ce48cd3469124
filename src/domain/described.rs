//! How the API's description tells the types that are a plain number or text on the wire.

use serde_json::Value;
use utoipa::openapi::{KnownFormat, ObjectBuilder, RefOr, Schema, SchemaFormat, Type};

/// A 64-bit integer.
pub fn integer(example: i64) -> RefOr<Schema> {
    let object = ObjectBuilder::new()
        .schema_type(Type::Integer)
        .format(Some(SchemaFormat::KnownFormat(KnownFormat::Int64)))
        .examples([Value::from(example)]);
    object.build().into()
}

/// A text of this format.
pub fn text(format: KnownFormat, example: &str) -> RefOr<Schema> {
    let object = ObjectBuilder::new()
        .schema_type(Type::String)
        .format(Some(SchemaFormat::KnownFormat(format)))
        .examples([Value::from(example)]);
    object.build().into()
}

/// A text of this shape.
pub fn pattern(pattern: &str, example: &str) -> RefOr<Schema> {
    let object = ObjectBuilder::new()
        .schema_type(Type::String)
        .pattern(Some(pattern))
        .examples([Value::from(example)]);
    object.build().into()
}

/// One of these words.
pub fn words(all: impl IntoIterator<Item = &'static str>) -> RefOr<Schema> {
    let all: Vec<&str> = all.into_iter().collect();
    let object = ObjectBuilder::new()
        .schema_type(Type::String)
        .examples(all.first().map(|word| Value::from(*word)))
        .enum_values(Some(all));
    object.build().into()
}
