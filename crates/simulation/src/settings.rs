//! What the environment of every simulated function says.

functions::environment! {
    /// The settings of all handlers in one.
    pub(crate) struct FunctionSettings with pipelines {
        service_name: ServiceName,
        bucket: Bucket,
        page_origin: PageOrigin,
        webhook_receivers: WebhookReceivers,
        email_sender: EmailSender,
        http_api_url: HttpApiUrl,
    }
}
