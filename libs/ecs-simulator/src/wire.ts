/** A value that can be written as JSON once its dates are written in the form that the reader expects. */
export type Wire =
  string | number | boolean | null | undefined | Date | readonly Wire[] | { readonly [key: string]: Wire };

/** AWS JSON 1.1 has times as seconds since 1970, with a fraction. */
export const inSeconds = (date: Date): number => date.getTime() / 1_000;
/** Events have them as text. */
export const inText = (date: Date): string => date.toISOString();

/** Writes JSON with dates as `format` says. Undefined members are left out, as AWS does. */
export function toJson(value: Wire, format: (date: Date) => number | string): string {
  return JSON.stringify(formatted(value, format));
}

function formatted(value: Wire, format: (date: Date) => number | string): Wire {
  if (value instanceof Date) return format(value);
  if (Array.isArray(value)) return value.map((item: Wire) => formatted(item, format));
  if (typeof value !== 'object' || value === null) return value;
  return Object.fromEntries(Object.entries(value).map(([key, item]) => [key, formatted(item, format)]));
}
