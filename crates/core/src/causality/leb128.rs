//! Numbers in as few bytes as they need: seven bits in each, the lowest first, and the eighth says that
//! another byte follows (LEB128, as in DWARF 5, section 7.6). A number has one form only.

/// The most bytes of a number.
pub(super) const LONGEST: usize = 10;

/// Takes a number off the bytes; `None` if they are too few, are not the shortest form, or do not fit.
pub(super) fn take(bytes: &mut &[u8]) -> Option<u64> {
    let mut number = 0;
    for shift in (0..u64::BITS).step_by(7) {
        let (byte, rest) = bytes.split_first()?;
        *bytes = rest;
        let part = u64::from(byte & 0x7f);
        number |= part << shift;
        if number >> shift != part {
            return None;
        }
        if byte & 0x80 == 0 {
            let is_shortest = part > 0 || shift == 0;
            return is_shortest.then_some(number);
        }
    }
    None
}

/// Puts a number at the place; `None` if there is no room for it.
pub(super) fn put(room: &mut [u8], at: &mut usize, mut number: u64) -> Option<()> {
    loop {
        let more = number > 0x7f;
        *room.get_mut(*at)? = number as u8 & 0x7f | u8::from(more) << 7;
        *at += 1;
        number >>= 7;
        if !more {
            return Some(());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers() {
        let ends = (0..64)
            .flat_map(|bit| [(1_u64 << bit) - 1, 1 << bit])
            .chain([u64::MAX]);
        for number in ends {
            let (mut room, mut at) = ([0; LONGEST], 0);
            assert_eq!(put(&mut room, &mut at, number), Some(()));
            let mut bytes = &room[..at];
            assert_eq!(take(&mut bytes), Some(number));
            assert!(bytes.is_empty());
            // cut short, in a longer form, without room
            assert_eq!(take(&mut &room[..at - 1]), None);
            let mut longer = room[..at].to_vec();
            longer[at - 1] |= 0x80;
            longer.push(0);
            assert_eq!(take(&mut longer.as_slice()), None);
            assert_eq!(put(&mut room[..at - 1], &mut 0, number), None);
        }
        // 2^64, and more
        for last in [2, 0x7f] {
            let mut bytes = [0x80; LONGEST];
            bytes[LONGEST - 1] = last;
            assert_eq!(take(&mut bytes.as_slice()), None);
        }
        assert_eq!(take(&mut [0xff; 11].as_slice()), None);
    }
}
