//! Enums that are a SMALLINT on disk and a word on the wire. One macro, because each of them needs the same five impls for
//! any backend, and a forgotten one would show up only on the other database.

/// Defines a fieldless enum with its number on disk and its word: `as_str`, `Display`, `FromStr`, serde and diesel.
macro_rules! small_int_enum {
    ($(#[$meta:meta])* pub enum $name:ident { $($(#[$vmeta:meta])* $variant:ident = $number:literal => $word:literal),+ $(,)? }) => {
        $(#[$meta])*
        #[derive(
            Debug, Clone, Copy, PartialEq, Eq, Hash,
            diesel::expression::AsExpression, diesel::deserialize::FromSqlRow,
        )]
        #[diesel(sql_type = diesel::sql_types::SmallInt)]
        #[repr(i16)]
        pub enum $name { $($(#[$vmeta])* $variant = $number),+ }

        impl $name {
            pub const ALL: &'static [$name] = &[$($name::$variant),+];

            pub fn as_str(self) -> &'static str {
                match self { $($name::$variant => $word),+ }
            }
        }

        impl std::fmt::Display for $name {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str(self.as_str())
            }
        }

        impl std::str::FromStr for $name {
            type Err = ();

            fn from_str(word: &str) -> Result<Self, ()> {
                match word { $($word => Ok($name::$variant),)+ _ => Err(()) }
            }
        }

        impl utoipa::PartialSchema for $name {
            fn schema() -> utoipa::openapi::RefOr<utoipa::openapi::Schema> {
                crate::domain::described::words($name::ALL.iter().map(|one| one.as_str()))
            }
        }

        impl utoipa::ToSchema for $name {}

        impl serde::Serialize for $name {
            fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                serializer.serialize_str(self.as_str())
            }
        }

        impl<DB: diesel::backend::Backend> diesel::deserialize::FromSql<diesel::sql_types::SmallInt, DB> for $name
        where
            i16: diesel::deserialize::FromSql<diesel::sql_types::SmallInt, DB>,
        {
            fn from_sql(bytes: DB::RawValue<'_>) -> diesel::deserialize::Result<Self> {
                match <i16 as diesel::deserialize::FromSql<diesel::sql_types::SmallInt, DB>>::from_sql(bytes)? {
                    $($number => Ok($name::$variant),)+
                    other => Err(format!("{other} is not a {}", stringify!($name)).into()),
                }
            }
        }

        impl<DB: diesel::backend::Backend> diesel::serialize::ToSql<diesel::sql_types::SmallInt, DB> for $name
        where
            i16: diesel::serialize::ToSql<diesel::sql_types::SmallInt, DB>,
        {
            fn to_sql<'b>(&'b self, out: &mut diesel::serialize::Output<'b, '_, DB>) -> diesel::serialize::Result {
                // A reference with the statement's lifetime: diesel binds by reference.
                match self { $($name::$variant => {
                    const NUMBER: i16 = $number;
                    diesel::serialize::ToSql::<diesel::sql_types::SmallInt, DB>::to_sql(&NUMBER, out)
                })+ }
            }
        }
    };
}

pub(crate) use small_int_enum;
