//! Names of keyspaces.

/// The longest name, in bytes.
const NAME_BYTES_MAX: usize = 64;

/// Whether this is a name for a keyspace: 1 to 64 of `a-z 0-9 - _ .`, starting with a letter.
#[must_use]
pub fn check_name(name: &str) -> bool {
    let letter = |byte: u8| byte.is_ascii_lowercase();
    name.len() <= NAME_BYTES_MAX
        && name.bytes().next().is_some_and(letter)
        && name.bytes().all(|byte| letter(byte) || byte.is_ascii_digit() || b"-_.".contains(&byte))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_fit_urls_and_files() {
        for good in ["a", "carts", "team-7.orders_v2"] {
            assert!(check_name(good), "{good}");
        }
        for bad in ["", "_catalog", "7up", "Carts", "a/b", "ä", "a b", &"x".repeat(65)] {
            assert!(!check_name(bad), "{bad}");
        }
    }
}
