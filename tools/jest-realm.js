/**
 * Jest runs each test file in a realm of its own, where errors that Node itself throws are not `instanceof` that
 * realm's Error. Production has one realm; this makes the tests behave like it.
 */
import { types } from 'node:util';

const ordinary = Function.prototype[Symbol.hasInstance];

Object.defineProperty(Error, Symbol.hasInstance, {
  value(candidate) {
    return ordinary.call(this, candidate) || (this === Error && types.isNativeError(candidate));
  },
});
