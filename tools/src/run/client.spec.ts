import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { createServer, type Server } from 'node:http';
import { once } from 'node:events';
import type { StatusBody } from '@bpi/job-contract';
import { Client } from './client.ts';

const JOB_ID = '0b5a6c1e-7d2f-4a3b-8c4d-5e6f70819203';
const pending = {
  job_id: JOB_ID,
  model: { name: 'echo', version: '1.0.0' },
  status: 'pending',
  phase: 'queued',
  attempt: 0,
  cancel_requested: false,
  created_at: '2030-01-01T00:00:00.000Z',
};
const ended = { ...pending, status: 'completed', phase: 'completed', ended_at: '2030-01-01T00:00:01.000Z' };

/** Answers of an API, one after the other: a status with its tag, or null for 304. */
let answers: ({ etag: string; body: object } | null)[];
let asked: { url: string | undefined; tag: string | undefined }[];
let server: Server;
let client: Client;
beforeEach(async () => {
  asked = [];
  server = createServer((req, res) => {
    asked.push({ url: req.url, tag: req.headers['if-none-match'] });
    const answer = answers.shift() ?? null;
    if (answer === null) res.writeHead(304).end();
    else res.writeHead(200, { etag: answer.etag }).end(JSON.stringify(answer.body));
  }).listen(0, '127.0.0.1');
  await once(server, 'listening');
  const address = server.address();
  if (address === null || typeof address === 'string') throw new Error('the server has a port');
  client = new Client(`http://127.0.0.1:${address.port}`, null);
});
afterEach(() => {
  server.closeAllConnections();
  server.close();
});

describe('following a job', () => {
  it('asks with the tag that it knows, tells the same again after 304, and stops at the end', async () => {
    answers = [{ etag: '"a"', body: pending }, null, { etag: '"b"', body: ended }];
    const told: StatusBody[] = [];
    for await (const status of client.follow(JOB_ID)) told.push(status);
    expect(told).toEqual([pending, pending, ended]);
    expect(asked.map(({ tag }) => tag)).toEqual(['"none yet"', '"a"', '"a"']);
    expect(new Set(asked.map(({ url }) => url))).toEqual(new Set([`/status/${JOB_ID}?wait=1`]));
  });
});
