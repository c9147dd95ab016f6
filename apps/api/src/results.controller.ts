import type { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { Controller, Get, Inject, Param, Req, Res } from '@nestjs/common';
import {
  ARTIFACTS,
  isArtifactName,
  LIMITS,
  storedMetadataSchema,
  type ArtifactName,
  type JobRecord,
  type ManifestEntry,
  type Metadata,
  type ResultBody,
} from '@bpi/job-contract';
import { expiryOf, ObjectNotFound, readText, type ByteRange, type Clock } from '@bpi/jobs';
import type { AuditTrail } from './audit-trail.ts';
import { parseRange } from './http/byte-range.ts';
import { isNotModified } from './http/entity-tag.ts';
import { ProblemError } from './http/problem-error.ts';
import { callerOf } from './http/request-context.ts';
import type { Request, Response } from './http/types.ts';
import { findOwnJob } from './job-lookup.ts';
import type { ApiPorts } from './ports.ts';
import type { ApiSettings } from './settings.ts';
import { isoTime, jobErrorOf } from './status-body.ts';
import { CLOCK, PORTS, SETTINGS, TRAIL } from './tokens.ts';

const JSON_TYPE = 'application/json';
const BYTES_TYPE = 'application/octet-stream';
const RETRY_AFTER_S = '1';

/** As short as a signed link may be. */
const LINK_TTL_MS_MIN = 1_000;

/** `leftMs` until it expires, when it was found. */
type Found = { job: JobRecord; manifest: ManifestEntry[]; expiresAtMs: number; leftMs: number };
/** `done` before the first byte: what was read is in the trail then. */
type Exchange = { req: Request; res: Response; done: () => Promise<void> };

/** Results come from the record's manifest: the projection under `output/` may be older, or on its way. */
@Controller()
export class ResultsController {
  readonly #ports: ApiPorts;
  readonly #settings: ApiSettings;
  readonly #clock: Clock;
  readonly #trail: AuditTrail;

  constructor(
    @Inject(PORTS) ports: ApiPorts,
    @Inject(SETTINGS) settings: ApiSettings,
    @Inject(CLOCK) clock: Clock,
    @Inject(TRAIL) trail: AuditTrail,
  ) {
    this.#ports = ports;
    this.#settings = settings;
    this.#clock = clock;
    this.#trail = trail;
  }

  @Get('result/:job_id')
  async result(@Param('job_id') id: string, @Req() req: Request, @Res() res: Response): Promise<void> {
    await this.#trail.act(req, 'result.read', id, async (done) => {
      const found = await this.#findResult(id, req);
      res.setHeader('Vary', 'Accept');
      if (req.accepts([JSON_TYPE, BYTES_TYPE]) === BYTES_TYPE) {
        await this.#send({ req, res, done }, entryOf(found.manifest, 'pred_mask.npz'), found.leftMs);
        return;
      }
      const body = await this.#describe(found);
      await done();
      res.json(body);
    });
  }

  @Get('result/:job_id/:artifact')
  async artifact(
    @Param('job_id') id: string,
    @Param('artifact') name: string,
    @Req() req: Request,
    @Res() res: Response,
  ): Promise<void> {
    await this.#trail.act(req, 'result.read', id, async (done) => {
      if (!isArtifactName(name)) throw new ProblemError('not_found');
      const { manifest, leftMs } = await this.#findResult(id, req);
      await this.#send({ req, res, done }, entryOf(manifest, name), leftMs);
    });
  }

  /** By the clock: a result that is past its time is not shown, whether its files are still there or not. */
  async #findResult(id: string, req: Request): Promise<Found> {
    const at = { nowMs: this.#clock.nowMs(), deployment: this.#settings.retention };
    const { job } = await findOwnJob(this.#ports.store, id, callerOf(req).clientId, at);
    if (job.error !== null) throw new ProblemError('job_failed', { jobError: jobErrorOf(job.error) });
    const expiry = expiryOf(job, at.deployment);
    if (job.result === null || expiry === null) {
      throw new ProblemError('not_ready', { headers: { 'Retry-After': RETRY_AFTER_S } });
    }
    const leftMs = expiry.result - at.nowMs;
    if (leftMs <= 0) throw new ProblemError('gone');
    return { job, manifest: job.result.manifest, expiresAtMs: expiry.result, leftMs };
  }

  async #describe({ job, manifest, expiresAtMs }: Found): Promise<ResultBody> {
    return {
      job_id: job.jobId,
      status: 'completed',
      artifacts: manifest.map(({ name, bytes, sha256 }) => ({
        name,
        url: `/result/${job.jobId}/${name}`,
        bytes,
        sha256,
        media_type: ARTIFACTS[name].mediaType,
      })),
      expires_at: isoTime(expiresAtMs),
      metadata: await this.#readMetadata(entryOf(manifest, 'metadata.json')),
    };
  }

  async #readMetadata(entry: ManifestEntry): Promise<Metadata> {
    const text = await readText(this.#ports.objects, entry.key, LIMITS.metadataBytesMax);
    // The record outlives its objects where the bucket lets results expire.
    if (text === null) throw new ProblemError('gone');
    return storedMetadataSchema.parse(JSON.parse(text));
  }

  async #send({ req, res, done }: Exchange, entry: ManifestEntry, leftMs: number): Promise<void> {
    // A link is signed for one method: HEAD is answered from the manifest.
    const signed = req.method === 'HEAD' ? null : await this.#sign(entry, leftMs);
    if (signed !== null) {
      await done();
      res.status(303).setHeader('Location', signed).end();
      return;
    }
    const etag = `"${entry.sha256}"`;
    // A published artifact never changes, yet only its owner may keep it, and must ask each time.
    res.setHeader('Cache-Control', 'private, no-cache');
    res.setHeader('ETag', etag);
    if (isNotModified(req.headers['if-none-match'], etag)) {
      await done();
      res.status(304).end();
      return;
    }
    await this.#sendBytes({ req, res, done }, { entry, etag });
  }

  /** A link ends with what it leads to. */
  #sign({ key, name }: ManifestEntry, leftMs: number): Promise<string | null> {
    const { mediaType } = ARTIFACTS[name];
    const ttlMs = Math.min(this.#settings.resultLinkTtlMs, Math.max(LINK_TTL_MS_MIN, leftMs));
    return this.#ports.objects.signDownload(key, { fileName: name, mediaType, ttlMs });
  }

  /** The record outlives its objects: they may have been deleted since it was read, or have expired. */
  async #open({ key }: ManifestEntry, range: ByteRange | null): Promise<Readable> {
    try {
      return await this.#ports.objects.get(key, ...(range === null ? [] : [range]));
    } catch (error) {
      if (error instanceof ObjectNotFound) throw new ProblemError('gone');
      throw error;
    }
  }

  async #sendBytes({ req, res, done }: Exchange, found: { entry: ManifestEntry; etag: string }): Promise<void> {
    const { entry, etag } = found;
    const ifRange = req.headers['if-range'];
    const isRanged = req.method === 'GET' && (ifRange === undefined || ifRange === etag);
    const answer = parseRange(isRanged ? req.headers.range : undefined, entry.bytes);
    if (answer.kind === 'unsatisfiable') {
      throw new ProblemError('range_invalid', { headers: { 'Content-Range': `bytes */${entry.bytes}` } });
    }
    const range = answer.kind === 'part' ? answer.range : null;
    // Opened before the first header: a missing object is then a whole answer of its own.
    const body = req.method === 'HEAD' ? null : await this.#open(entry, range);
    try {
      await done();
    } catch (error) {
      body?.destroy();
      throw error;
    }
    res.setHeader('Accept-Ranges', 'bytes');
    res.setHeader('Content-Type', ARTIFACTS[entry.name].mediaType);
    res.setHeader('Content-Disposition', `attachment; filename="${entry.name}"`);
    res.setHeader('Content-Length', range === null ? entry.bytes : range.end - range.start + 1);
    if (range !== null) res.status(206).setHeader('Content-Range', `bytes ${range.start}-${range.end}/${entry.bytes}`);
    if (body === null) {
      res.end();
      return;
    }
    try {
      await pipeline(body, res);
    } catch (error) {
      // A client that went before the pipeline began: nobody else closes the file, and Node ends a process that forgets.
      body.destroy();
      if (!isClientGone(error)) throw error;
    }
  }
}

function entryOf(manifest: readonly ManifestEntry[], name: ArtifactName): ManifestEntry {
  const entry = manifest.find((candidate) => candidate.name === name);
  if (entry === undefined) throw new ProblemError('not_found');
  return entry;
}

function isClientGone(error: unknown): boolean {
  if (!(error instanceof Error) || !('code' in error)) return false;
  return error.code === 'ERR_STREAM_PREMATURE_CLOSE' || error.code === 'ERR_STREAM_UNABLE_TO_PIPE';
}
