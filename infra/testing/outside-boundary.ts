import type { Statement } from '../constructs/policy.ts';

/**
 * What a statement grants and the boundary would not let through, as `action on resource`. Resources whose ARN is known
 * only to Terraform (`${…}`) are taken as ours, and pairs of an action and another service's resource mean nothing.
 * Conditions are not looked at.
 */
export function outsideBoundary(boundary: readonly Statement[], { Action, Resource }: Statement): string[] {
  const allowed = boundary.filter(({ Effect }) => Effect === 'Allow');
  return Action.flatMap((action) =>
    Resource.filter((resource) => serviceOf(resource) === null || serviceOf(resource) === action.split(':')[0])
      .filter((resource) => !allowed.some((statement) => lets(statement, action, resource)))
      .map((resource) => `${action} on ${resource}`),
  );
}

function lets(statement: Statement, action: string, resource: string): boolean {
  if (!statement.Action.some((pattern) => covers(pattern, action))) return false;
  return resource.startsWith('${') || statement.Resource.some((pattern) => covers(pattern, resource));
}

/** Of two patterns with `*`: whether the first takes in all of the second. */
function covers(pattern: string, what: string): boolean {
  const literal = pattern.split('*').map((part) => part.replace(/[.?+^$()|[\]{}\\]/g, '\\$&'));
  return new RegExp(`^${literal.join('.*')}$`, 's').test(what);
}

function serviceOf(resource: string): string | null {
  return resource.startsWith('arn:aws:') ? (resource.split(':')[2] ?? null) : null;
}
