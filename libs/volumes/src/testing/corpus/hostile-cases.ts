import { hostileEnds, hostileEntries } from './hostile-archives.ts';
import type { HostileCase } from './hostile-case.ts';
import { hostileHeaders, hostileValues } from './hostile-headers.ts';
import { hostileContents, hostileNames } from './hostile-members.ts';
import { expensivePickles, hostileOpcodes } from './hostile-opcodes.ts';
import { hostileCalls } from './hostile-pickles.ts';
import { hostilePrompts } from './hostile-prompts.ts';

/** Every file that must be refused, by what is wrong with it. */
export const hostileCases = {
  'ends of archives': hostileEnds,
  'entries of archives': hostileEntries,
  'names of members': hostileNames,
  'contents of members': hostileContents,
  'headers of arrays': hostileHeaders,
  'values of arrays': hostileValues,
  'calls in pickles': hostileCalls,
  'opcodes of pickles': hostileOpcodes,
  'pickles that cost time': expensivePickles,
  prompts: hostilePrompts,
} as const satisfies Readonly<Record<string, readonly HostileCase[]>>;
