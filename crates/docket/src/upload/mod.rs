//! `docket upload`: announce, send, perhaps wait, perhaps save.

mod parts;
mod plan;
mod progress;
mod resume;
mod send;
mod wait;

use std::path::{Path, PathBuf};

use api::types::{Me, NewUpload, UploadView};
use futures_util::StreamExt;
use futures_util::stream::FuturesUnordered;
use tokio::sync::Semaphore;

use crate::Context;
use crate::api::{Repeat, segment};
use crate::cli::Upload;
use crate::exit::{Exit, Failure, Outcome, Several};
use crate::print::{Style, count, harmless};
use crate::save;

use self::plan::Item;
use self::progress::Meter;
use self::resume::{Key, Record};

/// So many files are sent at once.
const FILES: usize = 3;

/// What is common to all files of one command.
struct Batch<'a> {
    context: &'a Context,
    upload: &'a Upload,
    pipeline: String,
    sending: Semaphore,
    files: usize,
}

pub(crate) async fn run(context: &Context, upload: Upload) -> Outcome<Exit> {
    // Nothing is sent unless everything could be: a name mistyped is found at once, not after an hour.
    let files = plan::files(&upload.files)?;
    if let Some(dir) = upload.save.as_ref().filter(|dir| !dir.is_dir()) {
        return Err(Failure::usage(format!("{} is no folder", dir.display())));
    }
    let me: Me = context.api.get("/me").await?;
    let pipeline = plan::pipeline(&me.pipelines, upload.pipeline.as_deref())?;
    let tenant = plan::tenant(&me, upload.tenant.as_deref())?;
    let items = files
        .into_iter()
        .map(|file| plan::item(file, pipeline, upload.content_type.as_deref()))
        .collect::<Outcome<Vec<Item>>>()?;
    resume::forget_old();
    context.on_interrupt("run the same command again, and it goes on where it was");
    let upload = Upload { tenant, ..upload };
    let batch = Batch {
        context,
        upload: &upload,
        pipeline: pipeline.name.clone(),
        sending: Semaphore::new(FILES),
        files: items.len(),
    };
    let mut several = Several::default();
    let mut ended: FuturesUnordered<_> = items.iter().map(|item| batch.one(item)).collect();
    while let Some((item, outcome)) = ended.next().await {
        match outcome {
            Ok(exit) => several.ended(exit),
            // Nobody reads on, or nobody is signed in any more: the others would not do better.
            Err(failure) if failure.exit == Exit::Done => return Err(failure),
            Err(failure) if failure.problem.status == 401 => return Err(failure),
            Err(failure) => {
                several.ended(failure.exit);
                let failure = if batch.files > 1 {
                    failure.about(&item.name)
                } else {
                    failure
                };
                context.print.failure(&failure);
            }
        }
    }
    Ok(several.exit())
}

