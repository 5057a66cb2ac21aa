/** The files of folders that were dropped or chosen, to any depth. Loaded with the first folder. */

/** A file or folder that is not taken, and why. */
export interface LeftOut {
  name: string;
  why: string;
}

export interface ChosenFiles {
  files: File[];
  left: LeftOut[];
}

const HIDDEN = "Hidden, so it was left out. Rename it if you mean it.";
const HIDDEN_FOLDER = "A hidden folder: its files were left out.";
const UNREADABLE = "The folder could not be read: its files were left out. Choose it again.";
const UNREADABLE_FILE = "The file cannot be read: it was changed, moved or deleted. Choose it again.";

/** What systems put into folders by themselves. It is left out without a message. */
function isOfSystem(name: string): boolean {
  return [".DS_Store", ".localized", "Thumbs.db", "desktop.ini"].includes(name) || name.startsWith("._");
}

function isHidden(name: string): boolean {
  return name.startsWith(".");
}

/** The files of dropped files and folders. What cannot be read is named, and the rest is taken. */
export async function droppedFiles(entries: readonly (FileSystemEntry | null)[]): Promise<ChosenFiles> {
  const found: ChosenFiles = { files: [], left: [] };
  for (const entry of entries) if (entry) await takeEntry(entry, found);
  return found;
}

/** The files of a folder that was chosen. */
export function chosenFiles(list: FileList | null): ChosenFiles {
  const found: ChosenFiles = { files: [], left: [] };
  for (const file of list ?? []) {
    const path = file.webkitRelativePath.split("/");
    const folder = path.slice(0, -1).find(isHidden);
    if (path.some(isOfSystem)) continue;
    if (folder !== undefined) leaveOut(found, folder, HIDDEN_FOLDER);
    else if (file.webkitRelativePath !== "" && isHidden(file.name)) leaveOut(found, file.name, HIDDEN);
    else found.files.push(file);
  }
  return found;
}

function leaveOut({ left }: ChosenFiles, name: string, why: string): void {
  // A hidden folder is named once, whatever is in it.
  if (why !== HIDDEN_FOLDER || !left.some((one) => one.name === name && one.why === why)) left.push({ name, why });
}

async function takeEntry(entry: FileSystemEntry, found: ChosenFiles): Promise<void> {
  if (isOfSystem(entry.name)) return;
  if (entry.isFile) {
    if (isHidden(entry.name)) return leaveOut(found, entry.name, HIDDEN);
    const file = entry as FileSystemFileEntry;
    await new Promise<File>((resolve, reject) => file.file(resolve, reject)).then(
      (read) => found.files.push(read),
      () => leaveOut(found, entry.name, UNREADABLE_FILE),
    );
    return;
  }
  if (isHidden(entry.name)) return leaveOut(found, entry.name, HIDDEN_FOLDER);
  const entries = await inFolder(entry as FileSystemDirectoryEntry).catch(() => undefined);
  if (!entries) return leaveOut(found, entry.name, UNREADABLE);
  for (const inner of entries) await takeEntry(inner, found);
}

async function inFolder(folder: FileSystemDirectoryEntry): Promise<FileSystemEntry[]> {
  const entries: FileSystemEntry[] = [];
  const reader = folder.createReader();
  // A folder is read in portions (Chromium: 100 entries), until there are no more.
  for (;;) {
    const portion = await new Promise<FileSystemEntry[]>((resolve, reject) => reader.readEntries(resolve, reject));
    if (portion.length === 0) return entries.sort((a, b) => a.name.localeCompare(b.name));
    entries.push(...portion);
  }
}
