//! The ports that only the HTTP API uses.

use api::ports::{
    ObjectTransfers, Page, QuarantineStore, SignedDownload, StoredMessage, UploadConstraints,
    UploadedPart,
};
use api::types::SignedRequest;
use jobs::id::{Location, Timestamp};
use jobs::ports::Unavailable;

use super::call::Ports;
use crate::mistake::Mistake;
use crate::multipart::{signed_file, signed_part};
use crate::simulation::Simulation;
use crate::user_action::uploaded_pdf;

impl ObjectTransfers for Ports {
    async fn sign_put(
        &self,
        to: &Location,
        _: &UploadConstraints,
    ) -> Result<SignedRequest, Unavailable> {
        Ok(signed_file(&to.key))
    }

    async fn sign_get(
        &self,
        from: &Location,
        _: &SignedDownload<'_>,
    ) -> Result<SignedRequest, Unavailable> {
        Ok(signed_file(&from.key))
    }

    async fn create_multipart_upload(
        &self,
        to: &Location,
        _: &UploadConstraints,
    ) -> Result<String, Unavailable> {
        self.call(
            "create_multipart_upload",
            |Simulation { multipart, .. }| multipart.create(&to.key),
        )
        .await
    }

    async fn sign_upload_part(
        &self,
        _: &Location,
        upload_id: &str,
        part_number: u32,
        bytes: u64,
    ) -> Result<SignedRequest, Unavailable> {
        Ok(signed_part(upload_id, part_number, bytes))
    }

    async fn list_parts(
        &self,
        _: &Location,
        upload_id: &str,
    ) -> Result<Option<Vec<UploadedPart>>, Unavailable> {
        self.call("list_parts", |Simulation { multipart, .. }| {
            multipart.parts(upload_id)
        })
        .await
    }

    async fn complete_multipart_upload(
        &self,
        _: &Location,
        upload_id: &str,
        _: &[UploadedPart],
    ) -> Result<(), Unavailable> {
        self.call("complete_multipart_upload", |simulation| {
            let Simulation { multipart, env, .. } = simulation;
            if let Some((key, bytes)) = multipart.complete(env, upload_id) {
                let poisoned = simulation.people.is_poisoned(&key);
                simulation.upload(&key, uploaded_pdf(bytes, poisoned));
            }
        })
        .await
    }

    async fn abort_multipart_upload(
        &self,
        _: &Location,
        upload_id: &str,
    ) -> Result<(), Unavailable> {
        self.call(
            "abort_multipart_upload",
            |Simulation { multipart, .. }| {
                multipart.abort(upload_id);
            },
        )
        .await
    }
}

impl QuarantineStore for Ports {
    async fn list_messages(
        &self,
        after: Option<(&str, &str)>,
        limit: u16,
    ) -> Result<Page<StoredMessage>, Unavailable> {
        self.call(
            "list_messages",
            |Simulation {
                 quarantine, env, ..
             }| {
                let mut page = quarantine.page(after, limit);
                if env.has(Mistake::QuarantineNotErased) {
                    page.items.clear();
                }
                page
            },
        )
        .await
    }

    async fn get_message(
        &self,
        source: &str,
        message_id: &str,
    ) -> Result<Option<StoredMessage>, Unavailable> {
        self.call("get_message", |Simulation { quarantine, .. }| {
            quarantine.get(source, message_id)
        })
        .await
    }

    async fn mark_redriven(&self, _: &str, _: &str, _: Timestamp) -> Result<bool, Unavailable> {
        panic!("no simulated user redrives through the API")
    }

    async fn remove_message(
        &self,
        source: &str,
        message_id: &str,
        _: Option<Timestamp>,
    ) -> Result<(), Unavailable> {
        self.call("remove_message", |Simulation { quarantine, .. }| {
            quarantine.remove(source, message_id);
        })
        .await
    }
}
