//! S3 locations as SageMaker writes and takes them: `s3://bucket/key`, or an S3 `https://` URL.

/// A bucket and a key, and the text they came from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Location {
    text: String,
    pub(super) bucket: String,
    pub(super) key: String,
}

impl Location {
    /// `None` if it is neither `s3://` nor an S3 URL with virtual-host or path style.
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

    /// This location as a folder, and `name` in it.
    pub(super) fn join(&self, name: &str) -> Self {
        let below = |folder: &str| match folder.trim_end_matches('/') {
            "" => name.to_owned(),
            folder => format!("{folder}/{name}"),
        };
        Self {
            text: below(&self.text),
            bucket: self.bucket.clone(),
            key: below(&self.key),
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
    fn all_spellings_name_the_same_object() {
        for text in [
            "s3://b/in/a b.pdf",
            "https://b.s3.eu-west-1.amazonaws.com/in/a%20b.pdf",
            "https://b.s3-eu-west-1.amazonaws.com/in/a%20b.pdf",
            "https://s3.eu-west-1.amazonaws.com/b/in/a%20b.pdf",
        ] {
            let read = Location::parse(text).unwrap();
            assert_eq!((&*read.bucket, &*read.key), ("b", "in/a b.pdf"), "{text}");
            assert_eq!(read.as_str(), text);
        }
        for text in ["b/a", "s3://", "https://example.com/b/a", "ftp://b/a"] {
            assert_eq!(Location::parse(text), None, "{text}");
        }
    }

    #[test]
    fn a_name_is_put_under_a_folder_with_one_slash() {
        for (folder, text, key) in [
            ("s3://b/out/", "s3://b/out/x.out", "out/x.out"),
            ("s3://b/out", "s3://b/out/x.out", "out/x.out"),
            ("s3://b/", "s3://b/x.out", "x.out"),
            ("s3://b", "s3://b/x.out", "x.out"),
        ] {
            let joined = Location::parse(folder).unwrap().join("x.out");
            assert_eq!((joined.as_str(), &*joined.key), (text, key));
            assert_eq!(Location::parse(text), Some(joined));
        }
    }
}
