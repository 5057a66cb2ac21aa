//! `docket upload`: creates uploads, sends the files, and with `--wait` waits for the results and saves them.

mod content;
mod files;
mod multipart;
mod progress;
mod put;
mod reader_words;
mod resume_store;
mod wait;

use std::cell::RefCell;
use std::path::{Path, PathBuf};

use api::types::{CallerView, NewUpload, UploadView};
use console::Style;
use futures_util::StreamExt;
use futures_util::stream::FuturesUnordered;
use jobs::view::JobView;
use tokio::sync::Semaphore;

use crate::CommandContext;
use crate::cli::UploadArgs;
use crate::client::Idempotency;
use crate::download::{self, Download, WrittenFile};
use crate::error::{CliError, CombinedExit, Exit, Result};
use crate::print::{pluralize, sanitize};
use crate::url::path_segment;

use self::files::{SavePaths, UploadFile};
use self::progress::FileProgress;
use self::resume_store::{ResumeKey, UnfinishedUpload};

const MAX_CONCURRENT_FILES: usize = 3;
const RESUME_HINT: &str = "run the same command again to resume the upload";

/// What the files of one command have in common.
struct UploadCommand<'a> {
    context: &'a CommandContext,
    args: &'a UploadArgs,
    pipeline: String,
    slots: Semaphore,
    files: usize,
    result_paths: RefCell<SavePaths>,
}

pub(crate) async fn run(context: &CommandContext, args: UploadArgs) -> Result<Exit> {
    // Check all files before the first one is sent: a mistyped name is reported at once, not after an hour.
    let found = files::files(&args.files);
    let mut bad = found.bad;
    if !args.skip_bad || found.files.is_empty() {
        let missing = std::mem::take(&mut bad);
        report_bad(context, &missing, found.files.len(), args.skip_bad)?;
    }
    if let Some(dir) = args.save.as_ref().filter(|dir| !dir.is_dir()) {
        return Err(CliError::usage(format!(
            "{} is not a directory",
            dir.display()
        )));
    }
    files::check_tags(&args.labels)?;
    let me: CallerView = context.client.get("/me").await?;
    let pipeline = files::choose_pipeline(&me.pipelines, args.pipeline.as_deref())?;
    let tenant = files::choose_tenant(&me, args.tenant.as_deref())?;
    let mut files = Vec::new();
    for file in found.files {
        match files::prepare(file, pipeline, args.content_type.as_deref()) {
            Ok(file) => files.push(file),
            Err(error) => bad.push(error),
        }
    }
    report_bad(context, &bad, files.len(), args.skip_bad)?;
    if let Some(left_out) = found.left_out.describe().filter(|_| !context.printer.json) {
        context.printer.info(&format!("not uploaded: {left_out}"));
    }
    resume_store::delete_expired();
    context.set_interrupt_hint(RESUME_HINT);
    let args = UploadArgs { tenant, ..args };
    let command = UploadCommand {
        context,
        args: &args,
        pipeline: pipeline.name.clone(),
        slots: Semaphore::new(MAX_CONCURRENT_FILES),
        files: files.len(),
        result_paths: RefCell::new(SavePaths::new(&files)),
    };
    let mut combined = CombinedExit::default();
    let (free, taken) = command.targets(&files, &pipeline.result_type);
    for error in taken {
        combined.record(error.exit);
        context.printer.error(&error);
    }
    let mut running: FuturesUnordered<_> =
        free.iter().map(|target| command.process(target)).collect();
    while let Some((file, result)) = running.next().await {
        match result {
            Ok(exit) => combined.record(exit),
            // The sign-in has expired: the remaining files would fail as well.
            Err(error) if error.problem.status == 401 => return Err(error),
            Err(error) => {
                combined.record(error.exit);
                let error = if command.files > 1 {
                    error.with_subject(&file.name)
                } else {
                    error
                };
                context.printer.error(&error);
            }
        }
    }
    if context.printer.reader_left() && !context.printer.json {
        context
            .printer
            .info("standard output was closed; the command went on to its end all the same");
    }
    summarize_skipped(context, &bad, files.len());
    if !bad.is_empty() {
        combined.record(Exit::Skipped);
    }
    Ok(combined.exit())
}

/// Names each file that cannot be uploaded. Without `--skip-bad` nothing is uploaded then.
fn report_bad(
    context: &CommandContext,
    bad: &[CliError],
    good: usize,
    skip_bad: bool,
) -> Result<()> {
    let is_refused = !skip_bad || good == 0;
    let Some((last, others)) = bad.split_last() else {
        return Ok(());
    };
    for error in others {
        context.printer.error(error);
    }
    if !is_refused {
        context.printer.error(last);
        return Ok(());
    }
    let last = last.clone();
    Err(match (good, &last.hint) {
        (0, _) | (_, Some(_)) => last,
        (_, None) => last.with_hint("nothing was uploaded; --skip-bad uploads the other files"),
    })
}

