//! Names and values of forms and queries (`application/x-www-form-urlencoded`).

use client::text::percent;

/// Names and values that were sent, in their order.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Form(Vec<(String, String)>);

/// Names and values that are read.
const FIELDS_MAX: usize = 64;

impl Form {
    /// Reads a query or the body of a form; what is no text is left out.
    pub fn read(text: &str) -> Form {
        let pairs = text.split('&').filter(|pair| !pair.is_empty()).take(FIELDS_MAX);
        Form(
            pairs
                .filter_map(|pair| {
                    let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
                    Some((decode(name)?, decode(value)?))
                })
                .collect(),
        )
    }

    /// The first value of a name; empty if there is none.
    pub fn get(&self, name: &str) -> &str {
        self.all(name).next().unwrap_or_default()
    }

    /// All values of a name.
    pub fn all(&self, name: &str) -> impl Iterator<Item = &str> {
        self.0.iter().filter(move |(known, _)| known == name).map(|(_, value)| value.as_str())
    }
}

/// A name or a value, decoded; `None` if it is no text.
fn decode(text: &str) -> Option<String> {
    segment(&text.replace('+', " "))
}

/// A part of a path, decoded; `None` if it is no text.
pub fn segment(text: &str) -> Option<String> {
    String::from_utf8(percent::decode_path(text)?).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn forms_are_read_and_written() {
        let form = Form::read("node=n1&to=n2&to=n3&text=a+b%26c&&flag&bad=%f");
        assert_eq!((form.get("node"), form.get("text"), form.get("flag")), ("n1", "a b&c", ""));
        assert_eq!(form.all("to").collect::<Vec<_>>(), ["n2", "n3"]);
        assert_eq!(form.get("bad"), "");
    }
}
