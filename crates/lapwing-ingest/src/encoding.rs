//! Undoing `Content-Encoding` within bounds: a small body must not become a large one.

use std::io::{self, Read};

use bytes::Bytes;

/// How a body is compressed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Encoding {
    Identity,
    Gzip,
    Zstd,
}

impl Encoding {
    /// Reads the header's value; more than one encoding is not supported.
    pub(crate) fn parse(text: &str) -> Option<Self> {
        match text.trim().to_ascii_lowercase().as_str() {
            "" | "identity" => Some(Self::Identity),
            "gzip" | "x-gzip" => Some(Self::Gzip),
            "zstd" => Some(Self::Zstd),
            _ => None,
        }
    }

    /// How large a body of this many bytes may become.
    pub(crate) fn bound(self, sent: usize, limits: Limits) -> usize {
        match self {
            Self::Identity => sent.min(limits.max_bytes),
            Self::Gzip | Self::Zstd => sent.saturating_mul(limits.max_ratio).max(FREE).min(limits.max_bytes),
        }
    }
}

/// The bounds of a decompressed body.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Limits {
    pub max_bytes: usize,
    pub max_ratio: usize,
}

/// What is wrong with a body as a whole.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum EncodingFault {
    #[error("body is longer than {0} bytes after decompression; send fewer events in a request")]
    TooLarge(usize),
    #[error("body is not what its content-encoding says: {0}")]
    Malformed(&'static str),
}

/// Up to this size the ratio is not looked at: a short body of one repeated word may well shrink a thousandfold.
const FREE: usize = 1 << 20;

/// The window of a zstd frame is at most 8 MiB (RFC 8878, section 3.1.1.1.2), whatever the frame claims.
const ZSTD_WINDOW_LOG_MAX: u32 = 23;

/// The body as it was before compression.
pub(crate) fn decompress(body: Bytes, encoding: Encoding, limits: Limits) -> Result<Bytes, EncodingFault> {
    let bound = encoding.bound(body.len(), limits);
    match encoding {
        Encoding::Identity if body.len() > bound => Err(EncodingFault::TooLarge(bound)),
        Encoding::Identity => Ok(body),
        Encoding::Gzip => read_bounded(flate2::read::MultiGzDecoder::new(&body[..]), bound, "not a gzip stream"),
        Encoding::Zstd => {
            let malformed = |_: io::Error| EncodingFault::Malformed("not a zstd stream");
            let mut decoder = zstd::stream::read::Decoder::with_buffer(&body[..]).map_err(malformed)?;
            decoder.window_log_max(ZSTD_WINDOW_LOG_MAX).map_err(malformed)?;
            read_bounded(decoder, bound, "not a zstd stream, or its window is over 8 MiB")
        }
    }
}

fn read_bounded(decoder: impl Read, bound: usize, malformed: &'static str) -> Result<Bytes, EncodingFault> {
    let mut out = Vec::new();
    // One byte more than allowed tells a body that fits exactly from one that goes on.
    decoder.take(bound as u64 + 1).read_to_end(&mut out).map_err(|_| EncodingFault::Malformed(malformed))?;
    if out.len() > bound {
        return Err(EncodingFault::TooLarge(bound));
    }
    Ok(out.into())
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use std::io::Write;

    use super::*;

    const LIMITS: Limits = Limits { max_bytes: 16 << 20, max_ratio: 100 };

    fn gzip(body: &[u8]) -> Bytes {
        let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::default());
        encoder.write_all(body).unwrap();
        encoder.finish().unwrap().into()
    }

    fn zstd(body: &[u8]) -> Bytes {
        zstd::encode_all(body, 3).unwrap().into()
    }

    #[test]
    fn bodies_come_out_as_they_went_in() {
        let text = b"{\"prompt\":\"hello\"}".repeat(1000);
        for (body, encoding) in
            [(text.clone().into(), Encoding::Identity), (gzip(&text), Encoding::Gzip), (zstd(&text), Encoding::Zstd)]
        {
            assert_eq!(decompress(body, encoding, LIMITS).unwrap(), text, "{encoding:?}");
        }
    }

    #[test]
    fn a_bomb_stops_at_the_bound() {
        let zeros = vec![b' '; 64 << 20];
        for (body, encoding) in [(gzip(&zeros), Encoding::Gzip), (zstd(&zeros), Encoding::Zstd)] {
            let bound = encoding.bound(body.len(), LIMITS);
            assert!(bound < 16 << 20, "the ratio bounds it before the size does");
            assert_eq!(decompress(body, encoding, LIMITS), Err(EncodingFault::TooLarge(bound)), "{encoding:?}");
        }
        let small = Limits { max_bytes: 10, max_ratio: 100 };
        assert_eq!(decompress(gzip(b"12345678901"), Encoding::Gzip, small), Err(EncodingFault::TooLarge(10)));
        assert_eq!(decompress(gzip(b"1234567890"), Encoding::Gzip, small).unwrap(), &b"1234567890"[..]);
        assert_eq!(decompress(vec![0; 11].into(), Encoding::Identity, small), Err(EncodingFault::TooLarge(10)));
    }

    #[test]
    fn what_is_not_compressed_as_it_says_is_refused() {
        for encoding in [Encoding::Gzip, Encoding::Zstd] {
            for body in [&b"{}"[..], &gzip(b"hello")[..12], &zstd(b"hello")[..8]] {
                let result = decompress(Bytes::copy_from_slice(body), encoding, LIMITS);
                assert!(matches!(result, Err(EncodingFault::Malformed(_))), "{encoding:?} {result:?}");
            }
        }
    }
}
