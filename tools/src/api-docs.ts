/**
 * Writes what the repository shows of the API: `docs/openapi.json` and `docs/errors.md`, both made from the contract.
 * `node tools/src/api-docs.ts` after every change of routes, bodies or codes; a test compares them.
 */
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { FAILED_JOBS, openApiDocument, REFUSED_REQUESTS, type ErrorEntry } from '@bpi/job-contract';

const ERRORS_HEAD = `<!-- Made by \`node tools/src/api-docs.ts\` from libs/job-contract; edit problems.ts and outcomes.ts there. -->
# Errors

Two closed lists. A running API shows them at \`/docs/errors\`; which route answers which code is in
[openapi.json](openapi.json), which it shows at \`/docs\`.
`;

const PROBLEMS_HEAD = `
## Refused requests

The \`code\` of a problem (\`application/problem+json\`, RFC 9457). "Send again": the same request may succeed later, after
\`Retry-After\` where there is one.
`;

const FAILURES_HEAD = `
## Failed jobs

The \`error.code\` of a job's status, and of \`job_error\` in the problem \`job_failed\`. "Send again": submitting the same may
succeed without anybody mending anything first.
`;

/** Paths from the repository's root, and what they hold. Pure. */
export function apiDocs(): ReadonlyMap<string, string> {
  const refused = REFUSED_REQUESTS.map((entry) => row(entry, String(entry.status)));
  const failed = FAILED_JOBS.map((entry) => row(entry, entry.before));
  const errors = [
    ERRORS_HEAD,
    `${PROBLEMS_HEAD}\n${table('status', refused)}`,
    `${FAILURES_HEAD}\n${table('what the platform does before', failed)}`,
  ];
  return new Map([
    ['docs/openapi.json', `${JSON.stringify(openApiDocument(), null, 2)}\n`],
    ['docs/errors.md', errors.join('')],
  ]);
}

function table(own: string, rows: readonly string[]): string {
  return [`| code | ${own} | fault | send again | what to do |`, '|---|---|---|---|---|', ...rows, ''].join('\n');
}

function row({ code, fault, retryable, whatToDo }: ErrorEntry, own: string): string {
  return `| \`${code}\` | ${own} | ${fault} | ${retryable ? 'yes' : 'no'} | ${whatToDo.replaceAll('|', '\\|')} |`;
}

if (import.meta.main) {
  for (const [path, text] of apiDocs()) await writeFile(join(import.meta.dirname, '../..', path), text);
}
