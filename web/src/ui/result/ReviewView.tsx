/** What the page understood of a result, and below it everything else. */

import type { JSX } from "preact";
import { useState } from "preact/hooks";
import { plural } from "../../lib/format";
import { Icon } from "../components";
import { sentence } from "../labels";
import { useChosenIndex, usePlace } from "./Beside";
import type { Finding } from "./finding";
import { findingLevel, findingPage, findingText, percent } from "./finding-text";
import { JsonSearch } from "./JsonSearch";
import { Confidence, FieldsView, JsonView, LongText, useSteps } from "./JsonView";
import { isFields, type Json } from "./json";
import { CopyButton } from "./Take";
import type { Clause, Understood } from "./understand";
import { label, modelSentence } from "./words";

/** Below this the clause is marked as uncertain. */
const LOW_CONFIDENCE = 0.7;

export function ReviewView({ found, name }: { found: Understood; name: string }): JSX.Element {
  return (
    <div class="review">
      {found.otherSchema !== undefined && (
        <p class="notice">
          The result is written in the schema {found.otherSchema}, which this page does not know. It shows all of it,
          but it may misread parts.
        </p>
      )}
      {(found.summary !== "" || found.title !== "") && (
        <section class="card summary">
          <h2>Summary</h2>
          {found.title !== "" && (
            <p>
              <strong>
                <bdi>{found.title}</bdi>
              </strong>
            </p>
          )}
          <LongText text={found.summary} />
        </section>
      )}
      {found.findings && <Findings findings={found.findings} hasRest={found.rest !== undefined} name={name} />}
      {found.facts.length > 0 && <Facts facts={found.facts} />}
      {found.clauses.length > 0 && <Clauses clauses={found.clauses} />}
      {found.rest !== undefined && (
        <section class="card rest">
          <h2>Also in this result</h2>
          <JsonSearch json={found.rest} />
          <JsonView value={found.rest} />
        </section>
      )}
      <p class="muted small review-disclaimer">
        {modelSentence(found.model)} {found.disclaimer}
      </p>
    </div>
  );
}

function Findings({ findings, hasRest, name }: { findings: Finding[]; hasRest: boolean; name: string }): JSX.Element {
  const [shown, more] = useSteps(findings, useChosenIndex("finding"));
  const high = findings.filter((one) => one.rank === "high").length;
  const other = findings.filter((one) => one.rank === "other").length;
  return (
    <section class="card flags" aria-labelledby="flags-title">
      <h2 id="flags-title">
        {findings.length === 0 ? "No findings" : plural(findings.length, "finding")}
        {high > 0 && <span class="badge high">{high} high</span>}
        {other > 0 && <span class="badge medium">{other} of a level that this page does not know</span>}
      </h2>
      {findings.length === 0 && (
        <p class="muted">
          The model reported no findings.{hasRest && " The rest of its result is below."} This is not legal advice.
        </p>
      )}
      <ul>
        {shown.map((one, index) => (
          <FindingItem key={index} id={`finding-${index}`} finding={one} name={name} />
        ))}
      </ul>
      {more("finding")}
    </section>
  );
}

function FindingItem({ id, finding, name }: { id: string; finding: Finding; name: string }): JSX.Element {
  const { rank, title, text } = finding;
  const { isChosen, show } = usePlace(id);
  return (
    <li id={id} tabIndex={-1} class={`flag ${rank}${isChosen ? " chosen" : ""}`}>
      <span class={`badge ${rank}`}>
        <bdi>{findingLevel(finding)}</bdi>
      </span>
      <div>
        {(title !== "" || finding.page !== undefined || show) && (
          <p>
            {title !== "" && (
              <strong>
                <bdi>{label(title)}</bdi>
              </strong>
            )}{" "}
            <PlaceLink label={findingPage(finding)} show={show} />
          </p>
        )}
        {text !== "" && (
          <p>
            <LongText text={sentence(text)} />
          </p>
        )}
        {finding.quote !== "" && (
          <q class="quote">
            <LongText text={finding.quote} />
          </q>
        )}
        {finding.confidence !== undefined && (
          <p class="muted small">
            Confidence <Confidence share={finding.confidence} />
          </p>
        )}
        {finding.rest.length > 0 && <FieldsView fields={finding.rest} depth={1} />}
        <CopyButton link label="Copy" text={() => findingText(finding, name)} />
      </div>
    </li>
  );
}

