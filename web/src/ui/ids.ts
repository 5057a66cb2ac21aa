/** Tells ids in the search box from the beginnings of file names. */

const UUID = /[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}/i;

export function isId(text: string): boolean {
  return UUID.test(text) || text.startsWith("s3://") || /^inbound[a-z-]*\//.test(text);
}
