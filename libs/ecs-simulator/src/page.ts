import { invalidParameter } from './ecs-error.ts';

const PAGE_MAX = 100;

/** A page of names in their order. The token names the last one, so that what ends in between shifts nothing. */
export function pageOf(
  names: readonly string[],
  ask: { maxResults?: number | undefined; nextToken?: string | undefined },
): { page: string[]; nextToken: string | undefined } {
  const start = ask.nextToken === undefined ? 0 : startAfter(names, ask.nextToken);
  const end = start + (ask.maxResults ?? PAGE_MAX);
  const page = names.slice(start, end);
  const last = page.at(-1);
  const more = end < names.length && last !== undefined;
  return { page, nextToken: more ? tokenOf(end, last) : undefined };
}

const tokenOf = (end: number, last: string): string => Buffer.from(`${end} ${last}`).toString('base64url');

/** Where the last name is gone, its old place has to do. */
function startAfter(names: readonly string[], token: string): number {
  const match = /^(?<end>\d+) (?<last>\S+)$/.exec(Buffer.from(token, 'base64url').toString());
  if (match?.groups === undefined) throw invalidParameter('Invalid token: use the nextToken of the answer before.');
  const at = names.indexOf(match.groups['last'] ?? '');
  return at === -1 ? Number(match.groups['end']) : at + 1;
}
