//! Uploads a large file in parts: several at a time, each retried on its own. The service knows which parts have arrived.

use std::collections::VecDeque;

use api::types::{SignPartsRequest, SignedParts, SignedRequest, UploadView};
use futures_util::{StreamExt, TryStreamExt, stream};
use serde_json::json;
use tokio::sync::Mutex;

use crate::CommandContext;
use crate::client::{Idempotency, retry_delay};
use crate::error::{CliError, Exit, Result};
use crate::url::path_segment;

use super::files::UploadFile;
use super::progress::FileProgress;
use super::put::{
    FileRange, MAX_PUT_ATTEMPTS, PutResult, put_once, refused_error, transfer_error,
    unreadable_error,
};
use super::{is_closed, job_exists};

/// The parts of one file that are sent at the same time.
const MAX_CONCURRENT_PARTS: usize = 4;
/// The parts that are signed with one request: few enough that no signature expires before its part is sent.
const PARTS_PER_SIGNING: usize = 16;
/// Completing the file is attempted at most this often. In between, parts that the service misses are sent again.
const MAX_COMPLETE_ATTEMPTS: u32 = 3;

struct MultipartSender<'a> {
    context: &'a CommandContext,
    file: &'a UploadFile,
    progress: &'a FileProgress<'a>,
    id: String,
    part_bytes: u64,
    queue: Mutex<PartQueue>,
}

#[derive(Debug, Default)]
struct PartQueue {
    unsigned: VecDeque<u32>,
    signed: VecDeque<Part>,
}

#[derive(Debug)]
struct Part {
    number: u32,
    request: SignedRequest,
}

/// Sends the parts that have not arrived yet, and completes the upload.
pub(super) async fn send(
    context: &CommandContext,
    file: &UploadFile,
    view: &UploadView,
    progress: &FileProgress<'_>,
) -> Result<()> {
    let path = format!("/uploads/{}", path_segment(&view.job_id));
    let mut view = view.clone();
    for attempt in 1.. {
        let Some(parts) = &view.multipart else {
            return Err(CliError::new(
                Exit::Unavailable,
                "not-understood",
                "the service did not send instructions for the upload",
            ));
        };
        if parts.part_bytes == 0
            || file.bytes.div_ceil(parts.part_bytes) != u64::from(parts.part_count)
        {
            return Err(refused_error(format!(
                "{} parts of {} bytes do not add up to the file's size",
                parts.part_count, parts.part_bytes
            )));
        }
        let missing: VecDeque<u32> = (1..=parts.part_count)
            .filter(|number| !parts.uploaded_parts.contains(number))
            .collect();
        let upload = MultipartSender {
            context,
            file,
            progress,
            id: view.job_id.clone(),
            part_bytes: parts.part_bytes,
            queue: Mutex::default(),
        };
        let missing_bytes: u64 = missing
            .iter()
            .map(|number| upload.range(*number).bytes)
            .sum();
        progress.start_upload(file.bytes - missing_bytes);
        upload.send_parts(missing).await?;
        file.check_unchanged()?;
        let completed: Result<UploadView> = context
            .client
            .post(
                &format!("{path}/complete"),
                &json!({}),
                Idempotency::Idempotent,
            )
            .await;
        match completed {
            Ok(_) => return Ok(()),
            Err(error) if error.kind() == "parts-missing" && attempt < MAX_COMPLETE_ATTEMPTS => {
                view = context.client.get(&path).await?;
            }
            // The answer to an earlier request was lost: the upload is complete, and its job exists.
            Err(error) if is_closed(&error) && job_exists(context, &upload.id).await? => {
                return Ok(());
            }
            Err(error) => return Err(error),
        }
    }
    Ok(())
}

impl MultipartSender<'_> {
    /// The bytes of the file that belong to a part.
    fn range(&self, number: u32) -> FileRange<'_> {
        let offset = u64::from(number - 1) * self.part_bytes;
        FileRange {
            path: &self.file.path,
            offset,
            bytes: self.part_bytes.min(self.file.bytes.saturating_sub(offset)),
        }
    }

    async fn send_parts(&self, missing: VecDeque<u32>) -> Result<()> {
        let count = missing.len();
        *self.queue.lock().await = PartQueue {
            unsigned: missing,
            signed: VecDeque::new(),
        };
        stream::iter(0..count)
            .map(|_| self.send_next_part())
            .buffer_unordered(MAX_CONCURRENT_PARTS)
            .try_collect::<()>()
            .await
    }

    /// Sends one part, with retries.
    async fn send_next_part(&self) -> Result<()> {
        let Some(Part {
            number,
            mut request,
        }) = self.next_part().await?
        else {
            return Ok(());
        };
        let mut attempts = 0;
        loop {
            attempts += 1;
            let reason =
                match put_once(self.context, &request, self.range(number), self.progress).await {
                    PutResult::Stored | PutResult::AlreadyExists => return Ok(()),
                    PutResult::Refused(reason) => return Err(refused_error(reason)),
                    PutResult::Unreadable(error) => {
                        return Err(unreadable_error(self.file, &error));
                    }
                    PutResult::Failed(reason) => reason,
                    PutResult::SignatureRejected(reason) => {
                        let signed = self.sign(vec![number]).await?;
                        request = signed
                            .into_iter()
                            .find(|part| part.number == number)
                            .map_or(request, |part| part.request);
                        reason
                    }
                };
            self.file.check_unchanged()?;
            if attempts == MAX_PUT_ATTEMPTS {
                return Err(transfer_error(&format!("part {number}"), attempts, &reason));
            }
            tokio::time::sleep(retry_delay(attempts, None)).await;
        }
    }

    async fn next_part(&self) -> Result<Option<Part>> {
        let mut queue = self.queue.lock().await;
        if queue.signed.is_empty() {
            let count = queue.unsigned.len().min(PARTS_PER_SIGNING);
            let numbers: Vec<u32> = queue.unsigned.drain(..count).collect();
            if numbers.is_empty() {
                return Ok(None);
            }
            queue.signed = self.sign(numbers).await?.into();
        }
        Ok(queue.signed.pop_front())
    }

    async fn sign(&self, numbers: Vec<u32>) -> Result<Vec<Part>> {
        let path = format!("/uploads/{}/parts", path_segment(&self.id));
        let wanted = SignPartsRequest {
            part_numbers: numbers,
        };
        // Idempotent: signing changes nothing.
        let signed: SignedParts = self
            .context
            .client
            .post(&path, &wanted, Idempotency::Idempotent)
            .await?;
        let mut parts = Vec::new();
        for number in wanted.part_numbers {
            let part = signed.parts.iter().find(|part| part.part_number == number);
            let Some(part) = part else {
                return Err(refused_error(format!("part {number} was not signed")));
            };
            parts.push(Part {
                number,
                request: part.request.clone(),
            });
        }
        Ok(parts)
    }
}
