import { useLayoutEffect } from "preact/hooks";

/** Single keys that act on a screen, unless the user is typing. */
export function useKeys(keys: Readonly<Record<string, () => void>>): void {
  // Before the screen is painted: a key that follows at once acts on what is shown.
  useLayoutEffect(() => {
    const onKey = (event: KeyboardEvent): void => {
      const isTyping = (event.target as Element | null)?.closest?.("input, select, textarea, dialog, [role=dialog]");
      // The button that has opened a dialog is disabled meanwhile, so the key may come from the page.
      if (document.querySelector("dialog[open]")) return;
      if (isTyping || event.ctrlKey || event.metaKey || event.altKey || !Object.hasOwn(keys, event.key)) return;
      event.preventDefault();
      keys[event.key]?.();
    };
    addEventListener("keydown", onKey);
    return () => removeEventListener("keydown", onKey);
  });
}
