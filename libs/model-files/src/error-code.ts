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

/** False for a name that is taken; anything else is raised. */
export function unlessExists(error: unknown): false {
  if (errorCode(error) === 'EEXIST') return false;
  throw error;
}

/** False for a name that is not there; anything else is raised. */
export function unlessMissing(error: unknown): false {
  const code = errorCode(error);
  if (code === 'ENOENT' || code === 'ENOTDIR') return false;
  throw error;
}
