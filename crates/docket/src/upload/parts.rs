//! Large files: in parts, several at once, each again if it breaks; the service knows which have arrived.

use std::collections::VecDeque;

use api::types::{SignPartsRequest, SignedParts, SignedRequest, UploadView};
use futures_util::{StreamExt, TryStreamExt, stream};
use serde_json::json;
use tokio::sync::Mutex;

use crate::Context;
use crate::api::{Repeat, pause, segment};
use crate::exit::{Exit, Failure, Outcome};

use super::plan::Item;
use super::progress::Meter;
use super::send::{Piece, SENDS, Sent, broken, refused, send as send_piece};
use super::{arrived, is_over};

/// So many parts of a file are sent at once.
const AT_ONCE: usize = 4;
/// So many are signed at once: few enough that none waits until its signature is too old.
const SIGNED: usize = 16;
/// How often the file is completed at most; in between, what was missing is sent.
const ROUNDS: u32 = 3;

struct Upload<'a> {
    context: &'a Context,
    item: &'a Item,
    meter: &'a Meter<'a>,
    id: String,
    part_bytes: u64,
    /// What is to be sent, and what of it is signed.
    queue: Mutex<Queue>,
}

#[derive(Debug, Default)]
struct Queue {
    missing: VecDeque<u32>,
    signed: VecDeque<(u32, SignedRequest)>,
}

/// Sends what has not arrived, and completes the file.
pub(super) async fn send(
    context: &Context,
    item: &Item,
    view: &UploadView,
    meter: &Meter<'_>,
) -> Outcome<()> {
    let path = format!("/uploads/{}", segment(&view.job_id));
    let mut view = view.clone();
    for round in 1.. {
        let Some(parts) = &view.multipart else {
            return Err(Failure::local(
                Exit::Unavailable,
                "not-understood",
                "the service did not say how to send the file",
            ));
        };
        if parts.part_bytes == 0
            || item.bytes.div_ceil(parts.part_bytes) != u64::from(parts.part_count)
        {
            return Err(refused(format!(
                "{} parts of {} bytes do not make the file",
                parts.part_count, parts.part_bytes
            )));
        }
        let missing: VecDeque<u32> = (1..=parts.part_count)
            .filter(|number| !parts.uploaded_parts.contains(number))
            .collect();
        let upload = Upload {
            context,
            item,
            meter,
            id: view.job_id.clone(),
            part_bytes: parts.part_bytes,
            queue: Mutex::default(),
        };
        let left: u64 = missing
            .iter()
            .map(|number| upload.piece(*number).bytes)
            .sum();
        meter.uploading(item.bytes - left);
        upload.all(missing).await?;
        item.check_unchanged()?;
        let completed: Outcome<UploadView> = context
            .api
            .post(&format!("{path}/complete"), &json!({}), Repeat::Harmless)
            .await;
        match completed {
            Ok(_) => return Ok(()),
            Err(failure) if failure.word() == "parts-missing" && round < ROUNDS => {
                view = context.api.get(&path).await?;
            }
            // An earlier answer was lost: it is complete, and may be a job by now.
            Err(failure) if is_over(&failure) && arrived(context, &upload.id).await? => {
                return Ok(());
            }
            Err(failure) => return Err(failure),
        }
    }
    Ok(())
}

impl Upload<'_> {
    /// Where a part lies in the file.
    fn piece(&self, number: u32) -> Piece<'_> {
        let offset = u64::from(number - 1) * self.part_bytes;
        Piece {
            path: &self.item.path,
            offset,
            bytes: self.part_bytes.min(self.item.bytes.saturating_sub(offset)),
        }
    }

    async fn all(&self, missing: VecDeque<u32>) -> Outcome<()> {
        let count = missing.len();
        *self.queue.lock().await = Queue {
            missing,
            signed: VecDeque::new(),
        };
        stream::iter(0..count)
            .map(|_| self.next())
            .buffer_unordered(AT_ONCE)
            .try_collect::<()>()
            .await
    }

    /// Sends one part, and again if it breaks.
    async fn next(&self) -> Outcome<()> {
        let Some((number, mut request)) = self.take().await? else {
            return Ok(());
        };
        let mut sent = 0;
        loop {
            sent += 1;
            let why = match send_piece(self.context, &request, self.piece(number), self.meter).await
            {
                Sent::Done | Sent::There => return Ok(()),
                Sent::Refused(why) => return Err(refused(why)),
                Sent::Broken(why) => why,
                Sent::Unsigned(why) => {
                    let anew = self.sign(vec![number]).await?;
                    request = anew
                        .into_iter()
                        .find(|(signed, _)| *signed == number)
                        .map_or(request, |(_, request)| request);
                    why
                }
            };
            if sent == SENDS {
                return Err(broken(&format!("part {number}"), sent, &why));
            }
            tokio::time::sleep(pause(sent, None)).await;
        }
    }

    async fn take(&self) -> Outcome<Option<(u32, SignedRequest)>> {
        let mut queue = self.queue.lock().await;
        if queue.signed.is_empty() {
            let count = queue.missing.len().min(SIGNED);
            let numbers: Vec<u32> = queue.missing.drain(..count).collect();
            if numbers.is_empty() {
                return Ok(None);
            }
            queue.signed = self.sign(numbers).await?.into();
        }
        Ok(queue.signed.pop_front())
    }

    async fn sign(&self, numbers: Vec<u32>) -> Outcome<Vec<(u32, SignedRequest)>> {
        let path = format!("/uploads/{}/parts", segment(&self.id));
        let wanted = SignPartsRequest {
            part_numbers: numbers,
        };
        // Signing changes nothing.
        let signed: SignedParts = self
            .context
            .api
            .post(&path, &wanted, Repeat::Harmless)
            .await?;
        let mut out = Vec::new();
        for number in wanted.part_numbers {
            let part = signed.parts.iter().find(|part| part.part_number == number);
            let Some(part) = part else {
                return Err(refused(format!("part {number} was not signed")));
            };
            out.push((number, part.request.clone()));
        }
        Ok(out)
    }
}
