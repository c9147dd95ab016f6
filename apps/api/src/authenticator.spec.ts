import { createHash, randomBytes } from 'node:crypto';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { openPlatformDatabase, SqliteClients, type PlatformDatabase } from '@bpi/adapters-local';
import type { ApiKeyRecord } from '@bpi/job-contract';
import { Authenticator } from './authenticator.ts';

type Keys = ConstructorParameters<typeof Authenticator>[0];
type Identify = Authenticator['identify'];
type Asked = Parameters<Identify>[0];

const PAIRS = 3_000;
const WARM_UP_PAIRS = 1_500;
/** Of medians. What is looked at costs some microseconds; leaving the digest out makes a factor of three and more. */
const FACTOR_MAX = 2;

const KEY: ApiKeyRecord = {
  keyId: randomBytes(6).toString('hex'),
  clientId: 'clinic-a',
  digest: createHash('sha256').update(randomBytes(32).toString('base64url')).digest('hex'),
  createdAtMs: 0,
  revokedAtMs: null,
};

/** A look-up that costs nothing, so that the rest is measured. */
const FREE: Keys = {
  findKey: async (keyId) => (keyId === KEY.keyId ? KEY : null),
  listKeys: async () => [KEY],
};

let folder: string;
let database: PlatformDatabase;
let stored: SqliteClients;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'authenticator-spec-'));
  database = openPlatformDatabase(join(folder, 'platform.db'));
  stored = new SqliteClients(database);
  await stored.putKey(KEY);
});
afterAll(async () => {
  database.close();
  await rm(folder, { recursive: true });
});

function identifierOf(keys: Keys): Identify {
  const authenticator = new Authenticator(keys, 'refused');
  return (asked) => authenticator.identify(asked);
}

const randomId = () => randomBytes(6).toString('hex');

function wrongKeyOf(keyId: string): Asked {
  const authorization = `Bearer bpi_${keyId}_${randomBytes(32).toString('base64url')}`;
  return { headers: { authorization }, headersDistinct: { authorization: [authorization] } };
}

/** How much longer the median refusal of one kind takes than that of the other: 1 = alike. Pairs take turns in who is first. */
async function factorBetween(identify: Identify): Promise<number> {
  const times = { known: [] as number[], unknown: [] as number[] };
  for (let pair = 0; pair < WARM_UP_PAIRS + PAIRS; pair += 1) {
    for (const kind of pair % 2 === 0 ? (['known', 'unknown'] as const) : (['unknown', 'known'] as const)) {
      const asked = wrongKeyOf(kind === 'known' ? KEY.keyId : randomId());
      const startedNs = process.hrtime.bigint();
      const { kind: said } = await identify(asked);
      const tookNs = Number(process.hrtime.bigint() - startedNs);
      if (said !== 'refused') throw new Error('a wrong secret was taken for a key');
      if (pair >= WARM_UP_PAIRS) times[kind].push(tookNs);
    }
  }
  const [known, unknown] = [median(times.known), median(times.unknown)];
  return Math.max(known, unknown) / Math.min(known, unknown);
}

function median(values: number[]): number {
  return values.sort((a, b) => a - b)[Math.floor(values.length / 2)] ?? Number.NaN;
}

describe('a wrong secret', () => {
  it('of a known key id is refused in the time of an unknown one', async () => {
    expect(await factorBetween(identifierOf(FREE))).toBeLessThan(FACTOR_MAX);
  });

  it('would be refused sooner if an unknown id were not worth a digest, and this test would see it', async () => {
    const careful = identifierOf(FREE);
    const hasty: Identify = async (asked) => {
      const keyId = asked.headersDistinct['authorization']?.[0]?.slice(11, 23) ?? '';
      return (await FREE.findKey(keyId)) === null ? { kind: 'refused', keyId: null } : careful(asked);
    };
    expect(await factorBetween(hasty)).toBeGreaterThan(FACTOR_MAX);
  });

  it('is looked up in the database in some microseconds, whether its id is there or not', async () => {
    // A row that is there is decoded as well, which an unknown id spares: some 3 µs.
    expect(await factorBetween(identifierOf(stored))).toBeLessThan(2 * FACTOR_MAX);
  });
});
