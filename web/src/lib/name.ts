/** Compares file names as people see them. */

/** As crates/api/src/name/compatibility.rs. */
const WIDE_AND_LIGATURES = /[\u017f\ufb00-\ufb06\uff01-\uff9f]/gu;

/**
 * The name in the form in which names are compared, as `fold` in crates/api/src/name/mod.rs: composed and
 * decomposed characters are the same, as are full-width characters, ligatures and their plain forms; invisible ones are left
 * out, blanks are one space, and case is ignored.
 */
export function foldName(name: string): string {
  return name
    .normalize("NFD")
    .replace(/\p{Default_Ignorable_Code_Point}/gu, "")
    .replace(/[\s\u0085]+/gu, " ")
    .replace(/\p{Cc}/gu, "")
    .replace(WIDE_AND_LIGATURES, (c) => c.normalize("NFKC"))
    .toLowerCase()
    .replaceAll("ς", "σ")
    .normalize("NFD")
    .replace(/ +/g, " ")
    .replace(/^ /, "");
}
