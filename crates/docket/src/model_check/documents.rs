//! The documents that are sent to a container.

use bytes::Bytes;
use futures_util::stream;
use http_body_util::{BodyExt, StreamBody};
use hyper::body::Frame;

use crate::http_client::RequestBody;

/// A contract of one page. It is valid, and every PDF model should have an answer for it.
static SAMPLE: &[u8] = include_bytes!("../../../../samples/contracts/consulting-agreement.pdf");
/// A large document is sent in parts of this size, so that no more of it is in memory.
const PART_BYTES: usize = 65_536;

/// A document that is sent to the container.
#[derive(Clone, Debug)]
pub(super) struct Document {
    pub(super) content_type: String,
    start: Bytes,
    /// The number of padding bytes between `start` and `end`.
    padding: u64,
    end: Bytes,
}

impl Document {
    pub(super) const fn new(content_type: String, contents: Bytes) -> Self {
        Self {
            content_type,
            start: contents,
            padding: 0,
            end: Bytes::new(),
        }
    }

    pub(super) const fn sample(content_type: String) -> Self {
        Self::new(content_type, Bytes::from_static(SAMPLE))
    }

    /// A valid PDF of one page with exactly this size. The padding is a stream that no page uses.
    ///
    /// Smaller sizes than the PDF's own parts give the smallest such PDF.
    pub(super) fn padded_pdf(content_type: String, bytes: u64) -> Self {
        // The length of the padding is written into the file, so its digits change the size: a few rounds settle it.
        let mut padding = bytes;
        let mut document = Self::with_padding(content_type, padding);
        for _ in 0..4 {
            let excess = document.bytes().saturating_sub(bytes);
            let missing = bytes.saturating_sub(document.bytes());
            padding = padding.saturating_sub(excess) + missing;
            document = Self::with_padding(document.content_type, padding);
        }
        document
    }

    fn with_padding(content_type: String, padding: u64) -> Self {
        let text =
            "BT /F1 12 Tf 72 760 Td (This Agreement is between Alder Ltd and Birch GmbH.) Tj ET";
        let objects = [
            "<< /Type /Catalog /Pages 2 0 R >>".to_owned(),
            "<< /Type /Pages /Kids [3 0 R] /Count 1 >>".to_owned(),
            "<< /Type /Page /Parent 2 0 R /MediaBox [0 0 595 842] /Contents 4 0 R \
             /Resources << /Font << /F1 5 0 R >> >> >>"
                .to_owned(),
            format!("<< /Length {} >>\nstream\n{text}\nendstream", text.len()),
            "<< /Type /Font /Subtype /Type1 /BaseFont /Helvetica >>".to_owned(),
        ];
        let mut start = "%PDF-1.7\n".to_owned();
        let mut offsets = Vec::new();
        for (object, number) in objects.iter().zip(1..) {
            offsets.push(start.len());
            start.push_str(&format!("{number} 0 obj\n{object}\nendobj\n"));
        }
        offsets.push(start.len());
        start.push_str(&format!("6 0 obj\n<< /Length {padding} >>\nstream\n"));
        let closing = "\nendstream\nendobj\n";
        let xref = start.len() as u64 + padding + closing.len() as u64;
        let mut end = format!(
            "{closing}xref\n0 {}\n0000000000 65535 f \n",
            offsets.len() + 1
        );
        for offset in &offsets {
            end.push_str(&format!("{offset:010} 00000 n \n"));
        }
        end.push_str(&format!(
            "trailer\n<< /Size {} /Root 1 0 R >>\nstartxref\n{xref}\n%%EOF\n",
            offsets.len() + 1
        ));
        Self {
            content_type,
            start: start.into(),
            padding,
            end: end.into(),
        }
    }

    pub(super) fn bytes(&self) -> u64 {
        (self.start.len() + self.end.len()) as u64 + self.padding
    }

    /// The first part, at most half of the document.
    pub(super) fn beginning(&self) -> Bytes {
        self.start.slice(..self.start.len() / 2)
    }

    pub(super) fn body(&self) -> RequestBody {
        let part = Bytes::from_static(&[b' '; PART_BYTES]);
        let mut left = self.padding;
        let padding = std::iter::from_fn(move || {
            let length = usize::try_from(left).map_or(PART_BYTES, |left| left.min(PART_BYTES));
            left -= length as u64;
            (length > 0).then(|| part.slice(..length))
        });
        let parts = std::iter::once(self.start.clone())
            .chain(padding)
            .chain(std::iter::once(self.end.clone()))
            .filter(|part| !part.is_empty());
        parts_body(parts)
    }

    /// Its first half, which begins as a PDF does and is none.
    pub(super) fn cut_off(&self) -> Self {
        Self::new(self.content_type.clone(), self.beginning())
    }

    pub(super) fn empty(&self) -> Self {
        Self::new(self.content_type.clone(), Bytes::new())
    }

    pub(super) fn with_content_type(&self, content_type: &str) -> Self {
        Self {
            content_type: content_type.to_owned(),
            ..self.clone()
        }
    }
}

/// A body of parts that are not in memory at once.
fn parts_body(parts: impl Iterator<Item = Bytes> + Send + 'static) -> RequestBody {
    let frames = parts.map(|part| Ok(Frame::data(part)));
    StreamBody::new(stream::iter(frames)).boxed_unsync()
}

#[cfg(test)]
mod tests {
    use super::*;

    async fn contents(document: &Document) -> Vec<u8> {
        document.body().collect().await.unwrap().to_bytes().to_vec()
    }

    #[tokio::test]
    async fn padded_pdf_has_the_size_and_its_cross_references_are_right() {
        for bytes in [2_000, 65_536, 99_999, 100_000, 1_000_000, 26_214_400] {
            let document = Document::padded_pdf("application/pdf".to_owned(), bytes);
            let pdf = contents(&document).await;
            assert_eq!((document.bytes(), pdf.len() as u64), (bytes, bytes));
            let tail = String::from_utf8_lossy(&pdf[pdf.len() - 100..]).into_owned();
            let xref = tail.split("startxref\n").nth(1).unwrap();
            let xref: usize = xref.lines().next().unwrap().parse().unwrap();
            let table = String::from_utf8_lossy(&pdf[xref..]).into_owned();
            assert!(table.starts_with("xref\n0 7\n"), "{bytes}");
            for (number, line) in table.lines().skip(3).take(6).enumerate() {
                let offset: usize = line[..10].parse().unwrap();
                let object = format!("{} 0 obj\n", number + 1);
                assert!(pdf[offset..].starts_with(object.as_bytes()), "{bytes}");
            }
        }
    }

    #[tokio::test]
    async fn sample_is_accepted_by_the_service_and_its_first_half_too() {
        let sample = Document::sample("application/pdf".to_owned());
        for document in [&sample, &sample.cut_off()] {
            let bytes = contents(document).await;
            assert_eq!(bytes.len() as u64, document.bytes());
            assert!(jobs::input::is_pdf(&bytes[..1024]));
        }
        assert_eq!(sample.empty().bytes(), 0);
    }
}
