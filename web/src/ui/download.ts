import { useState } from "preact/hooks";
import type { SignedRequest } from "../api/types";

/** Saves what a signed request answers. It asks for a new request at each click: a request is valid for five minutes. */
export function useDownload(
  sign: () => Promise<{ request: SignedRequest; name: string }>,
): [{ busy: boolean; error: unknown }, () => void] {
  const [state, set] = useState<{ busy: boolean; error: unknown }>({ busy: false, error: undefined });
  const download = (): void => {
    set({ busy: true, error: undefined });
    sign().then(
      (view) => {
        const link = document.createElement("a");
        link.href = view.request.url;
        link.download = view.name;
        link.rel = "noopener";
        link.click();
        set({ busy: false, error: undefined });
      },
      (error: unknown) => set({ busy: false, error }),
    );
  };
  return [state, download];
}
