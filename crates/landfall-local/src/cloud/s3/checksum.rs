//! Checksums of objects: <https://docs.aws.amazon.com/AmazonS3/latest/userguide/checking-object-integrity.html>.

use base64::{Engine, engine::general_purpose::STANDARD};
use crc_fast::CrcAlgorithm;
use sha2::{Digest, Sha256};

use super::request::S3Request;
use crate::cloud::fault::Fault;

/// The algorithms by the ending of their header `x-amz-checksum-<ending>`.
pub(super) const ALGORITHMS: [&str; 5] = ["crc32", "crc32c", "crc64nvme", "sha1", "sha256"];

/// The raw checksum; big-endian for CRCs. `None` for an algorithm that is not in [`ALGORITHMS`].
pub(super) fn compute(algorithm: &str, body: &[u8]) -> Option<Vec<u8>> {
    let crc32 = |algorithm| {
        (crc_fast::checksum(algorithm, body) as u32)
            .to_be_bytes()
            .to_vec()
    };
    match algorithm {
        "crc32" => Some(crc32(CrcAlgorithm::Crc32IsoHdlc)),
        "crc32c" => Some(crc32(CrcAlgorithm::Crc32Iscsi)),
        "crc64nvme" => Some(
            crc_fast::checksum(CrcAlgorithm::Crc64Nvme, body)
                .to_be_bytes()
                .to_vec(),
        ),
        "sha1" => Some(<sha1::Sha1 as sha1::Digest>::digest(body).to_vec()),
        "sha256" => Some(Sha256::digest(body).to_vec()),
        _ => None,
    }
}

/// The checksum in base64, as it stands in headers.
pub(super) fn encoded(algorithm: &str, body: &[u8]) -> Option<String> {
    compute(algorithm, body).map(|raw| STANDARD.encode(raw))
}

/// MD5 in raw bytes: the base of every ETag.
pub(super) fn md5(body: &[u8]) -> Vec<u8> {
    <md5::Md5 as md5::Digest>::digest(body).to_vec()
}

/// Checks every digest that came with a body, and answers the algorithm and value to keep with the object. S3 computes
/// CRC64NVME where the caller sent none.
pub(super) fn verify(request: &S3Request, body: &[u8]) -> Result<(String, String), Fault> {
    if let Some(expected) = request.header("content-md5")
        && STANDARD.encode(md5(body)) != expected
    {
        return Err(Fault::client(
            "BadDigest",
            "The Content-MD5 you specified did not match what we received.",
        ));
    }
    if let Some(expected) = request
        .header("x-amz-content-sha256")
        .filter(|value| value.len() == 64)
        && hex::encode(Sha256::digest(body)) != expected
    {
        let message =
            "The provided 'x-amz-content-sha256' header does not match what was computed.";
        return Err(Fault::client("XAmzContentSHA256Mismatch", message));
    }
    for algorithm in ALGORITHMS {
        let Some(expected) = request.checksum(algorithm) else {
            continue;
        };
        if encoded(algorithm, body).as_deref() != Some(expected) {
            let message = format!(
                "The {} you specified did not match the calculated checksum.",
                algorithm.to_uppercase()
            );
            return Err(Fault::client("BadDigest", message));
        }
        return Ok((algorithm.into(), expected.into()));
    }
    let value = encoded("crc64nvme", body).unwrap_or_default();
    Ok(("crc64nvme".into(), value))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    /// Check values of the CRC catalogue and RFC 3174 / FIPS 180 for "123456789".
    #[test]
    fn each_algorithm_gives_its_published_check_value() {
        let expected = [
            ("crc32", "cbf43926"),
            ("crc32c", "e3069283"),
            ("crc64nvme", "ae8b14860a799888"),
            ("sha1", "f7c3bc1d808e04732adf679965ccc34ca7ae3441"),
            (
                "sha256",
                "15e2b0d3c33891ebb0f1ef609ec419420c20e320ce94c65fbc8c3312448eb225",
            ),
        ];
        for (algorithm, value) in expected {
            assert_eq!(
                hex::encode(compute(algorithm, b"123456789").unwrap()),
                value,
                "{algorithm}"
            );
        }
    }
}
