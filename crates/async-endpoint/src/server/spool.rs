//! The container's answer, kept until it is written to S3: short ones in memory, long ones in a
//! temporary file, so that a gigabyte of answer costs no gigabyte of memory.

use aws_sdk_s3::primitives::ByteStream;
use bytes::Bytes;
use http_body_util::BodyExt as _;
use hyper::body::Incoming;
use std::path::PathBuf;
use tokio::fs::File;
use tokio::io::AsyncWriteExt as _;

/// Above this many bytes an answer goes to a file.
const IN_MEMORY: usize = 4 * 1024 * 1024;

/// Why an answer could not be kept.
#[derive(Debug, thiserror::Error)]
pub(super) enum SpoolError {
    #[error("container broke off its answer")]
    Broken(#[from] hyper::Error),
    #[error("answer cannot be kept in a temporary file")]
    File(#[from] std::io::Error),
    #[error("no random name for a temporary file")]
    Random(#[from] getrandom::Error),
}

/// A whole answer.
#[derive(Debug)]
pub(super) enum Spooled {
    Memory(Bytes),
    File(TempFile, u64),
}

impl Spooled {
    /// Reads an answer to its end.
    pub(super) async fn read(mut body: Incoming) -> Result<Self, SpoolError> {
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
            if memory.len() > IN_MEMORY {
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

    /// The answer if it is in memory, which every answer of up to 4 MiB is.
    pub(super) fn bytes(&self) -> Option<&[u8]> {
        match self {
            Self::Memory(bytes) => Some(bytes),
            Self::File(..) => None,
        }
    }

    /// The answer as the body of an upload, which can be sent again if an attempt fails.
    pub(super) async fn upload(&self) -> Result<ByteStream, std::io::Error> {
        match self {
            Self::Memory(bytes) => Ok(ByteStream::from(bytes.clone())),
            Self::File(temp, _) => ByteStream::from_path(&temp.0)
                .await
                .map_err(std::io::Error::other),
        }
    }
}

/// A file that is deleted when this is dropped.
#[derive(Debug)]
pub(super) struct TempFile(PathBuf);

impl TempFile {
    async fn create() -> Result<(Self, File), SpoolError> {
        let name = format!("async-endpoint-{:016x}", getrandom::u64()?);
        let temp = Self(std::env::temp_dir().join(name));
        let mut options = File::options();
        let file = options.write(true).create_new(true).open(&temp.0).await?;
        Ok((temp, file))
    }
}

impl Drop for TempFile {
    fn drop(&mut self) {
        // Unlinking does not wait for the disk; a file that is gone already is as good.
        std::fs::remove_file(&self.0).ok();
    }
}
