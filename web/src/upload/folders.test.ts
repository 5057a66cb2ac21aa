import assert from "node:assert/strict";
import { test } from "node:test";
import { chosenFiles, droppedFiles } from "./folders";

const file = (name: string): FileSystemEntry =>
  ({
    isFile: true,
    isDirectory: false,
    name,
    file: (take: (file: File) => void) => take(new File(["x"], name)),
  }) as never;
const broken = { isFile: true, isDirectory: false, name: "Gone.pdf", file: (_: unknown, fail: () => void) => fail() };

/** Gives its entries in portions of two, as Chromium does of a hundred. */
function folder(name: string, entries: FileSystemEntry[], fails = false): FileSystemEntry {
  const createReader = (): unknown => {
    let at = 0;
    return {
      readEntries(take: (entries: FileSystemEntry[]) => void, fail: (error: unknown) => void): void {
        at += 2;
        if (fails && at > 2) fail(new DOMException("denied", "NotReadableError"));
        else take(entries.slice(at - 2, at));
      },
    };
  };
  return { isFile: false, isDirectory: true, name, createReader } as never;
}

function dropped(...entries: FileSystemEntry[]): Promise<{ files: string[]; left: string[] }> {
  return droppedFiles(entries).then(({ files, left }) => ({
    files: files.map((one) => one.name),
    left: left.map((one) => `${one.name}: ${one.why.split(/[:,]/)[0]}`),
  }));
}

test("what is hidden is named, and what systems put into folders is not", async () => {
  const git = folder(".git", [file("a"), file("b")]);
  const room = folder("Room", [
    file("c.pdf"),
    file(".Lease.pdf"),
    file(".DS_Store"),
    file("._c.pdf"),
    git,
    file("a.pdf"),
  ]);
  assert.deepEqual(await dropped(room), {
    files: ["a.pdf", "c.pdf"],
    left: [".git: A hidden folder", ".Lease.pdf: Hidden"],
  });
});

test("a folder or file that cannot be read is named, and the others are taken", async () => {
  const locked = folder("Locked", [file("x.pdf"), file("y.pdf"), file("z.pdf")], true);
  const room = folder("Room", [file("a.pdf"), locked, broken as never, file("b.pdf")]);
  assert.deepEqual(await dropped(room, file("c.pdf")), {
    files: ["a.pdf", "b.pdf", "c.pdf"],
    left: ["Gone.pdf: The file cannot be read", "Locked: The folder could not be read"],
  });
});

test("of a chosen folder, the hidden parts are named once", () => {
  const chosen = (path: string): File =>
    Object.defineProperty(new File(["x"], path.split("/").at(-1) ?? ""), "webkitRelativePath", { value: path });
  const paths = ["Room/a.pdf", "Room/.git/1", "Room/.git/2", "Room/.b.pdf", "Room/Thumbs.db", "Room/deep/c.pdf"];
  const { files, left } = chosenFiles(paths.map(chosen) as never);
  assert.deepEqual(
    files.map((one) => one.name),
    ["a.pdf", "c.pdf"],
  );
  assert.deepEqual(
    left.map((one) => one.name),
    [".git", ".b.pdf"],
  );
});
