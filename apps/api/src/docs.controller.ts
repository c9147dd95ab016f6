import { Controller, Get, Inject, Param, Req, Res } from '@nestjs/common';
import type { Page, Pages } from './docs/pages.ts';
import { isNotModified } from './http/entity-tag.ts';
import { ProblemError } from './http/problem-error.ts';
import type { Request, Response } from './http/types.ts';
import { PAGES } from './tokens.ts';

/**
 * Everything from this host and nothing inline. Images: Swagger UI draws its own from data, and shows a preview that
 * was just fetched.
 */
const PAGE_POLICY = [
  "default-src 'none'",
  "script-src 'self'",
  "style-src 'self'",
  "img-src 'self' data: blob:",
  "connect-src 'self'",
  "base-uri 'none'",
  "form-action 'none'",
  "frame-ancestors 'none'",
].join('; ');

/** What the API is and how to call it. The same for everybody, so anybody may read it. */
@Controller()
export class DocsController {
  readonly #pages: Pages;

  constructor(@Inject(PAGES) pages: Pages) {
    this.#pages = pages;
  }

  @Get('openapi.json')
  openApi(@Req() req: Request, @Res() res: Response): void {
    send(req, res, this.#pages.openApi);
  }

  @Get('docs')
  docs(@Req() req: Request, @Res() res: Response): void {
    send(req, res, this.#pages.docs);
  }

  @Get('docs/errors')
  errors(@Req() req: Request, @Res() res: Response): void {
    send(req, res, this.#pages.errors);
  }

  @Get('docs/:file')
  file(@Param('file') name: string, @Req() req: Request, @Res() res: Response): void {
    const page = this.#pages.files.get(name);
    if (page === undefined) throw new ProblemError('not_found');
    send(req, res, page);
  }
}

function send(req: Request, res: Response, { contentType, body, etag }: Page): void {
  res.setHeader('Content-Security-Policy', PAGE_POLICY);
  // A release changes them under the same name: kept, and asked for each time.
  res.setHeader('Cache-Control', 'no-cache');
  res.setHeader('ETag', etag);
  if (isNotModified(req.headers['if-none-match'], etag)) {
    res.status(304).end();
    return;
  }
  res.setHeader('Content-Type', contentType);
  res.setHeader('Content-Length', body.length);
  res.end(req.method === 'HEAD' ? undefined : body);
}
