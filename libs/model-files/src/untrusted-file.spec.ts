import { execFile } from 'node:child_process';
import { mkdir, mkdtemp, rm, symlink, writeFile } from 'node:fs/promises';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { readUntrusted } from './untrusted-file.ts';

describe('reading a file that a model wrote', () => {
  let folder: string;
  beforeEach(async () => {
    folder = await mkdtemp(join(tmpdir(), 'bpi-untrusted-'));
  });
  afterEach(() => rm(folder, { recursive: true }));

  const read = (name: string, bytesMax = 5) => readUntrusted(join(folder, name), bytesMax);

  it('gives its first bytes, and says how long it is', async () => {
    await writeFile(join(folder, 'file'), '0123456789');
    expect(await read('file')).toEqual({ head: Buffer.from('01234'), bytes: 10 });
    expect(await read('file', 100)).toEqual({ head: Buffer.from('0123456789'), bytes: 10 });
    expect(await read('none')).toBe('absent');
  });

  it('follows no link, opens no folder and no socket, and waits at no pipe', async () => {
    await symlink('/etc/hostname', join(folder, 'link'));
    await mkdir(join(folder, 'folder'));
    await promisify(execFile)('mkfifo', [join(folder, 'fifo')]);
    const server = createServer().listen(join(folder, 'socket'));
    try {
      for (const name of ['link', 'folder', 'fifo', 'socket'])
        expect([name, await read(name)]).toEqual([name, 'not_regular']);
    } finally {
      await new Promise((resolve) => server.close(resolve));
    }
  });
});