/** Where it is, as a link into the document if it is a place there. */
function PlaceLink({ label, show }: { label: string; show: (() => void) | undefined }): JSX.Element {
  if (!show) return <span class="muted">{label}</span>;
  return (
    <button type="button" class="link to-place" onClick={show}>
      {label.startsWith("page") ? label : "show in the document"}
    </button>
  );
}

function Facts({ facts }: { facts: [string, Json][] }): JSX.Element {
  return (
    <section class="card at-a-glance">
      <h2>At a glance</h2>
      <dl class="facts">
        {facts.map(([key, value], index) => (
          <div key={index}>
            <dt>{label(key)}</dt>
            <dd>
              <Fact value={value} />
            </dd>
          </div>
        ))}
      </dl>
    </section>
  );
}

/** A list of names and values, one a line; anything deeper as it is. */
function Fact({ value }: { value: Json }): JSX.Element {
  const list = Array.isArray(value) ? value : [value];
  const lines = list.map(factText);
  if (list.length === 0 || lines.some((one) => one === undefined)) return <JsonView value={value} depth={1} />;
  return (
    <>
      {lines.map((one, index) => (
        <span key={index}>
          <bdi>{one}</bdi>
        </span>
      ))}
    </>
  );
}

/** "Acme Ltd. (Supplier, country: Norway)". */
function factText(value: Json): string | undefined {
  if (typeof value === "string" || typeof value === "number") return value === "" ? undefined : String(value);
  if (!isFields(value) || typeof value.name !== "string") return undefined;
  const { name, role, ...others } = value;
  const details = Object.entries(others).map(([key, one]) =>
    typeof one === "object" ? undefined : `${label(key).toLowerCase()}: ${one}`,
  );
  if (details.includes(undefined) || (role !== undefined && typeof role !== "string")) return undefined;
  const all = [...(role ? [role] : []), ...details];
  return all.length === 0 ? name : `${name} (${all.join(", ")})`;
}

function Clauses({ clauses }: { clauses: readonly Clause[] }): JSX.Element {
  const [type, setType] = useState("");
  const types = [...new Set(clauses.map((clause) => clause.type))];
  const all = clauses.map((clause, index) => ({ clause, id: `clause-${index}` }));
  const [shown, more] = useSteps(type === "" ? all : all.filter(({ clause }) => clause.type === type));
  return (
    <section class="card clauses" aria-labelledby="clauses-title">
      <div class="card-head">
        <h2 id="clauses-title">{plural(clauses.length, "clause")}</h2>
        {types.length > 1 && (
          <select aria-label="Clause type" value={type} onChange={(event) => setType(event.currentTarget.value)}>
            <option value="">All types</option>
            {types.map((one) => (
              <option key={one} value={one}>
                {one === "" ? "(no type)" : label(one)}
              </option>
            ))}
          </select>
        )}
      </div>
      {shown.map(({ clause, id }) => (
        <ClauseItem key={id} id={id} clause={clause} />
      ))}
      {more("clause")}
    </section>
  );
}

function ClauseItem({ id, clause }: { id: string; clause: Clause }): JSX.Element {
  const { isChosen, show } = usePlace(id);
  return (
    <article id={id} tabIndex={-1} class={isChosen ? "clause chosen" : "clause"}>
      <h3>
        {clause.type !== "" && label(clause.type)}
        {clause.title && <bdi class="muted">{clause.title}</bdi>}
      </h3>
      {clause.text !== "" && (
        <p>
          <LongText text={clause.text} />
        </p>
      )}
      <p class="muted small">
        <PlaceLink label={findingPage(clause)} show={show} />
        {clause.confidence !== undefined &&
          (clause.confidence < LOW_CONFIDENCE ? (
            <span class="unsure">
              <Icon name="alert" /> Low confidence ({percent(clause.confidence)})
            </span>
          ) : (
            <span>Confidence {percent(clause.confidence)}</span>
          ))}
      </p>
      {clause.rest.length > 0 && <FieldsView fields={clause.rest} depth={1} />}
    </article>
  );
}