/// Names the skipped files once more, below all that was printed since.
fn summarize_skipped(context: &CommandContext, skipped: &[CliError], others: usize) {
    let printer = &context.printer;
    if skipped.is_empty() || printer.json {
        return;
    }
    let all = skipped.len() + others;
    printer.info(&format!(
        "{} of {} skipped:",
        skipped.len(),
        pluralize(all as u64, "file", "files")
    ));
    for error in skipped {
        printer.info(&format!("  {}", sanitize(&error.problem.detail)));
    }
}

/// A file, and where its result is saved.
struct SaveTarget<'a> {
    file: &'a UploadFile,
    /// The name that the service will probably give to the result.
    name: String,
    /// With that name, or a number if another file's result has it.
    path: PathBuf,
}

impl UploadCommand<'_> {
    /// With `--wait`, the files whose results can be saved, and why the others cannot: a run must not be in vain. Equal names get
    /// their numbers in the order of the files, so that the same command, run again, means the same paths.
    fn targets<'f>(
        &self,
        files: &'f [UploadFile],
        result_type: &str,
    ) -> (Vec<SaveTarget<'f>>, Vec<CliError>) {
        let mut free = Vec::new();
        let mut taken = Vec::new();
        for file in files {
            let name = download::safe_name(&files::result_name(&file.name, result_type));
            let dir = self.result_dir(file);
            let path = self.result_paths.borrow_mut().reserve(&dir, &name);
            if self.args.wait && !self.args.force && path.exists() {
                taken.push(
                    CliError::new(
                        Exit::Failed,
                        "exists",
                        format!(
                            "{} was not uploaded: its result would be {}, which already exists",
                            file.path.display(),
                            path.display()
                        ),
                    )
                    .with_hint("use --force to overwrite it, or --save DIR"),
                );
            } else {
                free.push(SaveTarget { file, name, path });
            }
        }
        (free, taken)
    }

    /// The directory given with `--save`, or that of the file.
    fn result_dir(&self, file: &UploadFile) -> PathBuf {
        match &self.args.save {
            Some(dir) => dir.clone(),
            None => file.path.parent().map(Path::to_owned).unwrap_or_default(),
        }
    }

    async fn process<'f>(&self, target: &SaveTarget<'f>) -> (&'f UploadFile, Result<Exit>) {
        let progress = FileProgress::new(&self.context.printer, target.file, self.files);
        let result = self.upload_and_wait(target, &progress).await;
        progress.finish();
        (target.file, result)
    }

    async fn upload_and_wait(
        &self,
        target: &SaveTarget<'_>,
        progress: &FileProgress<'_>,
    ) -> Result<Exit> {
        let file = target.file;
        let slot = self.slots.acquire().await;
        let key = ResumeKey::new(
            self.context.client.address(),
            &self.pipeline,
            self.args.tenant.as_deref(),
            &self.args.labels,
            file,
        );
        let view = self.upload(file, &key, progress).await?;
        drop(slot);
        let printer = &self.context.printer;
        if !self.args.wait {
            key.delete();
            progress.finish();
            if printer.json {
                printer.json_line(&view)?;
            } else {
                let mark = printer.paint(Style::new().green(), "✓");
                printer.line(&format!(
                    "{mark} {}  uploaded, job {}",
                    sanitize(&file.name),
                    sanitize(&view.job_id)
                ))?;
            }
            return Ok(Exit::Success);
        }
        let detail = wait::until_ended(self.context, &view.job_id, progress, self.files).await?;
        key.delete();
        progress.finish();
        let is_ready = |job: &JobView| job.status == "Ready";
        if printer.json && !detail.job.as_ref().is_some_and(is_ready) {
            printer.json_line(&detail)?;
        }
        let Some(job) = &detail.job else {
            return Err(CliError::local("the service's answer holds no job"));
        };
        if !is_ready(job) {
            if !printer.json {
                let mark = printer.paint(Style::new().red(), "✗");
                let words = reader_words::failure(job);
                printer.line(&format!(
                    "{mark} {}  {}",
                    sanitize(&file.name),
                    sanitize(&words.what)
                ))?;
                printer.info(&format!(
                    "  {}; for details, run: docket jobs explain {}",
                    words.next,
                    sanitize(&view.job_id)
                ));
            }
            return Ok(Exit::Failed);
        }
        let saved = self.save_result(target, &view.job_id).await;
        if printer.json {
            match &saved {
                Ok(path) => printer.json_line(&WrittenFile {
                    about: &detail,
                    job_id: None,
                    path: path.to_string_lossy().into_owned(),
                })?,
                Err(_) => printer.json_line(&detail)?,
            }
        }
        let path = saved?;
        if !printer.json {
            let mark = printer.paint(Style::new().green(), "✓");
            printer.line(&format!(
                "{mark} {}  ready, saved as {}",
                sanitize(&file.name),
                sanitize(&path.to_string_lossy())
            ))?;
        }
        Ok(Exit::Success)
    }

    /// Uploads the file, or the rest of it if an earlier command was interrupted.
    async fn upload(
        &self,
        file: &UploadFile,
        key: &ResumeKey,
        progress: &FileProgress<'_>,
    ) -> Result<UploadView> {
        let stored = key.load();
        let state = match &stored {
            Some(stored) => self.resume_state(stored).await?,
            None => ResumeState::New,
        };
        let view = match (state, stored) {
            (ResumeState::Uploaded, Some(stored)) => {
                progress.message("already uploaded");
                return Ok(stored.upload);
            }
            (ResumeState::Open(view), _) => *view,
            (ResumeState::New | ResumeState::Uploaded, _) => {
                let view = self.create_upload(file).await?;
                key.save(&UnfinishedUpload::new(&view));
                view
            }
        };
        let sent = match &view.multipart {
            Some(_) => multipart::send(self.context, file, &view, progress).await,
            None => put::send_file(self.context, file, &view, progress).await,
        };
        sent.map_err(|error| match error.exit {
            Exit::Unavailable => error.with_hint(RESUME_HINT),
            _ => {
                // S3 would refuse this upload again, so the next command must create a new one.
                key.delete();
                error
            }
        })?;
        progress.message("uploaded");
        Ok(UnfinishedUpload::new(&view).upload)
    }

    async fn create_upload(&self, file: &UploadFile) -> Result<UploadView> {
        let sha256 = content::sha256(file).await?;
        let new = NewUpload {
            pipeline: self.pipeline.clone(),
            tenant: self.args.tenant.clone(),
            name: file.name.clone(),
            bytes: file.bytes,
            content_type: file.content_type.clone(),
            reference: self.args.labels.reference.clone(),
            batch: self.args.labels.batch.clone(),
            tags: self.args.labels.tags.clone(),
            sha256: Some(sha256),
            run_anyway: self.args.run_anyway,
            lane: self.args.labels.lane,
        };
        self.context
            .client
            .post("/uploads", &new, Idempotency::WithKey)
            .await
            .map_err(content::with_identical_job)
    }

    async fn resume_state(&self, stored: &UnfinishedUpload) -> Result<ResumeState> {
        let id = &stored.upload.job_id;
        // Ask for the job first: the service knows the upload for a while after the job was created.
        if job_exists(self.context, id).await? {
            return Ok(ResumeState::Uploaded);
        }
        let upload: Result<UploadView> = self
            .context
            .client
            .get(&format!("/uploads/{}", path_segment(id)))
            .await;
        match upload {
            Ok(view) if view.bytes == stored.upload.bytes => Ok(ResumeState::Open(Box::new(view))),
            Ok(_) => Ok(ResumeState::New),
            Err(error) if is_closed(&error) => Ok(ResumeState::New),
            Err(error) => Err(error),
        }
    }

    /// Saves the result in the directory given with `--save`, or next to the file.
    async fn save_result(&self, target: &SaveTarget<'_>, id: &str) -> Result<PathBuf> {
        let name = download::safe_name(
            &download::fetch_view(self.context, id, Download::Result(None))
                .await?
                .name,
        );
        let path = if name == target.name {
            target.path.clone()
        } else {
            let dir = self.result_dir(target.file);
            self.result_paths.borrow_mut().reserve(&dir, &name)
        };
        download::save(
            self.context,
            id,
            Download::Result(None),
            &path,
            self.args.force,
        )
        .await
        .map_err(|error| {
            let hint = error.hint.clone().unwrap_or_default();
            let later =
                format!("to download the result later, run: docket jobs result {id} --output FILE");
            let hints: Vec<String> = [hint, later]
                .into_iter()
                .filter(|hint| !hint.is_empty())
                .collect();
            error.with_hint(hints.join("; "))
        })?;
        Ok(path)
    }
}

/// How far an earlier command came with an upload.
enum ResumeState {
    /// The upload is still open.
    Open(Box<UploadView>),
    /// The file has arrived, and its job exists.
    Uploaded,
    /// There is nothing to resume.
    New,
}

/// Whether the service says that an upload is no longer open: completed, expired, deleted or unknown.
fn is_closed(error: &CliError) -> bool {
    matches!(error.problem.status, 404 | 409 | 410)
}

/// Whether the file has arrived and its job was created.
async fn job_exists(context: &CommandContext, id: &str) -> Result<bool> {
    match crate::job_detail::fetch(context, id).await {
        Ok(detail) => Ok(detail.job.is_some()),
        Err(error) if error.problem.status == 404 => Ok(false),
        Err(error) => Err(error),
    }
}
