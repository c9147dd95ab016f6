import { randomUUID } from 'node:crypto';
import { inText, type Wire } from '../wire.ts';
import type { Protocol } from './protocol.ts';

const NAMESPACE = 'http://autoscaling.amazonaws.com/doc/2011-01-01/';
const MEMBER = /^(?<list>[A-Za-z]+)\.member\.\d+$/;
/** Query services have a word of their own for it. */
const ERROR_CODES: Readonly<Record<string, string>> = {
  ThrottlingException: 'Throttling',
  ServerException: 'InternalFailure',
};

/** awsQuery: a form in, XML out, as Auto Scaling speaks it. */
export const queryProtocol: Protocol = {
  read: (headers, body) => {
    if (!headers['content-type']?.startsWith('application/x-www-form-urlencoded')) return null;
    const form = new URLSearchParams(body);
    const operation = form.get('Action');
    return operation === null ? null : { operation, input: inputOf(form) };
  },
  write: (operation, answer) => {
    const result = element(`${operation}Result`, answer);
    const metadata = element('ResponseMetadata', { RequestId: randomUUID() });
    const body = `<${operation}Response xmlns="${NAMESPACE}">${result}${metadata}</${operation}Response>`;
    return { status: 200, contentType: 'text/xml', body };
  },
  writeError: (error) => {
    const code = ERROR_CODES[error.code] ?? error.code;
    const type = error.httpStatus < 500 ? 'Sender' : 'Receiver';
    const inner = element('Error', { Type: type, Code: code, Message: error.message });
    const body = `<ErrorResponse xmlns="${NAMESPACE}">${inner}${element('RequestId', randomUUID())}</ErrorResponse>`;
    return { status: error.httpStatus, contentType: 'text/xml', body };
  },
};

/** Members of lists are gathered; values stay text. */
function inputOf(form: URLSearchParams): Record<string, string | string[]> {
  const input: Record<string, string | string[]> = {};
  for (const [key, value] of form) {
    if (key === 'Action' || key === 'Version') continue;
    const list = MEMBER.exec(key)?.groups?.['list'];
    if (list === undefined) input[key] = value;
    else input[list] = [...(input[list] ?? []), value];
  }
  return input;
}

function element(name: string, value: Wire): string {
  return value === undefined || value === null ? '' : `<${name}>${content(value)}</${name}>`;
}

function content(value: Wire): string {
  if (value instanceof Date) return inText(value);
  if (Array.isArray(value)) return value.map((item: Wire) => element('member', item)).join('');
  if (typeof value === 'object' && value !== null)
    return Object.entries(value)
      .map(([name, member]) => element(name, member))
      .join('');
  return String(value).replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('>', '&gt;');
}
