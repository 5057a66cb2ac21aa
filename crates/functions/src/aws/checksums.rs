//! The checksums that S3 has of an object.

use aws_sdk_s3::operation::head_object::HeadObjectOutput;
use aws_sdk_s3::types::ChecksumType;
use jobs::ports::Checksum;

/// The checksum over the whole object, if it has one.
pub(super) fn full_checksum(head: &HeadObjectOutput) -> Option<Checksum> {
    let known = [
        ("SHA256", head.checksum_sha256()),
        ("CRC64NVME", head.checksum_crc64_nvme()),
        ("CRC32C", head.checksum_crc32_c()),
        ("CRC32", head.checksum_crc32()),
        ("SHA1", head.checksum_sha1()),
    ];
    let mut found = known
        .into_iter()
        .filter_map(|(algorithm, value)| Some((algorithm, value?)));
    // Older objects have no type: the number of parts after the value says that it is a checksum of checksums.
    let is_composite =
        |value: &str| head.checksum_type() == Some(&ChecksumType::Composite) || value.contains('-');
    let (algorithm, value) = found.find(|(_, value)| !is_composite(value))?;
    Some(Checksum {
        algorithm,
        value: value.to_owned(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_checksum_over_the_whole_object_counts() {
        let of = |algorithm: &'static str, value: &str| {
            Some(Checksum {
                algorithm,
                value: value.to_owned(),
            })
        };
        let crc = HeadObjectOutput::builder().checksum_crc64_nvme("iG3Ku/ePo5Q=");
        let sha = HeadObjectOutput::builder()
            .checksum_sha256("LCa0a2j/xo/5m0U8HTBBNBNCLXBkg7+g+YpeiGJm564=");
        let parts = HeadObjectOutput::builder()
            .checksum_sha256("OBMZLtc2Gt2Dx2yWKHtPRPv+Sdw2VTbKp3n7KX4sFr8=-2");
        for (head, expected) in [
            (crc.clone(), of("CRC64NVME", "iG3Ku/ePo5Q=")),
            (
                crc.clone().checksum_type(ChecksumType::FullObject),
                of("CRC64NVME", "iG3Ku/ePo5Q="),
            ),
            (crc.checksum_type(ChecksumType::Composite), None),
            (
                sha,
                of("SHA256", "LCa0a2j/xo/5m0U8HTBBNBNCLXBkg7+g+YpeiGJm564="),
            ),
            (parts, None),
            (HeadObjectOutput::builder(), None),
        ] {
            let head = head.build();
            assert_eq!(full_checksum(&head), expected, "{head:?}");
        }
    }
}
