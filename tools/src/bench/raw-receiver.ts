/**
 * The least that can receive a file: `node:http` into a file on disk. `raw-receiver.ts PORT FOLDER`, started by
 * `tools/bench`. It parses no multipart and writes all of the body.
 */
import { randomUUID } from 'node:crypto';
import { createWriteStream } from 'node:fs';
import { rm } from 'node:fs/promises';
import { createServer } from 'node:http';
import { join } from 'node:path';
import { pipeline } from 'node:stream/promises';

const [port = '', folder = ''] = process.argv.slice(2);

createServer((req, res) => {
  const path = join(folder, randomUUID());
  void pipeline(req, createWriteStream(path))
    .then(() => rm(path))
    .then(() => res.writeHead(202).end())
    .catch(() => res.destroy());
}).listen(Number(port), '127.0.0.1');
