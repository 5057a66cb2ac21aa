/** The support screens, a separate chunk. */

import type { JSX } from "preact";
import type { PageRoute } from "../../lib/route";
import "../../style/support.css";
import { Audit } from "./Audit";
import { Overview } from "./Overview";
import { Plan, Plans } from "./Plans";
import { Quarantine, QuarantineMessage } from "./Quarantine";
import { Tenants } from "./Tenants";

export default function Support({ route }: { route: PageRoute }): JSX.Element | null {
  switch (route.screen) {
    case "support":
      return <Overview />;
    case "plans":
      return <Plans />;
    case "plan":
      return <Plan id={route.id} />;
    case "quarantine":
      return <Quarantine />;
    case "quarantined":
      return <QuarantineMessage id={route.id} />;
    case "tenants":
      return <Tenants />;
    case "audit":
      return <Audit />;
    default:
      return null;
  }
}
