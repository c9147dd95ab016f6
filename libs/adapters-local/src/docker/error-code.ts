/**
 * The code of a system error (`ENOENT`, …), or null. By shape, not by class: under a test runner with realms of its own
 * an error of the system is no instance of this realm's Error.
 */
export function errorCode(error: unknown): string | null {
  if (typeof error !== 'object' || error === null || !('code' in error)) return null;
  return typeof error.code === 'string' ? error.code : null;
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
