//! What people noted, in the rows of the job table: `MarksStore`.

use api::ports::MarksStore;
use aws_sdk_dynamodb::operation::update_item::UpdateItemError;
use aws_sdk_dynamodb::types::ReturnValuesOnConditionCheckFailure;
use jobs::id::JobId;
use jobs::marks::Marks;
use jobs::ports::Unavailable;

use super::job_index::key;
use super::row::{MARKS, MARKS_REVISION, n, s};
use super::{Aws, unavailable};
use crate::config::{Has, variable};

impl<E: Has<variable::JobsTable>> MarksStore for Aws<E> {
    async fn save_marks(&self, job: JobId, marks: &Marks) -> Result<bool, Unavailable> {
        let text = serde_json::to_string(marks).unwrap_or_default();
        let condition = if marks.revision == 1 {
            "attribute_not_exists(#revision)"
        } else {
            "#revision = :before"
        };
        let mut request = self
            .dynamodb()
            .update_item()
            .table_name(self.name::<variable::JobsTable>())
            .set_key(Some(key(job)))
            .update_expression("SET #marks = :marks, #revision = :revision")
            // A row that was deleted meanwhile must not come back.
            .condition_expression(format!(
                "attribute_exists(job_id) AND #status <> :erased AND {condition}"
            ))
            .expression_attribute_names("#marks", MARKS)
            .expression_attribute_names("#revision", MARKS_REVISION)
            .expression_attribute_names("#status", "status")
            .expression_attribute_values(":marks", s(&text))
            .expression_attribute_values(":revision", n(marks.revision))
            .expression_attribute_values(":erased", s("Erased"))
            .return_values_on_condition_check_failure(ReturnValuesOnConditionCheckFailure::AllOld);
        if marks.revision > 1 {
            request = request.expression_attribute_values(":before", n(marks.revision - 1));
        }
        let Err(error) = request.send().await else {
            return Ok(true);
        };
        match error.as_service_error() {
            // Equal marks mean that an earlier try succeeded and its response was lost.
            Some(UpdateItemError::ConditionalCheckFailedException(failed)) => {
                let stored = failed.item.as_ref().and_then(|item| item.get(MARKS));
                Ok(stored == Some(&s(text)))
            }
            _ => Err(unavailable("DynamoDB UpdateItem", error)),
        }
    }
}
