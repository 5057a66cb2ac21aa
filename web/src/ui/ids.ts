/** Whether what was typed is an id and not the beginning of a name. */

const UUID = /[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}/i;

export function isId(text: string): boolean {
  return UUID.test(text) || text.startsWith("s3://") || /^inbound[a-z-]*\//.test(text);
}
