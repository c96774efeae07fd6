//! Australia and New Zealand.

use super::{id, weak};
use crate::checksum::{modulo, weighted};
use crate::formats::Format;

pub(crate) static FORMATS: &[Format] = &[
    id("au-tfn", r"[0-9]{3} ?[0-9]{3} ?[0-9]{3}", |c| {
        let d = c.digits();
        weak(c, weighted(&d, &[1, 4, 3, 7, 5, 8, 6, 9, 10]).is_multiple_of(11) && d.iter().any(|x| *x != 0))
    }),
    id("au-abn", r"[1-9][0-9] ?[0-9]{3} ?[0-9]{3} ?[0-9]{3}", |c| {
        let d = c.digits();
        let sum = weighted(&d, &[10, 1, 3, 5, 7, 9, 11, 13, 15, 17, 19]) - 10;
        weak(c, sum.is_multiple_of(89))
    }),
    id("au-acn", r"[0-9]{3} ?[0-9]{3} ?[0-9]{3}", |c| {
        let d = c.digits();
        let check = (10 - weighted(&d[..8], &[8, 7, 6, 5, 4, 3, 2, 1]) % 10) % 10;
        weak(c, check == u32::from(d[8]))
    }),
    id("au-medicare", r"[2-6][0-9]{3} ?[0-9]{5} ?[0-9](?:[ /-]?[1-9])?", |c| {
        let d = c.digits();
        weak(c, weighted(&d[..8], &[1, 3, 7, 9, 1, 3, 7, 9]) % 10 == u32::from(d[8]))
    }),
    id("nz-ird", r"[0-9]{2,3}-?[0-9]{3}-?[0-9]{3}", |c| {
        let d = c.digits();
        let mut padded = vec![0; 9 - d.len()];
        padded.extend_from_slice(&d);
        let check = |weights: &[u32]| (11 - weighted(&padded[..8], weights) % 11) % 11;
        let expect = match check(&[3, 2, 7, 6, 5, 4, 3, 2]) {
            10 => check(&[7, 4, 3, 2, 5, 2, 7, 6]),
            rest => rest,
        };
        weak(c, expect == u32::from(padded[8]) && modulo(&d, 1_000_000_000) > 10_000_000)
    }),
];

#[cfg(test)]
mod tests {
    use crate::entity::EntityType::NationalId;
    use crate::recognizers::testing::check;

    #[test]
    fn australian_numbers() {
        check(
            NationalId,
            &[
                ("TFN 123 456 782", &["123 456 782"]),
                ("rows 123 456 783", &[]),
                ("ABN 51 824 753 556", &["51 824 753 556"]),
                ("medicare 2123 45670 1", &["2123 45670 1"]),
                ("51 824 753 556 bytes were read", &[]),
            ],
        );
    }
}
