import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { createServer } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Readable } from 'node:stream';
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { deb822Lines, oneLineEntries } from './base-image.ts';
import { ensureDockerEngine, ping } from './engine.ts';
import { lastLine, runCommand } from './host.ts';
import { imageEvents } from './image-events.ts';
import { contentHash, contextFiles } from './model-image.ts';
import { firstFile } from './sample-volumes.ts';

let folder: string;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'docker-tools-'));
});
afterEach(async () => {
  await rm(folder, { recursive: true, force: true });
});

describe('the content of a model image', () => {
  const hash = async (): Promise<string> =>
    contentHash({ folder, files: await contextFiles(folder), baseImageId: 'sha256:base' });

  beforeEach(async () => {
    await writeFile(join(folder, 'Dockerfile'), 'FROM x');
    await writeFile(join(folder, 'predict.py'), 'pass');
  });

  it('changes with a file, its name, and the base', async () => {
    const before = await hash();
    await writeFile(join(folder, 'predict.py'), 'pass # more');
    const edited = await hash();
    await writeFile(join(folder, 'other.py'), '');
    const added = await hash();
    const files = await contextFiles(folder);
    const rebased = await contentHash({ folder, files, baseImageId: 'sha256:other' });
    expect(new Set([before, edited, added, rebased]).size).toBe(4);
  });

  it('is another one for each stage that may be asked for', async () => {
    const files = await contextFiles(folder);
    const staged = await Promise.all(
      ['code', 'stand-in'].map((target) => contentHash({ folder, files, target, baseImageId: 'sha256:base' })),
    );
    expect(new Set([await hash(), ...staged]).size).toBe(3);
  });

  it('does not hold what the image does not hold', async () => {
    const before = await hash();
    await mkdir(join(folder, 'tests'));
    await writeFile(join(folder, 'tests/test_predict.py'), 'pass');
    await writeFile(join(folder, 'README.md'), 'text');
    await writeFile(join(folder, 'model.spec.ts'), '');
    expect(await hash()).toBe(before);
    expect(await contextFiles(folder)).toEqual(['Dockerfile', 'predict.py']);
  });
});

describe('apt sources of the host', () => {
  it('are taken for our suite from deb822 files', () => {
    const text = [
      'Types: deb deb-src',
      'URIs: http://mirror.test/debian',
      'Suites: bookworm bookworm-updates trixie',
      'Components: main contrib',
      'Signed-By: /usr/share/keyrings/a.gpg',
      '',
      'Types: deb',
      'URIs: http://off.test/debian',
      'Suites: bookworm',
      'Components: main',
      'Enabled: no',
      '',
      'Types: deb',
      'URIs: http://other.test/apt',
      'Suites: cloud-sdk-bookworm',
      'Components: main',
    ].join('\n');
    expect(deb822Lines(text)).toEqual([
      'deb http://mirror.test/debian bookworm main',
      'deb http://mirror.test/debian bookworm-updates main',
    ]);
  });

  it('are taken for our suite from one-line files', () => {
    const text = [
      '# deb http://comment.test/debian bookworm main',
      'deb [signed-by=/a.gpg arch=amd64] http://mirror.test/debian bookworm main contrib',
      'deb-src http://mirror.test/debian bookworm main',
      'deb http://mirror.test/ubuntu noble main',
    ].join('\n');
    expect(oneLineEntries(text)).toEqual(['deb http://mirror.test/debian bookworm main']);
  });
});

describe('imageEvents', () => {
  it('reads events that are cut anywhere and passes over what is no event', async () => {
    const text = '{"stream":"Step 1/2 : FROM x\\n"}\r\nnoise\n{"error":"no"}';
    const seen = [];
    for await (const event of imageEvents(Readable.from([...text].map((part) => Buffer.from(part))))) seen.push(event);
    expect(seen).toEqual([{ stream: 'Step 1/2 : FROM x\n' }, { error: 'no' }]);
  });
});

describe('firstFile', () => {
  const block = (type: string, size: number): Buffer => {
    const header = Buffer.alloc(512);
    header.write('name', 0);
    header.write(`${size.toString(8).padStart(11, '0')} `, 124);
    header.write(type, 156);
    return header;
  };

  it('finds the file behind extended headers', () => {
    const parts = [block('x', 5), Buffer.alloc(512), block('0', 3), Buffer.from('abc'), Buffer.alloc(509)];
    const archive = Buffer.concat(parts);
    expect(firstFile(archive).toString()).toBe('abc');
  });

  it('refuses an archive that is cut off or holds none', () => {
    expect(() => firstFile(Buffer.concat([block('0', 1000), Buffer.alloc(10)]))).toThrow('no file');
    expect(() => firstFile(Buffer.alloc(1024))).toThrow('no file');
  });
});

describe('the engine', () => {
  it('is the one at DOCKER_HOST when that answers, and is left running', async () => {
    const socketPath = join(folder, 'engine.sock');
    const server = createServer((_, response) => response.end('OK')).listen(socketPath);
    const environment = { DOCKER_HOST: `unix://${socketPath}` };
    const engine = await ensureDockerEngine({ log: () => {}, environment, stateFolder: folder });
    await engine.stop();
    expect([engine.socketPath, engine.startedByUs, await ping(socketPath)]).toEqual([socketPath, false, 'ok']);
    server.close();
    server.closeAllConnections();
  });

  it.each(['tcp://127.0.0.1:1', 'unix:///nowhere/docker.sock'])('is never replaced when %s is set', async (address) => {
    const asked = ensureDockerEngine({ log: () => {}, environment: { DOCKER_HOST: address }, stateFolder: folder });
    await expect(asked).rejects.toMatchObject({ code: 'engine_missing' });
  });
});

describe('runCommand', () => {
  it('tells a program that fails, one that is missing, and one that takes too long', async () => {
    const environment = { PATH: '/usr/bin:/bin' };
    const failed = await runCommand(['sh', '-c', 'echo why >&2; exit 3'], { environment, timeoutMs: 5_000 });
    const missing = await runCommand(['no-such-program'], { environment, timeoutMs: 5_000 });
    const late = await runCommand(['sleep', '60'], { environment, timeoutMs: 50 });
    expect([failed.exitCode, missing.exitCode, late.exitCode]).toEqual([3, null, null]);
    expect(failed.tail).toBe('why\n');
  });

  it('shows no credentials of a proxy', () => {
    expect(lastLine('a\nfailed: http://name:secret@proxy.test:1/x\n')).toBe('failed: http://***@proxy.test:1/x');
  });
});
