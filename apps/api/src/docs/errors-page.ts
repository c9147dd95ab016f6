import { FAILED_JOBS, REFUSED_REQUESTS, type ErrorEntry } from '@bpi/job-contract';

/** The page that a problem's `type` leads to: every code with an anchor of its own. Needs no script. */
export function errorsPage(): string {
  const refused = REFUSED_REQUESTS.map((entry) => row(entry, String(entry.status)));
  const failed = FAILED_JOBS.map((entry) => row(entry, entry.before));
  return `<!doctype html>
<html lang="en">
  <head>
    <meta charset="utf-8">
    <meta name="viewport" content="width=device-width, initial-scale=1">
    <title>BiomedParse inference: errors</title>
    <link rel="icon" href="data:,">
    <link rel="stylesheet" href="/docs/docs.css">
  </head>
  <body>
    <h1>Errors</h1>
    <p>Both lists are closed. <a href="/docs">The API</a> says which route answers which of them.</p>
    <h2>Refused requests</h2>
    <p>The <code>code</code> of a problem (<code>application/problem+json</code>, RFC 9457).</p>
    ${table('Status', refused)}
    <h2>Failed jobs</h2>
    <p>The <code>error.code</code> of a job's status.</p>
    ${table('What the platform does before', failed)}
  </body>
</html>
`;
}

function table(own: string, rows: readonly string[]): string {
  const head = ['Code', own, 'Fault', 'Send again?', 'What to do'].map((name) => `<th>${name}</th>`).join('');
  return `<table>\n<thead><tr>${head}</tr></thead>\n<tbody>\n${rows.join('\n')}\n</tbody>\n</table>`;
}

function row({ code, fault, retryable, whatToDo }: ErrorEntry, own: string): string {
  const cells = [`<code>${code}</code>`, own, fault, retryable ? 'yes' : 'no', escaped(whatToDo)];
  return `<tr id="${code}">${cells.map((cell) => `<td>${cell}</td>`).join('')}</tr>`;
}

function escaped(text: string): string {
  return text.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('>', '&gt;');
}
