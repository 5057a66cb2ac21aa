/** Saves what the page has made. */

export function saveBlob(blob: Blob, name: string): void {
  const url = URL.createObjectURL(blob);
  const link = document.createElement("a");
  link.href = url;
  link.download = name;
  link.click();
  // The browser has opened it by then.
  setTimeout(() => URL.revokeObjectURL(url), 60_000);
}

/** A file name without what file systems refuse. Long names keep their start. */
export function fileName(name: string, extension: string): string {
  const stem = name.replace(/\.pdf$/i, "");
  const clean = stem.replace(/[\p{Cc}\p{Cf}/\\:*?"<>|]+/gu, "_").trim();
  const shown = [...clean.replace(/^\.+/, "")].slice(0, 120).join("") || "contract";
  return `${shown}.${extension}`;
}
