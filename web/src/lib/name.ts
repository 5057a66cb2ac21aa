/** Compares file names as people see them. */

/**
 * The name in the form in which names are compared, as `fold` in crates/api/src/name.rs: composed and decomposed
 * characters are the same, invisible ones are left out, blanks are one space, and case is ignored.
 */
export function foldName(name: string): string {
  return name
    .normalize("NFD")
    .replace(/\p{Default_Ignorable_Code_Point}/gu, "")
    .replace(/[\s\u0085]+/gu, " ")
    .replace(/\p{Cc}/gu, "")
    .toLowerCase()
    .normalize("NFD")
    .replace(/ +/g, " ")
    .replace(/^ /, "");
}
