import { render } from "preact";
import { Session } from "./auth/session";
import { loadConfiguration } from "./config";
import { backoff, pause } from "./lib/backoff";
import { Router } from "./lib/route";
import "./style/base.css";
import "./style/controls.css";
import "./style/account.css";
import "./style/frame.css";
import "./style/list.css";
import "./style/job.css";
import "./style/triage.css";
import "./style/print.css";
import { App } from "./ui/App";
import { Loading } from "./ui/components";

const page = document.getElementById("page") as HTMLElement;

async function showCode(): Promise<void> {
  const { default: SignInCode } = await import("./ui/SignInCode");
  render(
    <main class="start-page">
      <SignInCode />
    </main>,
    page,
  );
}

/** Starts the page. If the service cannot be reached, it retries until it can. */
async function start(): Promise<void> {
  for (let tries = 0; ; tries += 1) {
    try {
      if (location.pathname === "/sign-in/code") return await showCode();
      const { apiUrl, configuration: found } = await loadConfiguration();
      const session = new Session(found);
      await session.requestFromOtherTabs();
      if (location.pathname === "/sign-in") await (await import("./auth/arrival")).arrive(session);
      render(<App session={session} apiUrl={apiUrl} router={new Router()} />, page);
      return;
    } catch (error) {
      console.warn(error);
      const what = tries === 0 ? "Opening Docket…" : "Docket cannot be reached. Retrying…";
      render(
        <main class="start-page">
          <Loading what={what} />
        </main>,
        page,
      );
      await pause(500 + backoff(tries, 1000, 15_000));
    }
  }
}

void start();
