/** Finds words of a document in the text of a page, whatever its line breaks, hyphens, spaces and quotation marks. */

/** A run of text on a page, as pdf.js returns it. */
export interface TextRun {
  str: string;
}

/** A part of a run: from and to are positions in its text. */
export interface RunPart {
  run: number;
  from: number;
  to: number;
}

/** Fewer letters and digits are found anywhere. */
const MIN_LETTERS = 6;
/** If not all of a text is on the page, so much of its beginning must be: models shorten, and texts go on on the next page. */
const MIN_BEGINNING = 20;

/** The letters and digits of a text, in lower case and without accents, each with its position. */
function letters(text: string): { letter: string; at: number }[] {
  const found: { letter: string; at: number }[] = [];
  let at = 0;
  for (const character of text) {
    for (const letter of character.normalize("NFKD").toLowerCase())
      if (/[\p{L}\p{N}]/u.test(letter)) found.push({ letter, at });
    at += character.length;
  }
  return found;
}

export class PageText {
  private readonly text: string;
  /** For each character of `text`: its run and its position in the run. */
  private readonly places: { run: number; at: number }[] = [];

  constructor(runs: readonly TextRun[]) {
    const all: string[] = [];
    for (const [run, { str }] of runs.entries()) {
      for (const { letter, at } of letters(str)) {
        for (let unit = 0; unit < letter.length; unit += 1) this.places.push({ run, at });
        all.push(letter);
      }
    }
    this.text = all.join("");
  }

  /** Where the words are: all of them, or else their beginning. */
  find(words: string): RunPart[] | undefined {
    const wanted = letters(words)
      .map((one) => one.letter)
      .join("");
    if (wanted.length < MIN_LETTERS) return undefined;
    if (this.text.includes(wanted)) return this.parts(this.text.indexOf(wanted), wanted.length);
    // The longest beginning that is there, by halving: if a beginning is there, so is every shorter one.
    let [low, high] = [MIN_BEGINNING, wanted.length - 1];
    if (high < low || !this.text.includes(wanted.slice(0, low))) return undefined;
    while (low < high) {
      const half = Math.ceil((low + high) / 2);
      if (this.text.includes(wanted.slice(0, half))) low = half;
      else high = half - 1;
    }
    return this.parts(this.text.indexOf(wanted.slice(0, low)), low);
  }

  private parts(start: number, length: number): RunPart[] {
    const parts: RunPart[] = [];
    for (const { run, at } of this.places.slice(start, start + length)) {
      const last = parts.at(-1);
      if (last?.run === run) last.to = at + 1;
      else parts.push({ run, from: at, to: at + 1 });
    }
    return parts;
  }
}
