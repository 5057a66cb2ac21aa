//! Buffers the container's response until it is written to S3: small ones in memory, large ones in a
//! temporary file, because a response may have a gigabyte.

use aws_sdk_s3::primitives::ByteStream;
use bytes::Bytes;
use http_body_util::BodyExt as _;
use hyper::body::Incoming;
use std::path::PathBuf;
use tokio::fs::File;
use tokio::io::AsyncWriteExt as _;

/// Larger responses go to a file.
const MAX_MEMORY_BYTES: usize = 4 * 1024 * 1024;

#[derive(Debug, thiserror::Error)]
pub(super) enum BufferError {
    #[error("the container closed the connection during its response")]
    Interrupted(#[from] hyper::Error),
    #[error("cannot write the response to a temporary file")]
    File(#[from] std::io::Error),
    #[error("cannot create a random file name")]
    Random(#[from] getrandom::Error),
}

/// A complete response body.
#[derive(Debug)]
pub(super) enum BufferedBody {
    Memory(Bytes),
    File(TempFile, u64),
}

impl BufferedBody {
    /// Reads a response body to its end.
    pub(super) async fn read(mut body: Incoming) -> Result<Self, BufferError> {
        let mut memory = Vec::new();
        let mut file: Option<(TempFile, File, u64)> = None;
        while let Some(frame) = body.frame().await {
            let Ok(data) = frame?.into_data() else {
                continue;
            };
            if let Some((_, open, length)) = &mut file {
                open.write_all(&data).await?;
                *length += data.len() as u64;
                continue;
            }
            memory.extend_from_slice(&data);
            if memory.len() > MAX_MEMORY_BYTES {
                let (temp, mut open) = TempFile::create().await?;
                open.write_all(&memory).await?;
                file = Some((temp, open, memory.len() as u64));
                memory = Vec::new();
            }
        }
        let Some((temp, mut open, length)) = file else {
            return Ok(Self::Memory(memory.into()));
        };
        open.flush().await?;
        Ok(Self::File(temp, length))
    }

    pub(super) const fn len(&self) -> u64 {
        match self {
            Self::Memory(bytes) => bytes.len() as u64,
            Self::File(_, length) => *length,
        }
    }

    /// The body if it is in memory, as every body of up to 4 MiB is.
    pub(super) fn bytes(&self) -> Option<&[u8]> {
        match self {
            Self::Memory(bytes) => Some(bytes),
            Self::File(..) => None,
        }
    }

    /// The body as a stream for an upload, which the SDK can retry.
    pub(super) async fn upload(&self) -> Result<ByteStream, std::io::Error> {
        match self {
            Self::Memory(bytes) => Ok(ByteStream::from(bytes.clone())),
            Self::File(temp, _) => ByteStream::from_path(&temp.0)
                .await
                .map_err(std::io::Error::other),
        }
    }
}

/// A file that is deleted on drop.
#[derive(Debug)]
pub(super) struct TempFile(PathBuf);

impl TempFile {
    async fn create() -> Result<(Self, File), BufferError> {
        let name = format!("async-endpoint-{:016x}", getrandom::u64()?);
        let temp = Self(std::env::temp_dir().join(name));
        let mut options = File::options();
        let file = options.write(true).create_new(true).open(&temp.0).await?;
        Ok((temp, file))
    }
}

impl Drop for TempFile {
    fn drop(&mut self) {
        // A quick call, so it may block. It does not matter if the file is already deleted.
        std::fs::remove_file(&self.0).ok();
    }
}
