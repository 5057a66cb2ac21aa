//! S3 locations in SageMaker's formats: `s3://bucket/key`, or an S3 `https://` URL.

/// A bucket and a key, and the original text.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct S3Location {
    text: String,
    pub(super) bucket: String,
    pub(super) key: String,
}

impl S3Location {
    /// `None` if the text is neither an `s3://` URI nor an S3 URL in virtual-hosted or path style.
    pub(super) fn parse(text: &str) -> Option<Self> {
        let (bucket, key) = if let Some(rest) = text.strip_prefix("s3://") {
            let (bucket, key) = rest.split_once('/').unwrap_or((rest, ""));
            (bucket.to_owned(), key.to_owned())
        } else {
            let rest = text.strip_prefix("https://")?;
            let (host, path) = rest.split_once('/').unwrap_or((rest, ""));
            let path = percent_decode(path)?;
            if !host.ends_with(".amazonaws.com") {
                return None;
            }
            if host.starts_with("s3.") || host.starts_with("s3-") {
                let (bucket, key) = path.split_once('/').unwrap_or((&path, ""));
                (bucket.to_owned(), key.to_owned())
            } else {
                let end = host.rfind(".s3.").or_else(|| host.rfind(".s3-"))?;
                (host[..end].to_owned(), path)
            }
        };
        (!bucket.is_empty()).then(|| Self {
            text: text.to_owned(),
            bucket,
            key,
        })
    }

    /// The location of `name` below this prefix.
    pub(super) fn join(&self, name: &str) -> Self {
        let join = |prefix: &str| match prefix.trim_end_matches('/') {
            "" => name.to_owned(),
            prefix => format!("{prefix}/{name}"),
        };
        Self {
            text: join(&self.text),
            bucket: self.bucket.clone(),
            key: join(&self.key),
        }
    }

    pub(super) fn as_str(&self) -> &str {
        &self.text
    }
}

fn percent_decode(text: &str) -> Option<String> {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let [first, tail @ ..] = rest {
        rest = tail;
        if *first != b'%' {
            bytes.push(*first);
            continue;
        }
        let (digits, tail) = rest.split_at_checked(2)?;
        bytes.push(u8::from_str_radix(std::str::from_utf8(digits).ok()?, 16).ok()?);
        rest = tail;
    }
    String::from_utf8(bytes).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn all_location_formats_of_an_object_are_parsed() {
        for text in [
            "s3://b/in/a b.pdf",
            "https://b.s3.eu-west-1.amazonaws.com/in/a%20b.pdf",
            "https://b.s3-eu-west-1.amazonaws.com/in/a%20b.pdf",
            "https://s3.eu-west-1.amazonaws.com/b/in/a%20b.pdf",
        ] {
            let read = S3Location::parse(text).unwrap();
            assert_eq!((&*read.bucket, &*read.key), ("b", "in/a b.pdf"), "{text}");
            assert_eq!(read.as_str(), text);
        }
        for text in ["b/a", "s3://", "https://example.com/b/a", "ftp://b/a"] {
            assert_eq!(S3Location::parse(text), None, "{text}");
        }
    }

    #[test]
    fn join_puts_exactly_one_slash_between_prefix_and_name() {
        for (folder, text, key) in [
            ("s3://b/out/", "s3://b/out/x.out", "out/x.out"),
            ("s3://b/out", "s3://b/out/x.out", "out/x.out"),
            ("s3://b/", "s3://b/x.out", "x.out"),
            ("s3://b", "s3://b/x.out", "x.out"),
        ] {
            let joined = S3Location::parse(folder).unwrap().join("x.out");
            assert_eq!((joined.as_str(), &*joined.key), (text, key));
            assert_eq!(S3Location::parse(text), Some(joined));
        }
    }
}
