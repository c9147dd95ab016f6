/**
 * The `code` of an error of Node (`ENOENT`, …), else null. Asks for the property and not for the class: an error that
 * comes from another realm (a vm context, as test runners use them) is no `instanceof Error` here.
 */
export function errorCode(error: unknown): string | null {
  if (typeof error !== 'object' || error === null || !('code' in error)) return null;
  return typeof error.code === 'string' ? error.code : null;
}

export function hasCode(error: unknown, ...codes: readonly string[]): boolean {
  const code = errorCode(error);
  return code !== null && codes.includes(code);
}
