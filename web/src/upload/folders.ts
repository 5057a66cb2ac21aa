/** The files of what was dropped, also of folders to any depth. */

/** Files of systems and programs, such as `.DS_Store`, which are not uploaded. */
function isHidden(name: string): boolean {
  return name.startsWith(".") || name === "Thumbs.db" || name === "desktop.ini";
}

/**
 * Must be called while the event is handled: the browser empties the list of items after it. Folders are read later. One that
 * cannot be read rejects.
 */
export function droppedFiles(data: DataTransfer | null): Promise<File[]> {
  const entries = [...(data?.items ?? [])].map((item) => item.webkitGetAsEntry?.() ?? null);
  const isFolder = (entry: FileSystemEntry | null): boolean => entry?.isDirectory === true;
  // Without folders, the files as the browser gives them: a test or an old browser may have no entries.
  if (!entries.some(isFolder)) return Promise.resolve([...(data?.files ?? [])]);
  return Promise.all(entries.flatMap((entry) => entry ?? []).map(filesOf)).then((files) => files.flat());
}

/** The files of a folder that was chosen. */
export function chosenFiles(list: FileList | null): File[] {
  return [...(list ?? [])].filter(
    (file) => !file.webkitRelativePath.split("/").some(isHidden) || file.webkitRelativePath === "",
  );
}

async function filesOf(entry: FileSystemEntry): Promise<File[]> {
  if (entry.isFile) {
    if (isHidden(entry.name)) return [];
    const file = entry as FileSystemFileEntry;
    return [await new Promise<File>((resolve, reject) => file.file(resolve, reject))];
  }
  if (isHidden(entry.name)) return [];
  const files: File[] = [];
  const reader = (entry as FileSystemDirectoryEntry).createReader();
  // A folder is read in portions (Chromium: 100 entries), until there are no more.
  for (;;) {
    const portion = await new Promise<FileSystemEntry[]>((resolve, reject) => reader.readEntries(resolve, reject));
    if (portion.length === 0) return files;
    for (const inner of portion.sort((a, b) => a.name.localeCompare(b.name))) files.push(...(await filesOf(inner)));
  }
}
