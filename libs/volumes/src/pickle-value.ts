import { VolumeError } from './volume-error.ts';

/** What a pickle may consist of. Integers are `bigint`, so that Python's 1, 1.0 and True stay apart. */
export type PickleValue =
  | null
  | boolean
  | bigint
  | number
  | string
  | Buffer
  | Map<PickleKey, PickleValue>
  | { readonly kind: 'tuple'; readonly items: readonly PickleValue[] }
  | { readonly kind: 'list'; readonly items: PickleValue[] }
  | { readonly kind: 'global'; readonly name: GlobalName }
  | PickledArray
  | PickledDtype;

export type PickleKey = string | bigint;

/** `numpy.ndarray` of shape (); has a payload once it was built. */
export type PickledArray = { readonly kind: 'ndarray'; payload: PickleValue | undefined };

/** `numpy.dtype`; has a byte order once it was built. */
export type PickledDtype = { readonly kind: 'dtype'; readonly code: string; byteOrder: string | undefined };

export type GlobalName = 'reconstruct' | 'ndarray' | 'dtype' | 'scalar' | 'encode';

/** Exact pairs of module and name; dotted names and whole modules have let attackers through elsewhere. */
const GLOBALS: ReadonlyMap<string, GlobalName> = new Map([
  ['numpy.core.multiarray _reconstruct', 'reconstruct'],
  ['numpy._core.multiarray _reconstruct', 'reconstruct'],
  ['numpy.core.multiarray scalar', 'scalar'],
  ['numpy._core.multiarray scalar', 'scalar'],
  ['numpy ndarray', 'ndarray'],
  ['numpy dtype', 'dtype'],
  ['_codecs encode', 'encode'],
]);

export function globalNamed(module: PickleValue, name: PickleValue): PickleValue {
  if (typeof module !== 'string' || typeof name !== 'string') throw new VolumeError('pickle_unsupported');
  // A space inside of either part cannot make another pair: no allowed part holds one, and pairs are compared whole.
  const known = GLOBALS.get(`${module} ${name}`);
  if (known === undefined) throw new VolumeError('pickle_unsupported');
  return { kind: 'global', name: known };
}
