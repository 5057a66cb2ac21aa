/** The sections of the support guide (docs/support-guide.md), which the build makes a page of. */

import type { FailureCause } from "../../api/types";

const GUIDE = "/support-guide.html";

const FILE = "3-it-says-my-file-cannot-be-processed";
const MODEL = "4-it-says-the-model-failed";
const MANY = "5-everything-has-failed";

const SECTIONS: Record<FailureCause, string> = {
  InvalidInput: FILE,
  ModelRejected: FILE,
  Unprocessable: FILE,
  ModelError: MODEL,
  TimedOut: MODEL,
  Expired: MANY,
  Lost: MANY,
  PipelineGone: MANY,
  EndpointDown: MANY,
  Refused: MANY,
  Unknown: MANY,
  Superseded: "1-where-is-my-document",
};

/** Where the guide says what to do about a cause. A later release may know more causes. */
export function guideAbout(cause: string): string {
  return `${GUIDE}#${cause in SECTIONS ? SECTIONS[cause as FailureCause] : MANY}`;
}

export const CAUSES_IN_GUIDE = Object.keys(SECTIONS);
