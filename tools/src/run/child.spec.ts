import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { SupervisedChild } from './child.ts';

let folder: string;
let child: SupervisedChild;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'supervised-'));
});
afterEach(async () => {
  await child.stop();
  await rm(folder, { recursive: true, force: true });
});

function supervise(program: string): SupervisedChild {
  child = new SupervisedChild({ name: 'worker', args: ['-e', program], env: {}, logPath: join(folder, 'worker.log') });
  child.start();
  return child;
}

describe('a supervised process', () => {
  it('that ends again and again ends the whole, with its own last words', async () => {
    await expect(supervise('console.error("DATA_DIR: set it."); process.exit(1)').failed).rejects.toThrow(
      'The worker cannot run. DATA_DIR: set it.',
    );
  });

  it('that aborts again and again is a crash loop too', async () => {
    await expect(supervise('process.abort()').failed).rejects.toThrow('The worker cannot run.');
  });

  it('that ends while its output still flows has every byte of it in the log', async () => {
    const bytes = 60_000;
    // The grandchild keeps the pipe open and writes after its parent is gone.
    const late = `setTimeout(() => process.stdout.write("x".repeat(${bytes})), 300)`;
    const program = `require("node:child_process").spawn(process.execPath, ["-e", ${JSON.stringify(late)}], { stdio: "inherit" }); setTimeout(() => process.exit(1), 50)`;
    await expect(supervise(program).failed).rejects.toThrow('The worker cannot run.');
    const logged = async () => (await readFile(join(folder, 'worker.log'))).length;
    const deadlineMs = performance.now() + 10_000;
    while ((await logged()) < 5 * bytes && performance.now() < deadlineMs)
      await new Promise((done) => setTimeout(done, 20));
    expect(await logged()).toBe(5 * bytes);
  });

  it('whose log cannot be written ends the whole with one sentence', async () => {
    await rm(folder, { recursive: true });
    await expect(supervise('setInterval(() => {}, 1000)').failed).rejects.toThrow(
      'The worker cannot run. Its log cannot be written',
    );
  });
});
