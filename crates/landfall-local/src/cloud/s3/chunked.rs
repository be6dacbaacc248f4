//! `aws-chunked` bodies: <https://docs.aws.amazon.com/AmazonS3/latest/API/sigv4-streaming-trailers.html>.

use std::collections::BTreeMap;

use crate::cloud::fault::Fault;

/// Takes an `aws-chunked` body apart into the content and the trailing headers (names in lower case).
pub(super) fn decode(body: &[u8]) -> Result<(Vec<u8>, BTreeMap<String, String>), Fault> {
    let mut content = Vec::with_capacity(body.len());
    let mut rest = body;
    loop {
        let (line, after) = line(rest)?;
        let size = line.split(';').next().unwrap_or_default().trim();
        let size =
            usize::from_str_radix(size, 16).map_err(|_| incomplete("a chunk has no size"))?;
        rest = after;
        if size == 0 {
            break;
        }
        let chunk = rest
            .get(..size)
            .ok_or_else(|| incomplete("the last chunk is cut off"))?;
        content.extend_from_slice(chunk);
        rest = rest[size..]
            .strip_prefix(b"\r\n")
            .ok_or_else(|| incomplete("a chunk does not end where it says"))?;
    }
    let mut trailers = BTreeMap::new();
    while !rest.is_empty() {
        let (line, after) = line(rest)?;
        if let Some((name, value)) = line.split_once(':') {
            trailers.insert(name.trim().to_lowercase(), value.trim().to_owned());
        }
        rest = after;
    }
    Ok((content, trailers))
}

fn line(bytes: &[u8]) -> Result<(&str, &[u8]), Fault> {
    let end = bytes
        .windows(2)
        .position(|pair| pair == b"\r\n")
        .ok_or_else(|| incomplete("a line has no end"))?;
    let line = std::str::from_utf8(&bytes[..end])
        .map_err(|_| incomplete("a chunk's header is not text"))?;
    Ok((line, &bytes[end + 2..]))
}

fn incomplete(reason: &str) -> Fault {
    Fault::client(
        "IncompleteBody",
        format!("The aws-chunked request body is not complete: {reason}."),
    )
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn chunks_with_signatures_and_a_trailer_give_the_content() {
        let body = b"5;chunk-signature=ab\r\nHello\r\n7\r\n, World\r\n0;chunk-signature=cd\r\nx-amz-checksum-crc32:AAAAAA==\r\n\r\n";
        let (content, trailers) = decode(body).unwrap();
        assert_eq!(content, b"Hello, World");
        assert_eq!(trailers["x-amz-checksum-crc32"], "AAAAAA==");
    }

    #[test]
    fn a_body_that_was_cut_off_is_refused() {
        assert_eq!(decode(b"ff\r\nHello").unwrap_err().code, "IncompleteBody");
    }
}
