/** Loads the configuration: /config.json names the API's URL, and the API names the rest. */

import type { ClientConfiguration } from "./api/types";

export async function loadConfiguration(): Promise<{ apiUrl: string; configuration: ClientConfiguration }> {
  const { api_url } = (await json("/config.json")) as { api_url?: unknown };
  if (typeof api_url !== "string" || !/^https?:\/\//.test(api_url)) throw new Error("config.json has no api_url");
  const apiUrl = api_url.replace(/\/+$/, "");
  return { apiUrl, configuration: (await json(`${apiUrl}/configuration`)) as ClientConfiguration };
}

async function json(url: string): Promise<unknown> {
  const response = await fetch(url, { credentials: "omit", cache: "no-cache" });
  if (!response.ok) throw new Error(`${url} answered ${response.status}`);
  return response.json();
}
