const copies = new WeakSet<object>();

/**
 * A deeply frozen copy of plain data. What is such a copy already is returned as it is, so records that share
 * unchanged parts stay cheap to store, and whoever passed the value in can neither change it nor finds it frozen.
 */
export function frozenCopy<T>(value: T): T {
  if (typeof value !== 'object' || value === null || copies.has(value)) return value;
  const copy = Array.isArray(value)
    ? value.map((item: unknown) => frozenCopy(item))
    : Object.fromEntries(Object.entries(value).map(([name, part]: [string, unknown]) => [name, frozenCopy(part)]));
  Object.freeze(copy);
  copies.add(copy);
  return copy as T; // the same shape, part by part
}
