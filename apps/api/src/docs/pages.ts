import { createHash } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { openApiDocument } from '@bpi/job-contract';
import { DOCS_HTML, DOCS_SCRIPT, DOCS_STYLE } from './docs-page.ts';
import { errorsPage } from './errors-page.ts';

/** A document that is the same for everybody for as long as the process lives. */
export type Page = { contentType: string; body: Buffer; etag: string };

export type Pages = {
  openApi: Page;
  docs: Page;
  errors: Page;
  /** What the pages load, by name; nothing else can be asked for. */
  files: ReadonlyMap<string, Page>;
};

const CSS = 'text/css; charset=utf-8';
const SCRIPT = 'text/javascript; charset=utf-8';
const HTML = 'text/html; charset=utf-8';

/**
 * Makes the documentation, once.
 *
 * @param swaggerUi folder with `swagger-ui-bundle.js` and `swagger-ui.css` of the package swagger-ui-dist
 * @throws Error that says what to do if they are not there
 */
export async function readPages(swaggerUi: URL): Promise<Pages> {
  const read = async (name: string): Promise<Buffer> => {
    return readFile(new URL(name, swaggerUi)).catch((cause: unknown) => {
      throw new Error(`${name} of the documentation is missing: run \`node tools/src/build.ts\` and retry.`, { cause });
    });
  };
  return {
    openApi: page('application/json', JSON.stringify(openApiDocument())),
    docs: page(HTML, DOCS_HTML),
    errors: page(HTML, errorsPage()),
    files: new Map([
      ['docs.css', page(CSS, DOCS_STYLE)],
      ['docs.js', page(SCRIPT, DOCS_SCRIPT)],
      ['swagger-ui.css', page(CSS, await read('swagger-ui.css'))],
      ['swagger-ui-bundle.js', page(SCRIPT, await read('swagger-ui-bundle.js'))],
    ]),
  };
}

function page(contentType: string, content: string | Buffer): Page {
  const body = Buffer.from(content);
  return { contentType, body, etag: `"${createHash('sha256').update(body).digest('hex').slice(0, 32)}"` };
}
