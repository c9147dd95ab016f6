import { mkdir, readdir, stat, utimes, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterEach, describe, expect, it } from '@jest/globals';
import type { ApiSettings } from './settings.ts';
import { DiskRoom } from './upload/disk-room.ts';
import {
  inferForm,
  leftovers,
  NOTHING,
  postInfer,
  problemOf,
  startTestApi,
  until,
  type TestApi,
} from './testing/api-harness.ts';
import { usualNpz } from './testing/npz.ts';
import { BODY_END, chunk, FILE_PART_HEAD, head, inferHead, RawConnection } from './testing/raw-http.ts';

let api: TestApi;
const connections: RawConnection[] = [];
afterEach(async () => {
  for (const connection of connections.splice(0)) connection.abort();
  await api.close();
});

async function start(settings: Partial<ApiSettings> = {}): Promise<void> {
  api = await startTestApi({ settings });
}

async function open(): Promise<RawConnection> {
  const connection = await RawConnection.open(api.port);
  connections.push(connection);
  return connection;
}

/** Sends, then waits for the final answer's status and code. */
async function answerTo(data: string): Promise<[number, string]> {
  const connection = await open();
  connection.send(data);
  return answerOn(connection);
}

async function answerOn(connection: RawConnection): Promise<[number, string]> {
  await until(() => connection.received.includes('"code"'));
  const status = Number(/HTTP\/1\.1 ([2-5]\d\d)/.exec(connection.received)?.[1]);
  return [status, /"code":"(\w+)"/.exec(connection.received)?.[1] ?? ''];
}

async function expectNothingLeft(): Promise<void> {
  await until(async () => (await leftovers(api)).scratch.length === 0);
  expect(await leftovers(api)).toEqual(NOTHING);
}

describe('before the body is read', () => {
  it('a request without a key is refused', async () => {
    await start({ keyless: 'refused' });
    expect(await answerTo(inferHead(['Content-Length: 900000']))).toEqual([401, 'unauthorized']);
    await expectNothingLeft();
  });

  it('another content type is refused', async () => {
    await start();
    const urlencoded = 'application/x-www-form-urlencoded';
    for (const type of ['application/json', urlencoded, 'multipart/mixed; boundary=x', 'multipart/form-data']) {
      const request = head('POST', '/infer', [`Content-Type: ${type}`, 'Content-Length: 10']);
      expect(await answerTo(request)).toEqual([415, 'content_type']);
    }
    expect(await answerTo(head('POST', '/infer', ['Content-Length: 10']))).toEqual([415, 'content_type']);
  });

  it('a request without a length is refused', async () => {
    await start();
    expect(await answerTo(inferHead([]))).toEqual([411, 'length_required']);
  });

  it('a length above the limit is refused, and a client that waits is not told to go on', async () => {
    await start();
    const connection = await open();
    connection.send(inferHead(['Content-Length: 2000000', 'Expect: 100-continue']));
    expect(await answerOn(connection)).toEqual([413, 'too_large']);
    expect(connection.received).not.toContain('100 Continue');
  });

  it('a client that waits is told to go on once it may', async () => {
    await start();
    const body = FILE_PART_HEAD + usualNpz().toString('latin1') + BODY_END;
    const connection = await open();
    connection.send(inferHead([`Content-Length: ${body.length}`, 'Expect: 100-continue']));
    await until(() => connection.received.includes('100 Continue'));
    connection.send(Buffer.from(body, 'latin1'));
    await until(() => connection.received.includes('202 Accepted'));
  });

  it('a full disk is refused', async () => {
    await start({ scratchReserveBytes: Number.MAX_SAFE_INTEGER });
    const response = await postInfer(api, inferForm());
    expect([response.status, (await problemOf(response)).code]).toEqual([503, 'storage_full']);
    expect((await fetch(`${api.url}/health/ready`)).status).toBe(503);
    await expectNothingLeft();
  });

  it('uploads beyond the number that one client may have at once are refused', async () => {
    await start({ uploadsPerClientMax: 1 });
    const first = await open();
    first.send(inferHead(['Content-Length: 1000']) + FILE_PART_HEAD);
    await until(async () => (await leftovers(api)).scratch.length === 1);
    const second = await postInfer(api, inferForm());
    expect([second.status, (await problemOf(second)).code]).toEqual([429, 'too_many_uploads']);
    expect(second.headers.get('retry-after')).not.toBeNull();
    first.abort();
    await expectNothingLeft();
    expect((await postInfer(api, inferForm())).status).toBe(202);
  });
});

