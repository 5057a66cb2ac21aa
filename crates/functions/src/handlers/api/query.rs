//! Decodes a query string into a type: the type of a field decides how its value is parsed.

use std::borrow::Cow;

use api::ApiError;
use percent_encoding::percent_decode_str;
use serde::Deserializer;
use serde::de::value::{Error, MapDeserializer};
use serde::de::{DeserializeOwned, Error as _, IntoDeserializer, Visitor};
use serde::forward_to_deserialize_any;

use crate::handlers::json::MAX_INTEGER;

/// Decodes `application/x-www-form-urlencoded` text.
///
/// # Errors
/// Names the parameter that is unknown or given twice, or says why a value is invalid.
pub(super) fn parse<T: DeserializeOwned>(query: &str) -> Result<T, ApiError> {
    let pairs = query.split('&').filter(|pair| !pair.is_empty());
    let pairs = pairs.map(|pair| {
        let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
        Ok((decode(name)?, ParameterValue(decode(value)?)))
    });
    let pairs: Vec<(String, ParameterValue)> = pairs.collect::<Result<_, ApiError>>()?;
    T::deserialize(MapDeserializer::new(pairs.into_iter()))
        .map_err(|error: Error| ApiError::BadRequest(format!("the query is invalid: {error}")))
}

fn decode(text: &str) -> Result<String, ApiError> {
    let spaced = text.replace('+', " ");
    let text = percent_decode_str(&spaced).decode_utf8();
    text.map(Cow::into_owned)
        .map_err(|_| ApiError::BadRequest("the query is not UTF-8".to_owned()))
}

struct ParameterValue(String);

impl IntoDeserializer<'_> for ParameterValue {
    type Deserializer = Self;

    fn into_deserializer(self) -> Self {
        self
    }
}

macro_rules! parsed {
    ($($method:ident $visit:ident $type:ty;)*) => {
        $(fn $method<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
            let number = self.0.parse::<$type>();
            visitor.$visit(number.map_err(|error| Error::custom(format!("{:?}: {error}", self.0)))?)
        })*
    };
}

impl<'de> Deserializer<'de> for ParameterValue {
    type Error = Error;

    fn deserialize_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
        visitor.visit_string(self.0)
    }

    fn deserialize_option<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
        visitor.visit_some(self)
    }

    parsed! {
        deserialize_bool visit_bool bool;
        deserialize_u8 visit_u8 u8;
        deserialize_u16 visit_u16 u16;
    }

    fn deserialize_u64<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
        let number = self.0.parse::<u64>();
        let number = number.map_err(|error| Error::custom(format!("{:?}: {error}", self.0)))?;
        if number > MAX_INTEGER {
            return Err(Error::custom(format!(
                "{:?}: more than {MAX_INTEGER}",
                self.0
            )));
        }
        visitor.visit_u64(number)
    }

    forward_to_deserialize_any! {
        i8 i16 i32 i64 i128 u32 u128 f32 f64 char str string bytes byte_buf unit unit_struct newtype_struct
        seq tuple tuple_struct map struct enum identifier ignored_any
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use api::types::JobQuery;

    #[test]
    fn query_values_are_parsed_by_the_type_of_their_field() {
        let query: JobQuery = parse("q=7&since=8&limit=9&tenant=a%2Db+c").unwrap();
        assert_eq!(query.q.as_deref(), Some("7"));
        assert_eq!((query.since, query.limit), (Some(8), Some(9)));
        assert_eq!(query.tenant.as_deref(), Some("a-b c"));
        assert_eq!(parse::<JobQuery>("").unwrap(), JobQuery::default());
    }

    #[test]
    fn invalid_query_error_names_the_parameter_or_the_value() {
        for (query, part) in [
            ("colour=red", "colour"),
            ("q=a&q=b", "q"),
            ("limit=x", "\"x\""),
            ("since=-1", "\"-1\""),
            ("since=9007199254740992", "9007199254740991"),
            ("q=%ff", "UTF-8"),
        ] {
            let error = parse::<JobQuery>(query).unwrap_err().to_string();
            assert!(error.contains(part), "{query}: {error}");
        }
    }
}
