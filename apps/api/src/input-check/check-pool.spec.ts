import { mkdtemp, readdir, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { NO_GEOMETRY, type InputSummary } from '@bpi/volumes';
import { inputPolicyOf } from '../infer/compose-submission.ts';
import { ProblemError } from '../http/problem-error.ts';
import { usualNpz } from '../testing/npz.ts';
import { TEST_MODELS } from '../testing/test-models.ts';
import { CheckPool, type CheckPoolOptions } from './check-pool.ts';
import type { CheckRequest } from './check-message.ts';

const THREAD = new URL('./check-thread.ts', import.meta.url);

let dir: string;
let pool: CheckPool;
beforeEach(async () => {
  dir = await mkdtemp(join(tmpdir(), 'check-pool-spec-'));
});
afterEach(async () => {
  await pool.close();
  await rm(dir, { recursive: true, force: true });
});

function open(options: Partial<CheckPoolOptions> = {}): void {
  pool = new CheckPool({ entry: THREAD, threads: 1, queueMax: 4, timeoutMs: 20_000, ...options });
}

/** A thread that behaves as the request's source path says. */
async function openWith(options: Partial<CheckPoolOptions> = {}): Promise<void> {
  const path = join(dir, 'thread.mjs');
  await writeFile(
    path,
    `import { writeFileSync } from 'node:fs';
     import { parentPort } from 'node:worker_threads';
     parentPort.on('message', ({ sourcePath, targetPath, policy }) => {
       const tooLarge = { kind: 'refused', code: 'too_large' };
       if (sourcePath === 'large' && policy.limits.imgsBytesMax <= 16777216) return parentPort.postMessage(tooLarge);
       if (sourcePath === 'huge') return parentPort.postMessage(tooLarge);
       if (sourcePath === 'large') return;
       if (sourcePath === 'scribble') for (;;) writeFileSync(targetPath, 'x');
       if (sourcePath === 'hang') for (;;);
       if (sourcePath === 'throw') throw new Error('a secret of the client');
       if (sourcePath === 'exit') process.exit(3);
       if (sourcePath === 'eat') { const all = []; for (;;) all.push(new Array(1e6).fill(all)); }
       if (sourcePath === 'wait') return;
       const failed = { kind: 'failed', errorName: 'error', errorCode: 'enospc', frames: [] };
       if (sourcePath === 'full') return parentPort.postMessage(failed);
       parentPort.postMessage({ kind: 'rebuilt', summary: sourcePath });
     });`,
  );
  open({ entry: pathToFileURL(path), ...options });
}

function ask(sourcePath: string): Promise<InputSummary> {
  const model = TEST_MODELS[0];
  if (model === undefined) throw new Error('the tests have a model');
  const policy = inputPolicyOf(model, 1_000_000);
  const request: CheckRequest = { sourcePath, targetPath: join(dir, 'out.npz'), policy, geometry: NO_GEOMETRY };
  return pool.rebuild(request);
}

async function codeOf(refused: Promise<unknown>): Promise<string> {
  const error: unknown = await refused.then(
    () => 'accepted',
    (thrown: unknown) => thrown,
  );
  return error instanceof ProblemError ? error.code : String(error);
}

describe('the check threads', () => {
  it('rebuild a file and refuse another', async () => {
    open();
    await writeFile(join(dir, 'in.npz'), usualNpz());
    expect(await ask(join(dir, 'in.npz'))).toMatchObject({ shape: [4, 6, 8], dtype: 'uint8' });
    await rm(join(dir, 'out.npz'));
    await writeFile(join(dir, 'bad.npz'), 'x');
    expect(await codeOf(ask(join(dir, 'bad.npz')))).toBe('not_a_zip');
    expect(await readdir(dir)).toEqual(['bad.npz', 'in.npz']);
  });

  it('are stopped when their time is over, and replaced', async () => {
    await openWith({ timeoutMs: 300 });
    expect(await codeOf(ask('hang'))).toBe('unavailable');
    expect(await ask('answer')).toBe('answer');
  });

  it('write nothing any more once their request was answered', async () => {
    await openWith({ timeoutMs: 300 });
    expect(await codeOf(ask('scribble'))).toBe('unavailable');
    await rm(join(dir, 'out.npz'));
    expect(await ask('answer')).toBe('answer');
    expect(await readdir(dir)).toEqual(['thread.mjs']);
  });

  it.each(['throw', 'exit', 'eat'])('may die (%s): the request fails, the next one does not', async (how) => {
    await openWith();
    const [failed, next] = await Promise.all([codeOf(ask(how)), ask('answer')]);
    expect([failed, next]).toEqual(['internal', 'answer']);
  });

  it('tell a full disk from a fault of ours', async () => {
    await openWith();
    expect(await codeOf(ask('full'))).toBe('storage_full');
  });

  it('let a small volume pass by large ones', async () => {
    await openWith();
    const large = [codeOf(ask('large')), codeOf(ask('large'))];
    expect(await ask('answer')).toBe('answer');
    await pool.close();
    expect(await Promise.all(large)).toEqual(['unavailable', 'unavailable']);
  });

  it('refuse what is too large for any', async () => {
    await openWith();
    expect(await codeOf(ask('huge'))).toBe('too_large');
  });

  it('have a queue that ends', async () => {
    await openWith({ queueMax: 2 });
    const waiting = ['wait', 'answer', 'answer'].map((what) => codeOf(ask(what)));
    expect(await codeOf(ask('answer'))).toBe('unavailable');
    await pool.close();
    expect(await Promise.all(waiting)).toEqual(['unavailable', 'unavailable', 'unavailable']);
    expect(await codeOf(ask('answer'))).toBe('unavailable');
  });
});
