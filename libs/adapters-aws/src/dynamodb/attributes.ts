import type { Item } from './job-table.ts';

/** The text of an attribute. Throws if the item has none: then somebody else wrote it. */
export function text(item: Item, name: string): string {
  const value = item[name]?.S;
  if (value === undefined) throw brokenItem(name);
  return value;
}

/** The whole number of an attribute. Throws if the item has none. */
export function wholeNumber(item: Item, name: string): number {
  const value = Number(item[name]?.N);
  if (!Number.isSafeInteger(value)) throw brokenItem(name);
  return value;
}

export function numberValue(value: number): { N: string } {
  return { N: String(value) };
}

/** Names of attributes as an expression must write them: behind `#`, since hundreds of plain words are reserved. */
export function attributeNames(names: readonly string[]): Record<string, string> {
  return Object.fromEntries(names.map((name) => [`#${name}`, name]));
}

export function projection(names: readonly string[]): {
  ProjectionExpression: string;
  ExpressionAttributeNames: Record<string, string>;
} {
  return {
    ProjectionExpression: names.map((name) => `#${name}`).join(', '),
    ExpressionAttributeNames: attributeNames(names),
  };
}

function brokenItem(name: string): Error {
  return new Error(`an item of the job table has no valid attribute ${name}: restore the item from a backup`);
}
