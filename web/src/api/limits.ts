// Generated from docs/openapi.json by `npm run api-types`. Do not edit.

/** The API's limits. Texts are measured in characters, unless the name says otherwise. */

export const assignee = 254;
export const batch = 64;
export const countedFindings = 65535;
export const fileName = 200;
export const fileNameBytes = 500;
export const jobsPerPage = 100;
export const model = 76;
export const note = 200;
export const pdfHeaderBytes = 1024;
export const perMinute = 600;
export const planReason = 400;
export const previousSecretHours = 24;
export const reason = 500;
export const shownMessageBytes = 65536;
export const snapshotCheckedJobs = 12;
export const snapshotKnownJobs = 200;
export const urgentJobs = 20;
export const webhookUrl = 500;
export const webhooks = 5;
