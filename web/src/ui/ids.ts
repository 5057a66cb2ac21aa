/** Tells texts that the service's index can find from shorter ones, which only begin names. */

/** As `SearchText::parse` in crates/api/src/search_index/terms.rs: three letters or digits in a row, or two characters of a script without blanks. */
export function isSearchable(text: string): boolean {
  return /[\p{L}\p{N}\p{M}]{3}|[\u3040-\u30ff\u3400-\u9fff\uf900-\ufaff]/u.test(text);
}
