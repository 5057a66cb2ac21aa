/** A link beside a cause to what the support guide says about it. */

import type { JSX } from "preact";
import { causeLabel } from "../labels";
import { guideAbout } from "./guide";

export function GuideLink({ cause }: { cause: string }): JSX.Element {
  return (
    <a
      class="small"
      href={guideAbout(cause)}
      target="_blank"
      rel="noopener"
      aria-label={`What to do: ${causeLabel(cause)}`}
    >
      What to do
    </a>
  );
}
