/** The findings of a contract as a Word document. */

import { Document, HeadingLevel, Packer, Paragraph, TextRun } from "docx";
import type { JobView } from "../../api/types";
import { formatExactly } from "../../lib/format";
import { reviewedBy } from "../../live/marks";
import type { Finding } from "../result/finding";
import { findingLevel, findingPage, percent } from "../result/finding-text";
import { isFields, type Json } from "../result/json";
import type { Understood } from "../result/understand";
import { inline, label, modelSentence } from "../result/words";

/** Characters that XML 1.0 does not allow. Word refuses a file that has one. */
const NOT_XML = /(?![\t\n\r])[\p{Cc}\p{Cs}\ufffe\uffff]/gu;

const clean = (text: string): string => text.replace(NOT_XML, "");

function heading(text: string, level: (typeof HeadingLevel)[keyof typeof HeadingLevel]): Paragraph {
  return new Paragraph({ heading: level, children: [new TextRun(clean(text))], keepNext: true });
}

function lines(text: string, format: { italics?: boolean; indent?: number } = {}): Paragraph[] {
  return clean(text)
    .split(/\r?\n/)
    .filter((line) => line.trim() !== "")
    .map(
      (line) =>
        new Paragraph({
          children: [new TextRun({ text: line, ...(format.italics ? { italics: true } : {}) })],
          ...(format.indent === undefined ? {} : { indent: { left: format.indent } }),
          spacing: { after: 80 },
        }),
    );
}

function field(name: string, value: string): Paragraph {
  return new Paragraph({
    children: [new TextRun({ text: `${clean(name)}: `, bold: true }), new TextRun(clean(value))],
    spacing: { after: 40 },
  });
}

/** The confidence and further fields of a finding or a clause. */
function details({ confidence, rest }: Pick<Finding, "confidence" | "rest">): Paragraph[] {
  const sure = confidence === undefined ? [] : [field("Confidence", percent(confidence))];
  return [...sure, ...rest.map(([name, value]) => field(label(name), inline(value)))];
}

function paragraphs(job: JobView, found: Understood): Paragraph[] {
  const { H1, H2, H3 } = { H1: HeadingLevel.HEADING_1, H2: HeadingLevel.HEADING_2, H3: HeadingLevel.HEADING_3 };
  const all: Paragraph[] = [heading(job.name, H1), field("Uploaded", formatExactly(job.created_at))];
  const reviewed = reviewedBy(job);
  if (job.reference !== undefined) all.push(field("Reference", job.reference));
  if (reviewed) all.push(field("Reviewed", `${reviewed.by}, ${formatExactly(reviewed.at)}`));
  if (job.marks?.note != null) all.push(field("Note", job.marks.note));
  if (found.otherSchema !== undefined)
    all.push(...lines(`The result is written in the schema ${found.otherSchema}, parts of which may be misread.`));
  if (found.title !== "" || found.summary !== "") {
    all.push(heading("Summary", H2));
    if (found.title !== "") all.push(field("Document", found.title));
    all.push(...lines(found.summary));
  }
  if (found.findings) {
    all.push(heading(`Findings (${found.findings.length})`, H2));
    if (found.findings.length === 0) all.push(...lines("The model reported no findings."));
    for (const [index, one] of found.findings.entries()) {
      const place = findingPage(one);
      const title = [findingLevel(one), one.title === "" ? "" : label(one.title), place].filter(Boolean).join(" · ");
      all.push(heading(`${index + 1}. ${title}`, H3), ...lines(one.text));
      if (one.quote !== "") all.push(...lines(`“${one.quote}”`, { italics: true, indent: 360 }));
      all.push(...details(one));
    }
  }
  if (found.facts.length > 0) all.push(heading("At a glance", H2));
  for (const [name, value] of found.facts) all.push(field(label(name), inline(value)));
  if (found.clauses.length > 0) all.push(heading("Clauses", H2));
  for (const clause of found.clauses) {
    const type = clause.type === "" ? "" : label(clause.type);
    const title = [type, clause.title, findingPage(clause)].filter(Boolean);
    all.push(heading(title.join(" · ") || "Clause", H3), ...lines(clause.text), ...details(clause));
  }
  if (found.rest !== undefined) {
    const rest = isFields(found.rest) ? Object.entries(found.rest) : [["Result", found.rest] as [string, Json]];
    all.push(heading("Also in this result", H2), ...rest.map(([name, value]) => field(label(name), inline(value))));
  }
  const end = [modelSentence(found.model), found.disclaimer, "This is not legal advice."].filter(Boolean);
  all.push(...lines(end.join(" "), { italics: true }));
  return all;
}

export function memoDocument(job: JobView, found: Understood): Document {
  const title = clean(job.name);
  return new Document({ title, creator: "Docket", sections: [{ children: paragraphs(job, found) }] });
}

export function memo(job: JobView, found: Understood): Promise<Blob> {
  return Packer.toBlob(memoDocument(job, found));
}