describe('while the body is read', () => {
  it('a file of exactly the limit goes on to the check, one byte more does not', async () => {
    await start({ uploadBytesMax: 4096 });
    const exact = await postInfer(api, inferForm({}, Buffer.alloc(4096)));
    expect([exact.status, (await problemOf(exact)).code]).toEqual([422, 'not_a_zip']);
    const more = await postInfer(api, inferForm({}, Buffer.alloc(4097)));
    expect([more.status, (await problemOf(more)).code]).toEqual([413, 'too_large']);
    await expectNothingLeft();
  });

  it('a chunked body that does not end is cut off at the limit', async () => {
    await start();
    const connection = await open();
    connection.send(inferHead(['Transfer-Encoding: chunked']) + chunk(FILE_PART_HEAD));
    const block = chunk('x'.repeat(64 * 1024));
    for (let sent = 0; sent < 20; sent += 1) connection.send(block);
    expect(await answerOn(connection)).toEqual([413, 'too_large']);
    await expectNothingLeft();
  });

  it('a refusal is answered although the client goes on sending', async () => {
    await start();
    const connection = await open();
    const longName = `--raw-test-boundary\r\nContent-Disposition: form-data; name="${'n'.repeat(65)}"\r\n\r\nx\r\n`;
    connection.send(`${inferHead(['Content-Length: 1000000'])}${longName}${FILE_PART_HEAD}`);
    expect(await answerOn(connection)).toEqual([400, 'field_unknown']);
    await expectNothingLeft();
  });

  it('a chunked upload is accepted', async () => {
    await start();
    const connection = await open();
    const body = FILE_PART_HEAD + usualNpz().toString('latin1') + BODY_END;
    connection.send(Buffer.from(`${inferHead(['Transfer-Encoding: chunked'])}${chunk(body)}0\r\n\r\n`, 'latin1'));
    await until(() => connection.received.includes('202 Accepted'));
  });

  it('uploads that are aborted right behind their head leave nothing, at once', async () => {
    await start({ uploadStallMs: 60_000, uploadsPerClientMax: 100 });
    // Between the head and the first look at the body lie a few milliseconds: some of these end there.
    for (let delayMs = 0; delayMs < 4; delayMs += 0.1) {
      const connection = await open();
      connection.send(inferHead(['Content-Length: 900000']));
      setTimeout(() => connection.abort(), delayMs);
    }
    await until(() => api.logLines.filter((line) => line.includes('"upload_aborted"')).length >= 20);
    await expectNothingLeft();
  });

  it('an upload that its client aborts leaves nothing', async () => {
    await start();
    const connection = await open();
    connection.send(inferHead(['Content-Length: 500000']) + FILE_PART_HEAD + 'x'.repeat(100_000));
    await until(async () => {
      const [name] = (await leftovers(api)).scratch;
      return name !== undefined && (await stat(join(api.scratchDir, name))).size > 0;
    });
    connection.abort();
    await expectNothingLeft();
    await until(() => api.logLines.some((line) => line.includes('"upload_aborted"')));
  });

  it('a body that lacks its last boundary, or has none, is malformed', async () => {
    await start();
    for (const body of [`${FILE_PART_HEAD}PK`, 'no multipart at all', FILE_PART_HEAD.slice(0, 60)]) {
      const answer = await answerTo(inferHead([`Content-Length: ${body.length}`]) + body);
      expect(answer).toEqual([400, 'multipart_malformed']);
    }
    await expectNothingLeft();
  });

  it('an upload that stalls is given up', async () => {
    await start({ uploadStallMs: 100 });
    const connection = await open();
    connection.send(inferHead(['Content-Length: 500000']) + FILE_PART_HEAD);
    expect(await answerOn(connection)).toEqual([408, 'upload_too_slow']);
    await expectNothingLeft();
  });

  it('a request that takes longer than a request may is given up', async () => {
    await start({ requestTimeoutMs: 300, headersTimeoutMs: 200 });
    const connection = await open();
    connection.send(inferHead(['Content-Length: 500000']) + FILE_PART_HEAD);
    expect(await answerOn(connection)).toEqual([408, 'upload_too_slow']);
    await until(() => connection.isClosed);
    await expectNothingLeft();
  });

  it('headers that do not end are given up', async () => {
    await start({ requestTimeoutMs: 300, headersTimeoutMs: 200 });
    const connection = await open();
    connection.send('GET /models HTTP/1.1\r\nHost: x\r\n');
    await until(() => connection.isClosed);
    expect(connection.received).toContain('408');
  });
});

describe('the scratch folder', () => {
  it('is swept at the start of what a dead process left, and of nothing younger', async () => {
    await start();
    await api.close();
    await mkdir(api.scratchDir, { recursive: true });
    const { Scratch, SCRATCH_KEPT_MS } = await import('./upload/scratch.ts');
    const [old, young] = [join(api.scratchDir, 'a.upload'), join(api.scratchDir, 'b.upload')];
    await writeFile(old, 'x');
    await writeFile(young, 'x');
    const oldAt = new Date(Date.now() - SCRATCH_KEPT_MS - 1_000);
    await utimes(old, oldAt, oldAt);
    const scratch = await Scratch.open(api.scratchDir, new DiskRoom([]));
    const lease = await scratch.lease(1);
    await utimes(lease.uploadPath, oldAt, oldAt);
    expect((await stat(lease.uploadPath)).mode & 0o777).toBe(0o600);
    expect(await scratch.sweep(Date.now())).toBe(1);
    expect(await readdir(api.scratchDir)).toHaveLength(2);
    await lease.release();
    expect(await readdir(api.scratchDir)).toEqual(['b.upload']);
  });
});
