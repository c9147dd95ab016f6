/** Names under which `createApi` hands values to the framework. */
export const PORTS = Symbol('ports');
export const CATALOGUE = Symbol('catalogue');
export const SETTINGS = Symbol('settings');
export const CLOCK = Symbol('clock');
export const LOG = Symbol('log');
export const INTAKE = Symbol('intake');
export const WAITING = Symbol('waiting');
export const PAGES = Symbol('pages');
export const TRAIL = Symbol('trail');
export const READINESS = Symbol('readiness');
