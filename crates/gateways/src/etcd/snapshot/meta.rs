//! Meta pages: where the newest root is.
//!
//! Pages 0 and 1 are written in turn, so that one of them is whole whatever happens. The one of the
//! higher transaction counts, if its checksum holds.
//!
//! ```text
//!   magic 4 │ version 4 │ page size 4 │ flags 4 │ root 8 │ sequence 8 │ freelist 8 │ pages 8 │
//!   transaction 8 │ FNV-1a of all that 8
//! ```

use bytes::BufMut;

use super::page::{HEADER, Header, Kind, u32_at, u64_at};

const MAGIC: u32 = 0xed0c_daed;
const VERSION: u32 = 2;
/// Bytes of a meta page behind its header, the checksum included.
const LENGTH: usize = 64;
/// Bytes of a meta page that mean something.
pub const META: usize = HEADER + LENGTH;

/// What a meta page says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Meta {
    /// Bytes of a page.
    pub page_size: u32,
    /// The page where the tree of buckets begins.
    pub root: u64,
    /// The page that lists pages that are not used.
    pub freelist: u64,
    /// How many pages the file has, used or not.
    pub pages: u64,
    /// Which transaction wrote it.
    pub transaction: u64,
}

impl Meta {
    /// Reads a meta page; none if it is not one, or not whole.
    pub fn parse(page: &[u8]) -> Option<Meta> {
        let header = Header::parse(page)?;
        let body = page.get(HEADER..META)?;
        let (checked, checksum) = body.split_at(LENGTH - 8);
        let whole = header.kind == Kind::Meta as u16
            && u32_at(body, 0)? == MAGIC
            && u32_at(body, 4)? == VERSION
            && u64_at(checksum, 0)? == fnv(checked);
        whole.then_some(Meta {
            page_size: u32_at(body, 8)?,
            root: u64_at(body, 16)?,
            freelist: u64_at(body, 32)?,
            pages: u64_at(body, 40)?,
            transaction: u64_at(body, 48)?,
        })
    }

    /// The bytes of a meta page, without what fills it up.
    pub fn bytes(&self) -> Vec<u8> {
        let mut out = Vec::with_capacity(META);
        let id = self.transaction % 2;
        Header { id, kind: Kind::Meta as u16, count: 0, overflow: 0 }.write(&mut out);
        out.put_u32_le(MAGIC);
        out.put_u32_le(VERSION);
        out.put_u32_le(self.page_size);
        out.put_u32_le(0);
        out.put_u64_le(self.root);
        out.put_u64_le(0);
        out.put_u64_le(self.freelist);
        out.put_u64_le(self.pages);
        out.put_u64_le(self.transaction);
        let checksum = fnv(out.get(HEADER..).unwrap_or_default());
        out.put_u64_le(checksum);
        out
    }
}

/// Makes the checksum of a meta page right, for whoever changes pages to see what comes of it.
pub fn mend(page: &mut [u8]) {
    let Some(body) = page.get_mut(HEADER..META) else { return };
    let (checked, checksum) = body.split_at_mut(LENGTH - 8);
    checksum.copy_from_slice(&fnv(checked).to_le_bytes());
}

/// FNV-1a, 64 bits.
fn fnv(bytes: &[u8]) -> u64 {
    let step = |hash: u64, byte: &u8| (hash ^ u64::from(*byte)).wrapping_mul(0x100_0000_01b3);
    bytes.iter().fold(0xcbf2_9ce4_8422_2325, step)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn the_page_is_golden() {
        assert_eq!(fnv(b""), 0xcbf2_9ce4_8422_2325);
        assert_eq!(fnv(b"a"), 0xaf63_dc4c_8601_ec8c);
        let meta = Meta { page_size: 4_096, root: 3, freelist: 2, pages: 4, transaction: 1 };
        let bytes = meta.bytes();
        let body = [
            0xed, 0xda, 0x0c, 0xed, 2, 0, 0, 0, 0, 16, 0, 0, 0, 0, 0, 0, 3, 0, 0, 0, 0, 0, 0, 0, 0,
            0, 0, 0, 0, 0, 0, 0, 2, 0, 0, 0, 0, 0, 0, 0, 4, 0, 0, 0, 0, 0, 0, 0, 1, 0, 0, 0, 0, 0,
            0, 0,
        ];
        assert_eq!(bytes[..HEADER], [1, 0, 0, 0, 0, 0, 0, 0, 4, 0, 0, 0, 0, 0, 0, 0]);
        assert_eq!(bytes[HEADER..META - 8], body);
        assert_eq!(Meta::parse(&bytes), Some(meta));
    }

    proptest! {
        #[test]
        fn a_changed_page_is_no_page(at in 8..META, by in 1u8..) {
            let meta = Meta { page_size: 4_096, root: 3, freelist: 2, pages: 4, transaction: 1 };
            let mut bytes = meta.bytes();
            bytes[at] ^= by;
            let ignored = 10..HEADER;
            prop_assert_eq!(Meta::parse(&bytes).is_some(), ignored.contains(&at));
            mend(&mut bytes);
            let _ = Meta::parse(&bytes);
        }
    }
}