impl Batch<'_> {
    /// One file from end to end.
    async fn one<'i>(&self, item: &'i Item) -> (&'i Item, Outcome<Exit>) {
        let meter = Meter::new(&self.context.print, item, self.files);
        let outcome = self.send_and_wait(item, &meter).await;
        meter.end();
        (item, outcome)
    }

    async fn send_and_wait(&self, item: &Item, meter: &Meter<'_>) -> Outcome<Exit> {
        let slot = self.sending.acquire().await;
        let key = Key::of(
            self.context.api.address(),
            &self.pipeline,
            self.upload.tenant.as_deref(),
            item,
        );
        let view = self.sent(item, &key, meter).await?;
        drop(slot);
        let print = &self.context.print;
        if !self.upload.wait {
            key.forget();
            meter.end();
            if print.json {
                print.json_line(&view)?;
            } else {
                let mark = print.paint(Style::Green, "✓");
                print.line(&format!(
                    "{mark} {}  uploaded, job {}",
                    harmless(&item.name),
                    harmless(&view.job_id)
                ))?;
            }
            return Ok(Exit::Done);
        }
        let detail = wait::until_ended(self.context, &view.job_id, meter, self.files).await?;
        key.forget();
        meter.end();
        if print.json {
            print.json_line(&detail)?;
        }
        let Some(job) = &detail.job else {
            return Err(Failure::here("the service lost sight of the job"));
        };
        if job.status != "Ready" {
            if !print.json {
                let mark = print.paint(Style::Red, "✗");
                print.line(&format!(
                    "{mark} {}  {}",
                    harmless(&item.name),
                    harmless(&detail.explanation.summary)
                ))?;
                print.note(&format!(
                    "  see what helps: docket jobs explain {}",
                    harmless(&view.job_id)
                ));
            }
            return Ok(Exit::Failed);
        }
        let path = self.save(item, &view.job_id).await?;
        if !print.json {
            let mark = print.paint(Style::Green, "✓");
            print.line(&format!(
                "{mark} {}  ready, saved as {}",
                harmless(&item.name),
                harmless(&path.to_string_lossy())
            ))?;
        }
        Ok(Exit::Done)
    }

    /// Brings the file to the service, from where an earlier command left off.
    async fn sent(&self, item: &Item, key: &Key, meter: &Meter<'_>) -> Outcome<UploadView> {
        let known = key.load();
        let resumed = match &known {
            Some(record) => self.resumed(record).await?,
            None => Resumed::Anew,
        };
        let view = match (resumed, known) {
            (Resumed::Arrived, Some(record)) => {
                meter.says("was uploaded before");
                return Ok(record.upload);
            }
            (Resumed::GoesOn(view), _) => *view,
            (Resumed::Anew | Resumed::Arrived, _) => {
                let view = self.announced(item).await?;
                key.save(&Record::of(&view));
                view
            }
        };
        let sent = match &view.multipart {
            Some(_) => parts::send(self.context, item, &view, meter).await,
            None => send::whole(self.context, item, &view, meter).await,
        };
        sent.map_err(|failure| match failure.exit {
            Exit::Unavailable => {
                failure.hint("run the same command again, and it goes on where it was")
            }
            _ => {
                // What S3 will not have under this announcement it will not have tomorrow.
                key.forget();
                failure
            }
        })?;
        meter.says("uploaded");
        Ok(Record::of(&view).upload)
    }

    async fn announced(&self, item: &Item) -> Outcome<UploadView> {
        let new = NewUpload {
            pipeline: self.pipeline.clone(),
            tenant: self.upload.tenant.clone(),
            name: item.name.clone(),
            bytes: item.bytes,
            content_type: item.content_type.clone(),
        };
        // An announcement that nobody follows up ends by itself.
        self.context
            .api
            .post("/uploads", &new, Repeat::Harmless)
            .await
    }

    async fn resumed(&self, record: &Record) -> Outcome<Resumed> {
        let id = &record.upload.job_id;
        // An upload stays known for a while after its file has arrived.
        if arrived(self.context, id).await? {
            return Ok(Resumed::Arrived);
        }
        let asked: Outcome<UploadView> = self
            .context
            .api
            .get(&format!("/uploads/{}", segment(id)))
            .await;
        match asked {
            Ok(view) if view.bytes == record.upload.bytes => Ok(Resumed::GoesOn(Box::new(view))),
            Ok(_) => Ok(Resumed::Anew),
            Err(failure) if is_over(&failure) => Ok(Resumed::Anew),
            Err(failure) => Err(failure),
        }
    }

    /// Saves the result in the folder that was named or beside the file.
    async fn save(&self, item: &Item, id: &str) -> Outcome<PathBuf> {
        let name = save::safe_name(&save::view(self.context, id).await?.name);
        let folder = match &self.upload.save {
            Some(folder) => folder.clone(),
            None => item.path.parent().map(Path::to_owned).unwrap_or_default(),
        };
        let path = plan::result_path(&folder, &name, &item.path);
        save::save(self.context, id, &path, self.upload.force)
            .await
            .map_err(|failure| {
                let hint = failure.hint.clone().unwrap_or_default();
                let fetch = format!("the result stays: docket jobs result {id} -o FILE");
                failure.hint([hint, fetch].join("\n        ").trim().to_owned())
            })?;
        Ok(path)
    }
}

enum Resumed {
    /// It goes on.
    GoesOn(Box<UploadView>),
    /// The file is there, and the job made.
    Arrived,
    /// From the start.
    Anew,
}

/// Whether the service says that an upload is no longer open: completed, given up, or never made.
fn is_over(failure: &Failure) -> bool {
    matches!(failure.problem.status, 404 | 409 | 410)
}

/// Whether the file has arrived and become a job.
async fn arrived(context: &Context, id: &str) -> Outcome<bool> {
    match crate::jobs_show::detail(context, id).await {
        Ok(detail) => Ok(detail.job.is_some()),
        Err(failure) if failure.problem.status == 404 => Ok(false),
        Err(failure) => Err(failure),
    }
}

/// How many results are awaited, in words.
fn results(number: usize) -> String {
    count(number as u64, "result", "results")
}
